"""Taking a claimed message to one provider after the other until somebody has it, or may have it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime
from typing import cast

from django.db import transaction

from backend.notifications.addressbook import addressbook
from backend.notifications.kinds import Kind
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations import health
from backend.notifications.operations.claiming import (
    Claim,
    Clock,
    history_of,
    longest_call,
    open_round,
    route_of,
)
from backend.notifications.operations.planning import (
    Plan,
    is_over,
    known_kind,
    opens_at,
    template_of,
    valid_for,
)
from backend.notifications.operations.recording import (
    MAX_ATTEMPTS,
    begin,
    finish,
    give_up_for_now,
    pass_on,
    record_accepted,
    record_unknown,
    settle,
)
from backend.notifications.operations.routes import Route
from backend.notifications.providers import (
    REPEATABLE,
    Channel,
    ProviderError,
    Reaction,
    message_provider,
)

logger = logging.getLogger("mawid.messages")

_State, _Outcome = Message.State, DeliveryAttempt.Outcome


def carry(claim: Claim, *, clock: Clock, seconds: float = float("inf")) -> None:
    """Take a claimed message to one provider after the other until somebody has it, or may have it."""
    began = time.monotonic()
    if claim.ask:
        claim = _ask(claim, clock=clock)
    message, attempt, routes = claim.message, claim.attempt, claim.routes
    kind = known_kind(message)
    tried: list[tuple[Route, ProviderError]] = []
    while attempt is not None:
        route = route_of(attempt)
        try:
            provider_id = _send(message, kind, route, now=clock())
        except ProviderError as error:
            if error.error_class == "duplicate":
                # An identical text to this phone went out moments ago: the person has read it.
                record_accepted(message, attempt, error_class=error.error_class, now=clock())
                return
            _report(message, attempt, error)
            if not (kind.promotional and error.error_class == "configuration"):
                # An offer has a sender of its own: what is wrong with it says nothing of anything else.
                health.note_failure(provider=route.provider, channel=route.channel, error=error, now=clock())
            if error.outcome == "unknown":
                record_unknown(message, attempt, error=error, now=clock())
                return
            tried.append((route, error))
            left = seconds - (time.monotonic() - began)
            routes = routes if routes is not None else Plan(message, kind, clock(), left).routes()
            following = _following(routes, tried)
            if following is None or left < longest_call(following):
                give_up_for_now(message, attempt, tried, tried_all=following is None, now=clock())
                return
            attempt = pass_on(message, attempt, following, error=error, now=clock())
            continue
        record_accepted(message, attempt, provider_id=provider_id, now=clock())
        return


def _send(message: Message, kind: Kind, route: Route, *, now: datetime) -> str:
    channel = route.channel
    to, body = message.to_phone, message.body
    if channel == "push":
        to, body = str(message.recipient_id), message.push_body
    elif channel == "email":
        assert message.recipient_id is not None
        to = addressbook().email(message.recipient_id)
        if not to:
            raise ProviderError("no address any more", outcome="refused", error_class="recipient")
    return message_provider(route.provider).send(
        channel=channel,
        to=to,
        body=body,
        reference=message.reference,
        template=template_of(message, kind) if channel == "whatsapp" else None,
        valid_for=valid_for(message, kind, now),
        title=message.title,
        data=_data_of(message) if channel == "push" else None,
        promotional=kind.promotional,
    )


def _data_of(message: Message) -> dict[str, str]:
    """What a push tells the app, which then asks us: ids alone."""
    data = {"kind": message.kind, "notification_id": str(message.pk)}
    if message.subject_id is not None:
        data[f"{message.subject_type}_id"] = str(message.subject_id)
    return data


def _following(routes: Iterator[Route], tried: list[tuple[Route, ProviderError]]) -> Route | None:
    """The next route after what was refused so far; a channel that cannot reach the person is left out."""
    refused = {route for route, _ in tried}
    if not tried[-1][1].passes_to_other_channels:
        return None
    closed = {route.channel for route, error in tried if not error.passes_on}
    return next((route for route in routes if route not in refused and route.channel not in closed), None)


def _ask(claim: Claim, *, clock: Clock) -> Claim:
    """Settle an attempt whose end nobody saw; a new attempt when the provider surely has no such text."""
    message, attempt = claim.message, claim.attempt
    assert attempt is not None
    done = Claim(message=message, attempt=None)
    route = route_of(attempt)
    if attempt.report:
        # The carrier told of it meanwhile: it has it.
        record_accepted(message, attempt, provider_id=attempt.provider_message_id, now=clock())
        return done
    opening = opens_at(known_kind(message), clock()) if route.channel in REPEATABLE else None
    if opening is not None:
        # What may go again must keep to its hours again.
        settle(message, _State.UNKNOWN, now=clock(), next_attempt_at=opening)
        return done
    found = None
    if route.channel not in REPEATABLE:
        try:
            found = _find(message, attempt)
        except ProviderError as error:
            _report(message, attempt, error)
            record_unknown(message, attempt, error=error, now=clock())
            return done
    if found is not None:
        record_accepted(message, attempt, provider_id=found, now=clock())
        return done
    now = clock()
    with transaction.atomic():
        if not finish(attempt, _Outcome.UNREACHABLE, error_class="lost", now=now):
            return done
        if message.attempts >= MAX_ATTEMPTS:
            settle(message, _State.FAILED, now=now)
            return done
        if route.channel in REPEATABLE and not is_over(message, known_kind(message), now):
            # It may have arrived, so no other channel tells it a second time.
            return Claim(message, begin(message, route, number=attempt.number + 1, now=now))
        return open_round(message, history_of(message), now=now) or done


def _find(message: Message, attempt: DeliveryAttempt) -> str | None:
    if attempt.channel != "sms":
        raise ProviderError("no way to ask on this channel", outcome="unknown", error_class="unknown")
    return message_provider(attempt.provider).find(
        reference=message.reference, to=message.to_phone, body=message.body, since=attempt.started_at
    )


def _report(message: Message, attempt: DeliveryAttempt, error: ProviderError) -> None:
    health.alarm(attempt.provider, cast(Channel, attempt.channel), error)
    logger.log(
        logging.ERROR if error.reaction is Reaction.ALARM else logging.WARNING,
        "provider did not take a message: %s",
        error,
        extra={
            "message_id": str(message.pk),
            "provider": attempt.provider,
            "channel": attempt.channel,
            "outcome": error.outcome,
            "error_class": error.error_class,
        },
    )
