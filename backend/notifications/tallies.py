"""How the providers did: apps that hand messages over register a counter here; `manage.py providers` adds them up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Count, Max, Q

from backend.notifications.models import DeliveryAttempt, ProviderRefusal


@dataclass(frozen=True)
class Tally:
    """What became of the messages of one kind that one provider was handed on one channel."""

    provider: str
    channel: str
    accepted: int = 0
    refused: int = 0
    """Clearly not taken, or never reached."""
    unknown: int = 0
    confirmed: int | None = None
    """How many of the accepted surely arrived, where that shows: a code was given back, or the carrier reported."""
    last_error_class: str = ""
    last_error_at: datetime | None = None

    @property
    def success_rate(self) -> float | None:
        """The accepted among all whose end is known; None when there are none."""
        ended = self.accepted + self.refused + self.unknown
        return self.accepted / ended if ended else None


Counter = Callable[[datetime], Iterable[Tally]]
"""Takes the moment to count from."""

_counters: dict[str, Counter] = {}


def register(kind: str, counter: Counter) -> None:
    """Called from an AppConfig's `ready`; `kind` says what is counted, e.g. "codes"."""
    _counters[kind] = counter


def since(moment: datetime) -> dict[str, list[Tally]]:
    """All tallies from `moment` on, by kind."""
    return {kind: list(counter(moment)) for kind, counter in _counters.items()}


def rates(now: datetime) -> dict[Literal["hour", "day"], list[Tally]]:
    """How each provider did on each channel with the outbox's messages, in the last hour and the last day."""
    return {"hour": of_messages(now - timedelta(hours=1)), "day": of_messages(now - timedelta(days=1))}


def of_messages(moment: datetime) -> list[Tally]:
    """The outbox: what was handed over since `moment`, by the channel of each attempt."""
    Outcome, Report = DeliveryAttempt.Outcome, DeliveryAttempt.Report
    attempts = DeliveryAttempt.objects.filter(started_at__gte=moment, outcome__isnull=False)
    rows = attempts.values("provider", "channel").annotate(
        accepted=Count("pk", filter=Q(outcome=Outcome.ACCEPTED)),
        refused=Count("pk", filter=Q(outcome__in=[Outcome.REFUSED, Outcome.UNREACHABLE])),
        unknown=Count("pk", filter=Q(outcome=Outcome.UNKNOWN)),
        reported=Count("pk", filter=Q(report__in=[Report.UNDELIVERED, Report.DELIVERED, Report.READ])),
        arrived=Count("pk", filter=Q(report__in=[Report.DELIVERED, Report.READ])),
    )
    errors = (
        attempts.exclude(outcome=Outcome.ACCEPTED)
        .order_by("provider", "channel", "-finished_at")
        .distinct("provider", "channel")
        .values_list("provider", "channel", "error_class", "finished_at")
    )
    last = {(provider, channel): (kind, at) for provider, channel, kind, at in errors}
    tallies = []
    for row in rows.order_by("provider", "channel"):
        provider, channel = row["provider"], row["channel"]
        error_class, error_at = last.get((provider, channel), ("", None))
        tallies.append(
            Tally(
                provider=provider,
                channel=channel,
                accepted=row["accepted"],
                refused=row["refused"],
                unknown=row["unknown"],
                confirmed=row["arrived"] if row["reported"] else None,
                last_error_class=error_class,
                last_error_at=error_at,
            )
        )
    return tallies


def of_refusals(moment: datetime) -> list[Tally]:
    """Refusals of messages that are no rows of the outbox."""
    rows = ProviderRefusal.objects.filter(at__gte=moment).values("provider", "channel")
    last = {
        (refusal.provider, refusal.channel): refusal.error_class
        for refusal in ProviderRefusal.objects.filter(at__gte=moment)
        .order_by("provider", "channel", "-at")
        .distinct("provider", "channel")
    }
    return [
        Tally(
            provider=row["provider"],
            channel=row["channel"],
            refused=row["refused"],
            last_error_class=last[row["provider"], row["channel"]],
            last_error_at=row["last_at"],
        )
        for row in rows.annotate(refused=Count("pk"), last_at=Max("at")).order_by("provider", "channel")
    ]
