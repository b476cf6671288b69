"""Taking up a message that is due: the claim and its attempt are committed before anybody is called."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from backend.core.postgres.base import Later, binary_cursor, later
from backend.notifications.kinds import Kind
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations.planning import Plan, certain_route, is_over, known_kind, opens_at
from backend.notifications.operations.recording import LEASE, begin, new_attempt
from backend.notifications.operations.routes import Route
from backend.notifications.providers import Channel, message_provider

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


_AS_USUAL = """NOT EXISTS (SELECT FROM notifications_preference WHERE user_id = %(user)s::uuid AND topic = %(topic)s)
           AND NOT EXISTS (SELECT FROM notifications_optout WHERE phone = %(phone)s)
           AND NOT EXISTS (SELECT FROM notifications_providerhealth WHERE opened_at IS NOT NULL)"""
"""Nothing stands against the usual way: no choice of the person's own, no number that refused, no open circuit."""

CLAIM_NEW = f"""
    WITH taken AS (
        UPDATE notifications_message
           SET state = 'sending', channel = %(channel)s, attempts = 1, claimed_until = %(until)s
         WHERE id = %(message)s AND state = 'pending' AND attempts = 0
           AND {_AS_USUAL}
        RETURNING id)
    INSERT INTO notifications_deliveryattempt
           (message_id, number, channel, provider, provider_message_id, started_at, error_class, units, cost_micro)
    SELECT id, 1, %(channel)s, %(provider)s, '', %(now)s, '', %(units)s, %(cost)s FROM taken
    RETURNING id
"""  # noqa: S608  our own words
_MAY_CLAIM = f"SELECT nextval('notifications_deliveryattempt_id_seq') WHERE {_AS_USUAL}"


@dataclass(frozen=True)
class Prospect:
    """Whether the first message that a transaction is about to owe somebody may be written as already claimed.

    Who writes it is who hands it over, as soon as the transaction is committed: a claim of its own would be one more
    round trip and one more wait for the disk, and is no safer.
    """

    recipient_id: UUID | None
    to_phone: str
    topic: str
    answer: Later

    def claim(self, message: Message, *, now: datetime) -> DeliveryAttempt | None:
        """Claim a message that is not saved yet, and its attempt, not saved either.

        None when something stands against the usual way, or the way is not certain; it is claimed later, then.
        """
        kind = known_kind(message)
        asked = (self.recipient_id, self.to_phone, self.topic)
        if (message.recipient_id, message.to_phone, kind.topic) != asked:
            return None
        route = certain_route(message, kind, now)
        rows = self.answer.fetchall()
        if route is None or not rows:
            return None
        attempt = new_attempt(message, route, number=1, now=now)
        attempt.pk = rows[0][0]
        _ours(message, route, now=now)
        return attempt


def foresee(*, recipient: AbstractBaseUser | None, to_phone: str, topic: str) -> Prospect | None:
    """Ask, with the transaction's next statement, what a `Prospect` needs to know. None where others deliver."""
    if settings.MESSAGE_DELIVERY == "worker" or not to_phone:
        return None
    user = recipient.pk if recipient else None
    asked = {"user": user, "topic": topic, "phone": to_phone}
    return Prospect(user, to_phone, topic, later(_MAY_CLAIM, asked))


def claim_new(message: Message, kind: Kind, route: Route, *, now: datetime) -> Claim | None:
    """Claim and attempt in one statement, which commits by itself.

    None when `deliver` was quicker, or something stands against the usual way: the person's own choice, a number
    that refused, an open circuit.
    """
    attempt = new_attempt(message, route, number=1, now=now)
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
    _ours(message, route, now=now)
    return Claim(message=message, attempt=attempt)


def _ours(message: Message, route: Route, *, now: datetime) -> None:
    message.state, message.channel, message.attempts = _State.SENDING, route.channel, 1
    message.claimed_until = now + LEASE


def take_up(among: list[QuerySet[Message]], *, clock: Clock, seconds: float = float("inf")) -> Claim | None:
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
        history = history_of(message)
        last = history[-1] if history else None
        unsettled = last is not None and last.outcome in (None, _Outcome.UNKNOWN)
        if last is not None and unsettled and not _before_resending(message, last):
            message.state, message.claimed_until, message.finished_at = _State.SENDING, now + LEASE, None
            message.save(update_fields=["state", "claimed_until", "finished_at"])
            return Claim(message=message, attempt=last, ask=True)
        return open_round(message, history, now=now, seconds=seconds)


def history_of(message: Message) -> list[DeliveryAttempt]:
    """Every handing over so far, the first one first; asks nothing for a message that was never tried."""
    if not message.attempts and message.resent_at is None:
        return []
    return list(message.delivery_attempts.order_by("number"))


def _before_resending(message: Message, attempt: DeliveryAttempt) -> bool:
    return message.resent_at is not None and attempt.started_at < message.resent_at


def open_round(
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
    if seconds < longest_call(route):
        return None
    attempt = begin(message, route, number=history[-1].number + 1 if history else 1, now=now)
    return Claim(message=message, attempt=attempt, routes=routes)


def _close(message: Message, state: str, *, now: datetime, next_attempt_at: datetime | None = None) -> Claim:
    message.state, message.next_attempt_at = state, next_attempt_at
    message.claimed_until, message.finished_at = None, None if state == _State.PENDING else now
    message.save(update_fields=["state", "next_attempt_at", "claimed_until", "finished_at"])
    return Claim(message=message, attempt=None)


def longest_call(route: Route) -> float:
    """Seconds that the route's provider may take at worst."""
    return message_provider(route.provider).longest_call


def route_of(attempt: DeliveryAttempt) -> Route:
    """The way an attempt went."""
    return Route(cast(Channel, attempt.channel), attempt.provider)
