"""What operators and finance ask about messages: what they cost, how much is owed, and which carriers fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Count, F, Min, Q, QuerySet, Sum

from backend.notifications.models import DeliveryAttempt, Message, ProviderHealth

Key = TypeVar("Key")

MICRO_PER_HALALA = 10_000

_State, _Outcome = Message.State, DeliveryAttempt.Outcome


@dataclass(frozen=True)
class Cost:
    """What the messages of one kind cost on behalf of one salon, by one provider on one channel."""

    kind: str
    salon_id: UUID | None
    """None: on the platform's own behalf."""
    channel: str
    provider: str
    messages: int
    units: int
    """SMS parts; on other channels messages."""
    cost_micro: int
    """Millionths of a riyal, by the prices of the day it was sent; an estimate."""


def costs(since: datetime, until: datetime) -> list[Cost]:
    """What was handed over from `since` until before `until`: what providers took, or may have taken."""
    rows = (
        DeliveryAttempt.objects.filter(
            started_at__gte=since,
            started_at__lt=until,
            outcome__in=[_Outcome.ACCEPTED, _Outcome.UNKNOWN],
        )
        .values("channel", "provider", kind=F("message__kind"), salon_id=F("message__salon_id"))
        .annotate(
            messages=Count("message_id", distinct=True), all_units=Sum("units"), all_cost=Sum("cost_micro")
        )
        .order_by("kind", "salon_id", "channel", "provider")
    )
    return [
        Cost(
            kind=row["kind"],
            salon_id=row["salon_id"],
            channel=row["channel"],
            provider=row["provider"],
            messages=row["messages"],
            units=row["all_units"],
            cost_micro=int(row["all_cost"]),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Total:
    messages: int = 0
    units: int = 0
    cost_micro: int = 0

    def __add__(self, other: Total) -> Total:
        return Total(
            self.messages + other.messages, self.units + other.units, self.cost_micro + other.cost_micro
        )

    @property
    def cost_minor(self) -> int:
        """Halalas, half a one rounded up."""
        return (self.cost_micro + MICRO_PER_HALALA // 2) // MICRO_PER_HALALA


def totals(rows: Iterable[Cost], by: Callable[[Cost], Key]) -> list[tuple[Key, Total]]:
    """The rows added up by what `by` says of them, the dearest first."""
    added: dict[Key, Total] = {}
    for row in rows:
        key = by(row)
        added[key] = added.get(key, Total()) + Total(row.messages, row.units, row.cost_micro)
    return sorted(added.items(), key=lambda entry: (-entry[1].cost_micro, -entry[1].units, str(entry[0])))


def circuits() -> QuerySet[ProviderHealth]:
    """Every provider and channel that ever failed; `opened_at` says whether its circuit is open."""
    return ProviderHealth.objects.order_by("provider", "channel")


@dataclass(frozen=True)
class Backlog:
    """What the outbox has in hand."""

    due: int
    """To be sent or asked about now."""
    later: int
    """To be tried again at a time that is still to come."""
    sending: int
    oldest_due_at: datetime | None


def backlog(now: datetime) -> Backlog:
    """Reads no message that is done with."""
    open_ = Message.objects.filter(
        state__in=[_State.PENDING, _State.UNKNOWN], next_attempt_at__isnull=False
    ).aggregate(
        due=Count("pk", filter=Q(next_attempt_at__lte=now)),
        later=Count("pk", filter=Q(next_attempt_at__gt=now)),
        oldest=Min("next_attempt_at", filter=Q(next_attempt_at__lte=now)),
    )
    sending = Message.objects.filter(state=_State.SENDING).count()
    return Backlog(due=open_["due"], later=open_["later"], sending=sending, oldest_due_at=open_["oldest"])
