"""Delivering what is owed: claim a message and commit, call one provider after the other, record what happened."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import transaction
from django.db.models import F, Q, QuerySet

from backend.core.postgres.base import binary_cursor
from backend.notifications.addressbook import addressbook
from backend.notifications.kinds import Kind
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations import costs, health
from backend.notifications.operations.planning import (
    VALID_FOR,
    Plan,
    certain_route,
    is_over,
    known_kind,
    opens_at,
    template_of,
    valid_for,
)
from backend.notifications.operations.routes import Route
from backend.notifications.providers import (
    REPEATABLE,
    Channel,
    ProviderError,
    Reaction,
    message_provider,
)
from backend.notifications.sms import sms_units

logger = logging.getLogger("mawid.messages")

RETRY_DELAYS = (
    timedelta(seconds=10),  # whoever delivers looks every few seconds: the first retry comes within 15
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
LEASE = timedelta(minutes=2)
"""How long a claim holds: well beyond the slowest answer of a provider and one question to it."""
ASK_AFTER = (timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""When to ask a provider about a text whose fate is unknown, counted from its sending."""
BATCH = 200
JOB_SECONDS = 20.0
"""How long one run of `tick` delivers: a provider that hangs must not hold up what else is due."""

_State, _Outcome = Message.State, DeliveryAttempt.Outcome


class Clock:
    """Moves on from the caller's `now`, so that the leases of a long run stay true."""

    def __init__(self, now: datetime) -> None:
        self._now, self._began = now, time.monotonic()

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._began)


@dataclass
class Claim:
    """A message that is ours until its lease ends, and where it stands."""

    message: Message
    attempt: DeliveryAttempt | None
    """None: its state was settled by looking at it, and nobody is to be called."""
    ask: bool = False
    """The attempt began earlier and its fate is unknown: ask before anything else."""
    routes: Iterator[Route] | None = None
    """What may follow the attempt's route; None when nobody has looked yet."""


# Taking up --------------------------------------------------------------------------------------


def deliver_new(message: Message, *, now: datetime, seconds: float) -> None:
    """Deliver a message that was committed a moment ago, unless somebody else already is.

    With `seconds` left, a provider is called only if its slowest answer would fit; else it stays due.
    """
    clock = Clock(now)
    kind = known_kind(message)
    claim = None
    if (route := certain_route(message, kind, now)) is not None:
        if seconds < _longest_call(route):
            return
        claim = _claim_new(message, kind, route, now=clock())
    if claim is None:
        new = Message.objects.filter(pk=message.pk, state=_State.PENDING, attempts=0)
        claim = _claim([new], clock=clock, seconds=seconds)
    if claim is not None:
        carry(claim, clock=clock, seconds=seconds)


CLAIM_NEW = """
    WITH taken AS (
        UPDATE notifications_message
           SET state = 'sending', channel = %(channel)s, attempts = 1, claimed_until = %(until)s
         WHERE id = %(message)s AND state = 'pending' AND attempts = 0
           AND NOT EXISTS (SELECT FROM notifications_preference WHERE user_id = %(user)s::uuid AND topic = %(topic)s)
           AND NOT EXISTS (SELECT FROM notifications_optout WHERE phone = %(phone)s)
           AND NOT EXISTS (SELECT FROM notifications_providerhealth WHERE opened_at IS NOT NULL)
        RETURNING id)
    INSERT INTO notifications_deliveryattempt
           (message_id, number, channel, provider, provider_message_id, started_at, error_class, units, cost_micro)
    SELECT id, 1, %(channel)s, %(provider)s, '', %(now)s, '', %(units)s, %(cost)s FROM taken
    RETURNING id
"""


def _claim_new(message: Message, kind: Kind, route: Route, *, now: datetime) -> Claim | None:
    """Claim and attempt in one statement, which commits by itself.

    None when `deliver` was quicker, or something stands against the usual way: the person's own choice, a number
    that refused, an open circuit.
    """
    attempt = _new_attempt(message, route, number=1, now=now)
    values: dict[str, Any] = {
        "message": message.pk,
        "until": now + LEASE,
        "channel": route.channel,
        "provider": route.provider,
        "user": message.recipient_id,
        "topic": kind.topic,
        "phone": message.to_phone,
        "now": now,
        "units": attempt.units,
        "cost": attempt.cost_micro,
    }
    with binary_cursor() as cursor:
        cursor.execute(CLAIM_NEW, values)
        row = cursor.fetchone()
    if row is None:
        return None
    attempt.pk = row[0]
    message.state, message.channel, message.attempts = _State.SENDING, route.channel, 1
    message.claimed_until = now + LEASE
    return Claim(message=message, attempt=attempt)


def deliver_due(*, now: datetime, limit: int = BATCH, seconds: float = float("inf")) -> int:
    """Deliver up to `limit` messages that are due, the longest due first. Returns how many were taken up.

    Takes up no further one after `seconds`. Safe in many processes at once. A fault of ours with one message leaves
    it claimed and goes on.
    """
    clock = Clock(now)
    began = time.monotonic()
    taken = 0
    while taken < limit and time.monotonic() - began < seconds:
        moment = clock()
        # Two questions, because each has an index of its own. Left behind by a crash comes first: it waited longer.
        lapsed = Message.objects.filter(state=_State.SENDING, claimed_until__lte=moment).order_by(
            "claimed_until"
        )
        due = Message.objects.filter(
            state__in=[_State.PENDING, _State.UNKNOWN], next_attempt_at__lte=moment
        ).order_by("next_attempt_at")
        claim = _claim([lapsed, due], clock=clock)
        if claim is None:
            break
        taken += 1
        try:
            carry(claim, clock=clock)
        except Exception:  # one message must not starve the others; it is taken up when its lease ends
            logger.exception("delivery failed", extra={"message_id": str(claim.message.pk)})
    return taken


def deliver_job(now: datetime) -> int:
    """`tick`'s share."""
    return deliver_due(now=now, seconds=JOB_SECONDS)


def _claim(among: list[QuerySet[Message]], *, clock: Clock, seconds: float = float("inf")) -> Claim | None:
    """Take one message: the claim and the attempt are committed before anybody is called.

    None when there is none, or when `seconds` are too few for its first provider.
    """
    now = clock()
    with transaction.atomic():
        message = None
        for which in among:
            message = message or which.select_for_update(skip_locked=True, no_key=True).first()
        if message is None:
            return None
        history = _history(message)
        last = history[-1] if history else None
        unsettled = last is not None and last.outcome in (None, _Outcome.UNKNOWN)
        if last is not None and unsettled and not _before_resending(message, last):
            message.state, message.claimed_until, message.finished_at = _State.SENDING, now + LEASE, None
            message.save(update_fields=["state", "claimed_until", "finished_at"])
            return Claim(message=message, attempt=last, ask=True)
        return _open_round(message, history, now=now, seconds=seconds)


def _history(message: Message) -> list[DeliveryAttempt]:
    if not message.attempts and message.resent_at is None:
        return []
    return list(message.delivery_attempts.order_by("number"))


def _before_resending(message: Message, attempt: DeliveryAttempt) -> bool:
    return message.resent_at is not None and attempt.started_at < message.resent_at


def _open_round(
    message: Message, history: list[DeliveryAttempt], *, now: datetime, seconds: float = float("inf")
) -> Claim | None:
    """One more attempt of the message and its first handing over, or the end of it; the row is locked or ours."""
    kind = known_kind(message)
    if is_over(message, kind, now):
        return _close(message, _State.SKIPPED, now=now)
    opening = opens_at(kind, now)
    if opening is not None:
        return _close(message, _State.PENDING, now=now, next_attempt_at=opening)
    routes = Plan(message, kind, now, seconds).routes(without=history)
    route = next(routes, None)
    if route is None:
        # Where a carrier's report sent it on, somebody was asked, and it did not arrive.
        return _close(message, _State.FAILED if message.attempts else _State.SKIPPED, now=now)
    if seconds < _longest_call(route):
        return None
    attempt = _begin(message, route, number=history[-1].number + 1 if history else 1, now=now)
    return Claim(message=message, attempt=attempt, routes=routes)


def _begin(message: Message, route: Route, *, number: int, now: datetime) -> DeliveryAttempt:
    message.state, message.channel = _State.SENDING, route.channel
    message.attempts += 1
    message.claimed_until, message.finished_at = now + LEASE, None
    message.save(update_fields=["state", "channel", "attempts", "claimed_until", "finished_at"])
    attempt = _new_attempt(message, route, number=number, now=now)
    attempt.save(force_insert=True)
    return attempt


def _new_attempt(message: Message, route: Route, *, number: int, now: datetime) -> DeliveryAttempt:
    units = sms_units(message.body)[1] if route.channel == "sms" else 1
    return DeliveryAttempt(
        message=message,
        number=number,
        channel=route.channel,
        provider=route.provider,
        started_at=now,
        units=units,
        cost_micro=costs.price(route, units=units),
    )


def _close(message: Message, state: str, *, now: datetime, next_attempt_at: datetime | None = None) -> Claim:
    message.state, message.next_attempt_at = state, next_attempt_at
    message.claimed_until, message.finished_at = None, None if state == _State.PENDING else now
    message.save(update_fields=["state", "next_attempt_at", "claimed_until", "finished_at"])
    return Claim(message=message, attempt=None)


# Carrying ---------------------------------------------------------------------------------------


def carry(claim: Claim, *, clock: Clock, seconds: float = float("inf")) -> None:
    """Take a claimed message to one provider after the other until somebody has it, or may have it."""
    began = time.monotonic()
    if claim.ask:
        claim = _ask(claim, clock=clock)
    message, attempt, routes = claim.message, claim.attempt, claim.routes
    kind = known_kind(message)
    tried: list[tuple[Route, ProviderError]] = []
    while attempt is not None:
        route = _route_of(attempt)
        try:
            provider_id = _send(message, kind, route, now=clock())
        except ProviderError as error:
            if error.error_class == "duplicate":
                # An identical text to this phone went out moments ago: the person has read it.
                _record_accepted(message, attempt, error_class=error.error_class, now=clock())
                return
            _report(message, attempt, error)
            if not (kind.promotional and error.error_class == "configuration"):
                # An offer has a sender of its own: what is wrong with it says nothing of anything else.
                health.note_failure(provider=route.provider, channel=route.channel, error=error, now=clock())
            if error.outcome == "unknown":
                _record_unknown(message, attempt, error=error, now=clock())
                return
            tried.append((route, error))
            left = seconds - (time.monotonic() - began)
            routes = routes if routes is not None else Plan(message, kind, clock(), left).routes()
            following = _following(routes, tried)
            if following is None or left < _longest_call(following):
                _give_up_for_now(message, attempt, tried, tried_all=following is None, now=clock())
                return
            attempt = _pass_on(message, attempt, following, error=error, now=clock())
            continue
        _record_accepted(message, attempt, provider_id=provider_id, now=clock())
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
    route = _route_of(attempt)
    if attempt.report:
        # The carrier told of it meanwhile: it has it.
        _record_accepted(message, attempt, provider_id=attempt.provider_message_id, now=clock())
        return done
    opening = opens_at(known_kind(message), clock()) if route.channel in REPEATABLE else None
    if opening is not None:
        # What may go again must keep to its hours again.
        _settle(message, _State.UNKNOWN, now=clock(), next_attempt_at=opening)
        return done
    found = None
    if route.channel not in REPEATABLE:
        try:
            found = _find(message, attempt)
        except ProviderError as error:
            _report(message, attempt, error)
            _record_unknown(message, attempt, error=error, now=clock())
            return done
    if found is not None:
        _record_accepted(message, attempt, provider_id=found, now=clock())
        return done
    now = clock()
    with transaction.atomic():
        if not _finish(attempt, _Outcome.UNREACHABLE, error_class="lost", now=now):
            return done
        if message.attempts >= MAX_ATTEMPTS:
            _settle(message, _State.FAILED, now=now)
            return done
        if route.channel in REPEATABLE and not is_over(message, known_kind(message), now):
            # It may have arrived, so no other channel tells it a second time.
            return Claim(message, _begin(message, route, number=attempt.number + 1, now=now))
        return _open_round(message, _history(message), now=now) or done


def _find(message: Message, attempt: DeliveryAttempt) -> str | None:
    if attempt.channel != "sms":
        raise ProviderError("no way to ask on this channel", outcome="unknown", error_class="unknown")
    return message_provider(attempt.provider).find(
        reference=message.reference, to=message.to_phone, body=message.body, since=attempt.started_at
    )


# Recording --------------------------------------------------------------------------------------


def send_on(attempt: DeliveryAttempt, *, now: datetime) -> None:
    """It went out and did not arrive: its next route is tried, or it is a failed one where that was done before."""
    DeliveryAttempt.objects.filter(pk=attempt.pk, outcome=_Outcome.UNKNOWN).update(
        outcome=_Outcome.ACCEPTED, finished_at=now
    )
    others = DeliveryAttempt.objects.filter(message_id=attempt.message_id).exclude(pk=attempt.pk)
    if others.filter(number__gt=attempt.number).exists():
        return
    message = Message.objects.filter(pk=attempt.message_id, state__in=[_State.SENT, _State.UNKNOWN])
    counting = Q(message__resent_at__isnull=True) | Q(started_at__gte=F("message__resent_at"))
    if others.filter(counting, report=DeliveryAttempt.Report.UNDELIVERED).exists():
        message.update(state=_State.FAILED, next_attempt_at=None)
        return
    fresh = Q(created_at__gt=now - VALID_FOR) | Q(resent_at__gt=now - VALID_FOR)
    wanted = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    message.filter(fresh, wanted, erased_at__isnull=True).update(
        state=_State.PENDING, next_attempt_at=now, finished_at=None
    )


def _pass_on(
    message: Message, attempt: DeliveryAttempt, route: Route, *, error: ProviderError, now: datetime
) -> DeliveryAttempt | None:
    """After a clear refusal, the next route of the same round; None when the claim was lost meanwhile."""
    with transaction.atomic():
        _finish(attempt, error.outcome, error_class=error.error_class, now=now)
        if not _claimed(message).update(claimed_until=now + LEASE, channel=route.channel):
            return None
        message.claimed_until, message.channel = now + LEASE, route.channel
        following = _new_attempt(message, route, number=attempt.number + 1, now=now)
        following.save(force_insert=True)
        return following


def _give_up_for_now(
    message: Message,
    attempt: DeliveryAttempt,
    tried: list[tuple[Route, ProviderError]],
    *,
    tried_all: bool,
    now: datetime,
) -> None:
    """Nobody took it: try again later, unless that could not help."""
    last = tried[-1][1]
    closed = {route.channel for route, error in tried if not error.passes_on}
    hopeless = tried_all and all(error.permanent or route.channel in closed for route, error in tried)
    with transaction.atomic():
        _finish(attempt, last.outcome, error_class=last.error_class, now=now)
        if hopeless or message.attempts >= MAX_ATTEMPTS:
            _settle(message, _State.FAILED, now=now)
            logger.error("message failed", extra={"message_id": str(message.pk), "kind": message.kind})
            return
        asked = [error.retry_after for _, error in tried if error.retry_after is not None]
        delay = max([RETRY_DELAYS[message.attempts - 1], *(min(a, RETRY_DELAYS[-1]) for a in asked)])
        _settle(message, _State.PENDING, now=now, next_attempt_at=now + delay)


_SENT = """
    WITH finished AS (
        UPDATE notifications_deliveryattempt
           SET outcome = 'accepted', finished_at = %(now)s, error_class = %(error)s,
               provider_message_id = %(provider_id)s
         WHERE id = %(attempt)s AND (outcome IS NULL OR outcome = 'unknown')
        RETURNING report),
    closed AS (
        UPDATE notifications_providerhealth SET failures = 0, opened_at = NULL, open_until = NULL
         WHERE provider = %(provider)s AND channel = %(channel)s AND failures > 0)
    UPDATE notifications_message
       SET state = 'sent', claimed_until = NULL, next_attempt_at = NULL, finished_at = %(now)s
     WHERE id = %(message)s
    RETURNING coalesce((SELECT report FROM finished),
                       (SELECT report FROM notifications_deliveryattempt WHERE id = %(attempt)s))
"""
"""What `_finish` and `_settle` do for a success, which nearly every message is, and `health` with it: one statement."""


def _record_accepted(
    message: Message,
    attempt: DeliveryAttempt,
    *,
    now: datetime,
    provider_id: str = "",
    error_class: str = "",
) -> None:
    values: dict[str, Any] = {
        "attempt": attempt.pk,
        "message": message.pk,
        "now": now,
        "error": error_class,
        "provider_id": provider_id[:80],
        "provider": attempt.provider,
        "channel": attempt.channel,
    }
    with binary_cursor() as cursor:
        cursor.execute(_SENT, values)
        row = cursor.fetchone()
    if row is not None and row[0] == DeliveryAttempt.Report.UNDELIVERED:
        # The report was quicker than we were.
        with transaction.atomic():
            send_on(attempt, now=now)
    if attempt.outcome is None:
        costs.count(attempt.cost_micro, now)


def _record_unknown(
    message: Message, attempt: DeliveryAttempt, *, error: ProviderError, now: datetime
) -> None:
    """It may have gone out: ask later, where somebody can be asked."""
    ask_at = None
    if attempt.channel in REPEATABLE:
        ask_at = now + RETRY_DELAYS[min(message.attempts, len(RETRY_DELAYS)) - 1]
    elif attempt.channel == "sms":
        ask_at = next((attempt.started_at + d for d in ASK_AFTER if attempt.started_at + d > now), None)
    with transaction.atomic():
        _finish(attempt, _Outcome.UNKNOWN, error_class=error.error_class, now=now)
        _settle(message, _State.UNKNOWN, now=now, next_attempt_at=ask_at)
        attempt.refresh_from_db(fields=["report"])
    if attempt.report:
        # The carrier told of it before its answer was given up: it has it.
        _record_accepted(message, attempt, now=now)
        return
    if attempt.outcome is None:
        costs.count(attempt.cost_micro, now)


def _finish(attempt: DeliveryAttempt, outcome: str, *, now: datetime, error_class: str = "") -> bool:
    """Write an attempt's outcome over "none yet" or "unknown", never over a certain one."""
    return bool(
        DeliveryAttempt.objects.filter(
            Q(outcome__isnull=True) | Q(outcome=_Outcome.UNKNOWN), pk=attempt.pk
        ).update(outcome=outcome, finished_at=now, error_class=error_class)
    )


def _settle(message: Message, state: str, *, now: datetime, next_attempt_at: datetime | None = None) -> None:
    """Let go of a claim. A worker that overslept its lease changes nothing."""
    _claimed(message).update(
        state=state,
        claimed_until=None,
        next_attempt_at=next_attempt_at,
        finished_at=None if state == _State.PENDING else now,
    )


def _claimed(message: Message) -> QuerySet[Message]:
    """The message's row while our claim on it stands: nobody else has the same `claimed_until`."""
    return Message.objects.filter(pk=message.pk, state=_State.SENDING, claimed_until=message.claimed_until)


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


def _route_of(attempt: DeliveryAttempt) -> Route:
    return Route(cast(Channel, attempt.channel), attempt.provider)


def _longest_call(route: Route) -> float:
    return message_provider(route.provider).longest_call
