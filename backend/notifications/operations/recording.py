"""What became of handing a message to a provider: written once, and never over what is certain."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from backend.core.postgres.base import binary_cursor
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations import costs
from backend.notifications.operations.planning import VALID_FOR
from backend.notifications.operations.routes import Route
from backend.notifications.providers import REPEATABLE, ProviderError
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
_State, _Outcome = Message.State, DeliveryAttempt.Outcome
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
     WHERE id = %(message)s AND set_config('synchronous_commit', 'off', true) = 'off'
    RETURNING coalesce((SELECT report FROM finished),
                       (SELECT report FROM notifications_deliveryattempt WHERE id = %(attempt)s))
"""
"""What `finish` and `settle` do for a success, which nearly every message is, and `health` with it: one statement.

Nobody waits for the disk: where the server falls in that moment the claim stands, and the provider is asked.
"""


def new_attempt(message: Message, route: Route, *, number: int, now: datetime) -> DeliveryAttempt:
    """A handing over by `route` with what it will cost, not saved yet."""
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


def begin(message: Message, route: Route, *, number: int, now: datetime) -> DeliveryAttempt:
    """Open a round of a message whose row is locked: claim it, and save its first attempt."""
    message.state, message.channel = _State.SENDING, route.channel
    message.attempts += 1
    message.claimed_until, message.finished_at = now + LEASE, None
    message.save(update_fields=["state", "channel", "attempts", "claimed_until", "finished_at"])
    attempt = new_attempt(message, route, number=number, now=now)
    attempt.save(force_insert=True)
    return attempt


def call_off(attempt: DeliveryAttempt, *, now: datetime) -> None:
    """It arrived after all: a next route that was wanted (`send_on`) and has not begun is wanted no more."""
    newer = DeliveryAttempt.objects.filter(message_id=attempt.message_id, number__gt=attempt.number)
    if newer.exists():
        return
    Message.objects.filter(
        Q(resent_at__isnull=True) | Q(resent_at__lte=attempt.started_at),
        pk=attempt.message_id,
        state__in=[_State.PENDING, _State.FAILED],
    ).update(state=_State.SENT, next_attempt_at=None, finished_at=now)


def pass_on(
    message: Message, attempt: DeliveryAttempt, route: Route, *, error: ProviderError, now: datetime
) -> DeliveryAttempt | None:
    """After a clear refusal, the next route of the same round; None when the claim was lost meanwhile."""
    with transaction.atomic():
        finish(attempt, error.outcome, error_class=error.error_class, now=now)
        if not _claimed(message).update(claimed_until=now + LEASE, channel=route.channel):
            return None
        message.claimed_until, message.channel = now + LEASE, route.channel
        following = new_attempt(message, route, number=attempt.number + 1, now=now)
        following.save(force_insert=True)
        return following


def give_up_for_now(
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
        finish(attempt, last.outcome, error_class=last.error_class, now=now)
        if hopeless or message.attempts >= MAX_ATTEMPTS:
            settle(message, _State.FAILED, now=now)
            logger.error("message failed", extra={"message_id": str(message.pk), "kind": message.kind})
            return
        asked = [error.retry_after for _, error in tried if error.retry_after is not None]
        delay = max([RETRY_DELAYS[message.attempts - 1], *(min(a, RETRY_DELAYS[-1]) for a in asked)])
        settle(message, _State.PENDING, now=now, next_attempt_at=now + delay)


def record_accepted(
    message: Message,
    attempt: DeliveryAttempt,
    *,
    now: datetime,
    provider_id: str = "",
    error_class: str = "",
) -> None:
    """A provider has it; a report that was quicker than we were is acted on."""
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


def record_unknown(
    message: Message, attempt: DeliveryAttempt, *, error: ProviderError, now: datetime
) -> None:
    """It may have gone out: ask later, where somebody can be asked."""
    ask_at = None
    if attempt.channel in REPEATABLE:
        ask_at = now + RETRY_DELAYS[min(message.attempts, len(RETRY_DELAYS)) - 1]
    elif attempt.channel == "sms":
        ask_at = next((attempt.started_at + d for d in ASK_AFTER if attempt.started_at + d > now), None)
    with transaction.atomic():
        finish(attempt, _Outcome.UNKNOWN, error_class=error.error_class, now=now)
        settle(message, _State.UNKNOWN, now=now, next_attempt_at=ask_at)
        attempt.refresh_from_db(fields=["report"])
    if attempt.report:
        # The carrier told of it before its answer was given up: it has it.
        record_accepted(message, attempt, now=now)
        return
    if attempt.outcome is None:
        costs.count(attempt.cost_micro, now)


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


def finish(attempt: DeliveryAttempt, outcome: str, *, now: datetime, error_class: str = "") -> bool:
    """Write an attempt's outcome over "none yet" or "unknown", never over a certain one."""
    return bool(
        DeliveryAttempt.objects.filter(
            Q(outcome__isnull=True) | Q(outcome=_Outcome.UNKNOWN), pk=attempt.pk
        ).update(outcome=outcome, finished_at=now, error_class=error_class)
    )


def settle(message: Message, state: str, *, now: datetime, next_attempt_at: datetime | None = None) -> None:
    """Let go of a claim. A worker that overslept its lease changes nothing."""
    _claimed(message).update(
        state=state,
        claimed_until=None,
        next_attempt_at=next_attempt_at,
        finished_at=None if state == _State.PENDING else now,
    )


def let_go(message: Message, attempt: DeliveryAttempt) -> None:
    """Give up a first attempt for which nobody was called: the message is as due as one never tried."""
    with transaction.atomic():
        if _claimed(message).update(state=_State.PENDING, channel="", attempts=0, claimed_until=None):
            DeliveryAttempt.objects.filter(pk=attempt.pk).delete()


def _claimed(message: Message) -> QuerySet[Message]:
    """The message's row while our claim on it stands: nobody else has the same `claimed_until`."""
    return Message.objects.filter(pk=message.pk, state=_State.SENDING, claimed_until=message.claimed_until)
