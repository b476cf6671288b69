"""Delivering what the outbox owes: claim and commit, call the carrier, then record what happened.

No provider is ever called inside a transaction of ours, and nothing is sent twice on a guess: a text whose
fate nobody saw is looked up at the provider under our own reference, and sent again only when it is surely
not there.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet

from backend.core.alarms import raise_alarm
from backend.core.patience import seconds_left
from backend.core.postgres.base import binary_cursor
from backend.core.postgres.rows import insert
from backend.notifications.kinds import kind_of
from backend.notifications.models import DeliveryAttempt, Message, ProviderRefusal
from backend.notifications.providers import (
    Channel,
    MessageProvider,
    ProviderError,
    Reaction,
    message_provider,
)
from backend.notifications.sms import sms_units

logger = logging.getLogger("mawid.messages")

RETRY_DELAYS = (
    timedelta(seconds=15),
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
REQUEST_BUDGET = 12.0
"""Seconds a request may spend on the messages of one transaction; the rest waits for `deliver`."""
VALID_FOR = timedelta(hours=6)
"""After this a text that is still with the carrier need not arrive any more."""
BATCH = 200

_State, _Outcome = Message.State, DeliveryAttempt.Outcome


# Writing ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """What a message says, already in its reader's language."""

    text: str
    """SMS, e-mail, inbox."""
    title: str = ""
    """At most 20 characters read well on a lock screen."""
    push: str = ""
    """A lock screen's text: no name of a person, salon or service. Empty: push carries the title alone."""
    values: tuple[str, ...] = ()
    """What fills the wording approved for WhatsApp, in its order."""


@dataclass(frozen=True)
class Subject:
    """What a message is about."""

    type: Literal["booking", "salon"]
    id: UUID


def enqueue(
    *,
    recipient: AbstractBaseUser | None,
    to_phone: str,
    language: str,
    kind: str,
    audience: str,
    words: Words,
    event_key: str,
    now: datetime,
    salon_id: UUID | None = None,
    subject: Subject | None = None,
    expires_at: datetime | None = None,
) -> Message | None:
    """Owe somebody a message, in the caller's transaction; it leaves after the commit, or never.

    `recipient` is the person when they have an account; `kind` is registered (`kinds`); `salon_id` is who sends it
    and pays for it; after `expires_at` nobody needs it any more. None when `event_key` was told before. Delivery
    after the commit never raises into the caller. Raises KeyError for an unknown kind.
    """
    kind_of(kind)
    message = Message(
        recipient_id=recipient.pk if recipient else None,
        to_phone=to_phone,
        language=language,
        kind=kind,
        audience=audience,
        title=words.title,
        body=words.text,
        push_body=words.push,
        values=list(words.values),
        salon_id=salon_id,
        subject_type=subject.type if subject else "",
        subject_id=subject.id if subject else None,
        event_key=event_key,
        created_at=now,
        next_attempt_at=now,
        expires_at=expires_at,
    )
    if not insert([message], ignore_conflicts=True):
        return None
    round_ = _round_of_this_transaction()
    transaction.on_commit(lambda: round_.deliver(message, now))
    return message


class _Round:
    """The messages of one transaction share one budget of time, which begins with the first delivery."""

    def __init__(self) -> None:
        self.ends: float | None = None

    def deliver(self, message: Message, now: datetime) -> None:
        if self.ends is None:
            self.ends = time.monotonic() + min(REQUEST_BUDGET, seconds_left())
        try:
            _deliver_new(message, now=now, seconds=self.ends - time.monotonic())
        except Exception:  # the fact is committed, so this is no error of the request; `deliver` follows
            logger.exception("delivery after commit failed", extra={"message_id": str(message.pk)})


class _Thread(threading.local):
    round: _Round | None = None


_thread = _Thread()


def _round_of_this_transaction() -> _Round:
    # A round that has begun delivering belongs to a transaction that is over.
    if _thread.round is None or _thread.round.ends is not None:
        _thread.round = _Round()
    return _thread.round


def note_refusal(*, provider: str, channel: Channel, error: ProviderError, now: datetime) -> None:
    """Remember that a provider refused a message which is no row of the outbox, and raise an alarm if it is one."""
    ProviderRefusal.objects.create(
        provider=provider,
        channel=channel,
        outcome=error.outcome,
        error_class=error.error_class,
        at=now,
    )
    _alarm(provider, channel, error)


# Delivering -------------------------------------------------------------------------------------


def _deliver_new(message: Message, *, now: datetime, seconds: float) -> None:
    """Deliver a message that was committed a moment ago, unless somebody else already is.

    With `seconds` left, a provider is called only if its slowest answer would fit; else it stays due.
    """
    clock = _Clock(now)
    provider = _providers()[0]
    if seconds < _provider(provider).longest_call:
        return
    claim = _claim_new(message, provider=provider, now=clock())
    if claim is not None:
        _carry(claim, clock=clock, seconds=seconds)


_CLAIM_NEW = """
    WITH taken AS (
        UPDATE notifications_message SET state = 'sending', channel = 'sms', attempts = 1, claimed_until = %(until)s
         WHERE id = %(message)s AND state = 'pending' AND attempts = 0 RETURNING id)
    INSERT INTO notifications_deliveryattempt
           (message_id, number, provider, provider_message_id, started_at, error_class, units)
    SELECT id, 1, %(provider)s, '', %(now)s, '', %(units)s FROM taken
    RETURNING id
"""


def _claim_new(message: Message, *, provider: str, now: datetime) -> _Claim | None:
    """Claim and attempt in one statement, which commits by itself; None when `deliver` was quicker."""
    units = sms_units(message.body)[1]
    attempt = DeliveryAttempt(message=message, number=1, provider=provider, started_at=now, units=units)
    values: dict[str, Any] = {
        "message": message.pk,
        "until": now + LEASE,
        "provider": provider,
        "now": now,
        "units": units,
    }
    with binary_cursor() as cursor:
        cursor.execute(_CLAIM_NEW, values)
        row = cursor.fetchone()
    if row is None:
        return None
    attempt.pk = row[0]
    message.state, message.attempts, message.claimed_until = _State.SENDING, 1, now + LEASE
    return _Claim(message=message, attempt=attempt, ask=False)


def deliver_due(*, now: datetime, limit: int = BATCH) -> int:
    """Deliver up to `limit` messages that are due, oldest first. Returns how many were taken up.

    Safe in many processes at once. A fault of ours with one message leaves it claimed and goes on.
    """
    clock = _Clock(now)
    taken = 0
    while taken < limit and (claim := _claim(Q(), clock=clock)):
        taken += 1
        try:
            _carry(claim, clock=clock)
        except Exception:  # one message must not starve the others; it is taken up when its lease ends
            logger.exception("delivery failed", extra={"message_id": str(claim.message.pk)})
    return taken


def deliver_job(now: datetime) -> int:
    """`tick`'s share."""
    return deliver_due(now=now)


class _Clock:
    """Moves on from the caller's `now`, so that the leases of a long run stay true."""

    def __init__(self, now: datetime) -> None:
        self._now, self._began = now, time.monotonic()

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._began)


@dataclass
class _Claim:
    message: Message
    attempt: DeliveryAttempt
    ask: bool
    """The attempt began earlier and its fate is unknown: ask before anything else."""


def _claim(which: Q, *, clock: _Clock) -> _Claim | None:
    """Take one due message: the claim and the attempt are committed before anybody is called."""
    now = clock()
    due = Q(state__in=[_State.PENDING, _State.UNKNOWN], next_attempt_at__lte=now) | Q(
        state=_State.SENDING, claimed_until__lte=now
    )
    with transaction.atomic():
        message = (
            Message.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(which, due)
            .order_by("created_at", "id")
            .first()
        )
        if message is None:
            return None
        last = message.delivery_attempts.order_by("-number").first()
        message.claimed_until = now + LEASE
        message.finished_at = None
        if last is not None and last.outcome in (None, _Outcome.UNKNOWN):
            message.state = _State.SENDING
            message.save(update_fields=["state", "claimed_until", "finished_at"])
            return _Claim(message=message, attempt=last, ask=True)
        attempt = _begin(message, provider=_providers()[0], number=last.number + 1 if last else 1, now=now)
        return _Claim(message=message, attempt=attempt, ask=False)


def _begin(message: Message, *, provider: str, number: int, now: datetime) -> DeliveryAttempt:
    """Open a round: one more attempt of the message, its first handing over to a provider."""
    message.state, message.channel = _State.SENDING, "sms"
    message.attempts += 1
    message.save(update_fields=["state", "channel", "attempts", "claimed_until", "finished_at"])
    return _attempt(message, provider=provider, number=number, now=now)


def _attempt(message: Message, *, provider: str, number: int, now: datetime) -> DeliveryAttempt:
    return DeliveryAttempt.objects.create(
        message=message, number=number, provider=provider, started_at=now, units=sms_units(message.body)[1]
    )


def _carry(claim: _Claim, *, clock: _Clock, seconds: float = float("inf")) -> None:
    message, attempt = claim.message, claim.attempt
    began = time.monotonic()
    if claim.ask:
        again = _ask(message, attempt, clock=clock)
        if again is None:
            return
        attempt = again
    refusals: list[ProviderError] = []
    while True:
        try:
            provider_id = _provider(attempt.provider).send(
                channel="sms",
                to=message.to_phone,
                body=message.body,
                reference=message.reference,
                valid_for=VALID_FOR,
            )
        except ProviderError as error:
            if error.error_class == "duplicate":
                # An identical text to this phone went out moments ago: the person has read it.
                _record(message, attempt, _Outcome.ACCEPTED, _State.SENT, error=error, now=clock())
                return
            _report(message, attempt, error)
            if error.outcome == "unknown":
                _record(message, attempt, _Outcome.UNKNOWN, _State.UNKNOWN, error=error, now=clock())
                return
            refusals.append(error)
            following = _after(attempt.provider) if error.passes_on else []
            left = seconds - (time.monotonic() - began)
            if following and left >= _provider(following[0]).longest_call:
                passed_on = _pass_on(message, attempt, following[0], error=error, now=clock())
                if passed_on is None:
                    return
                attempt = passed_on
                continue
            _give_up_for_now(message, attempt, refusals, tried_all=not following, now=clock())
            return
        _record(message, attempt, _Outcome.ACCEPTED, _State.SENT, provider_id=provider_id, now=clock())
        return


def _ask(message: Message, attempt: DeliveryAttempt, *, clock: _Clock) -> DeliveryAttempt | None:
    """Settle an attempt whose end nobody saw; a new attempt when the provider surely has no such text."""
    try:
        found = _provider(attempt.provider).find(
            reference=message.reference, to=message.to_phone, body=message.body, since=attempt.started_at
        )
    except ProviderError as error:
        _report(message, attempt, error)
        _record(message, attempt, _Outcome.UNKNOWN, _State.UNKNOWN, error=error, now=clock())
        return None
    if found is not None:
        _record(message, attempt, _Outcome.ACCEPTED, _State.SENT, provider_id=found, now=clock())
        return None
    now = clock()
    with transaction.atomic():
        if not _finish(attempt, _Outcome.UNREACHABLE, error_class="lost", now=now):
            return None
        if message.attempts >= MAX_ATTEMPTS:
            _settle(message, _State.FAILED, now=now)
            return None
        return _begin(message, provider=_providers()[0], number=attempt.number + 1, now=now)


def _pass_on(
    message: Message, attempt: DeliveryAttempt, provider: str, *, error: ProviderError, now: datetime
) -> DeliveryAttempt | None:
    """After a clear refusal, the next provider of the same round; None when the claim was lost meanwhile."""
    with transaction.atomic():
        _finish(attempt, error.outcome, error_class=error.error_class, now=now)
        if not _claimed(message).update(claimed_until=now + LEASE):
            return None
        message.claimed_until = now + LEASE
        return _attempt(message, provider=provider, number=attempt.number + 1, now=now)


def _give_up_for_now(
    message: Message,
    attempt: DeliveryAttempt,
    refusals: list[ProviderError],
    *,
    tried_all: bool,
    now: datetime,
) -> None:
    """Nobody took it: try again later, unless that could not help."""
    last = refusals[-1]
    hopeless = tried_all and (not last.passes_on or all(error.permanent for error in refusals))
    with transaction.atomic():
        _finish(attempt, last.outcome, error_class=last.error_class, now=now)
        if hopeless or message.attempts >= MAX_ATTEMPTS:
            _settle(message, _State.FAILED, now=now)
            logger.error("message failed", extra={"message_id": str(message.pk), "kind": message.kind})
        else:
            _settle(
                message, _State.PENDING, now=now, next_attempt_at=now + RETRY_DELAYS[message.attempts - 1]
            )


_SENT = """
    WITH finished AS (
        UPDATE notifications_deliveryattempt
           SET outcome = 'accepted', finished_at = %(now)s, error_class = %(error)s,
               provider_message_id = %(provider_id)s
         WHERE id = %(attempt)s AND (outcome IS NULL OR outcome = 'unknown'))
    UPDATE notifications_message
       SET state = 'sent', claimed_until = NULL, next_attempt_at = NULL, finished_at = %(now)s
     WHERE id = %(message)s
"""
"""What `_finish` and `_settle` do for a success, which nearly every message is, in one statement."""


def _record(
    message: Message,
    attempt: DeliveryAttempt,
    outcome: str,
    state: str,
    *,
    now: datetime,
    provider_id: str = "",
    error: ProviderError | None = None,
) -> None:
    if outcome == _Outcome.ACCEPTED:
        error_class = error.error_class if error else ""
        values: dict[str, Any] = {"attempt": attempt.pk, "message": message.pk, "now": now}
        with binary_cursor() as cursor:
            cursor.execute(_SENT, values | {"error": error_class, "provider_id": provider_id[:80]})
        return
    ask_at = None
    if state == _State.UNKNOWN:
        ask_at = next((attempt.started_at + d for d in ASK_AFTER if attempt.started_at + d > now), None)
    with transaction.atomic():
        _finish(attempt, outcome, error_class=error.error_class if error else "", now=now)
        _settle(message, state, now=now, next_attempt_at=ask_at)


def _finish(
    attempt: DeliveryAttempt,
    outcome: str,
    *,
    now: datetime,
    error_class: str = "",
) -> bool:
    """Write an attempt's outcome over "none yet" or "unknown", never over a certain one."""
    return bool(
        DeliveryAttempt.objects.filter(
            Q(outcome__isnull=True) | Q(outcome=_Outcome.UNKNOWN), pk=attempt.pk
        ).update(outcome=outcome, finished_at=now, error_class=error_class)
    )


def _settle(message: Message, state: str, *, now: datetime, next_attempt_at: datetime | None = None) -> None:
    """Let go of a claim. A worker that overslept its lease changes nothing, unless it knows of a success."""
    mine = Message.objects.filter(pk=message.pk) if state == _State.SENT else _claimed(message)
    mine.update(
        state=state,
        claimed_until=None,
        next_attempt_at=next_attempt_at,
        finished_at=None if state == _State.PENDING else now,
    )


def _claimed(message: Message) -> QuerySet[Message]:
    """The message's row while our claim on it stands: nobody else has the same `claimed_until`."""
    return Message.objects.filter(pk=message.pk, state=_State.SENDING, claimed_until=message.claimed_until)


def _report(message: Message, attempt: DeliveryAttempt, error: ProviderError) -> None:
    _alarm(attempt.provider, "sms", error)
    logger.log(
        logging.ERROR if error.reaction is Reaction.ALARM else logging.WARNING,
        "provider did not take a message: %s",
        error,
        extra={
            "message_id": str(message.pk),
            "provider": attempt.provider,
            "outcome": error.outcome,
            "error_class": error.error_class,
        },
    )


def _alarm(provider: str, channel: Channel, error: ProviderError) -> None:
    if error.reaction is Reaction.ALARM:
        raise_alarm(
            "provider_refusal", provider, channel=channel, error_class=error.error_class, said=str(error)
        )


def _providers() -> list[str]:
    return list(settings.SMS_PROVIDER)


def _after(provider: str) -> list[str]:
    """The providers to try when this one refused."""
    providers = _providers()
    return providers[providers.index(provider) + 1 :] if provider in providers else []


def _provider(name: str) -> MessageProvider:
    return message_provider(name)
