"""Delivering what is owed: claim a message and commit, call one provider after the other, record what happened."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations.carrying import carry
from backend.notifications.operations.claiming import (
    Claim,
    Clock,
    claim_new,
    longest_call,
    route_of,
    take_up,
)
from backend.notifications.operations.planning import certain_route, known_kind
from backend.notifications.operations.recording import let_go

logger = logging.getLogger("mawid.messages")

BATCH = 200
JOB_SECONDS = 20.0
"""How long one run of `tick` delivers: a provider that hangs must not hold up what else is due."""
_State = Message.State


def deliver_new(message: Message, *, now: datetime, seconds: float) -> None:
    """Deliver a message that was committed a moment ago, unless somebody else already is.

    With `seconds` left, a provider is called only if its slowest answer would fit; else it stays due.
    """
    clock = Clock(now)
    kind = known_kind(message)
    claim = None
    if (route := certain_route(message, kind, now)) is not None:
        if seconds < longest_call(route):
            return
        claim = claim_new(message, kind, route, now=clock())
    if claim is None:
        new = Message.objects.filter(pk=message.pk, state=_State.PENDING, attempts=0)
        claim = take_up([new], clock=clock, seconds=seconds)
    if claim is not None:
        carry(claim, clock=clock, seconds=seconds)


def deliver_claimed(message: Message, attempt: DeliveryAttempt, *, now: datetime, seconds: float) -> None:
    """Deliver a message that was written as claimed by us; with too few `seconds` left it is let go."""
    if seconds < longest_call(route_of(attempt)):
        let_go(message, attempt)
        return
    carry(Claim(message=message, attempt=attempt), clock=Clock(now), seconds=seconds)


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
        claim = take_up([lapsed, due], clock=clock)
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
