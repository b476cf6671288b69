"""How the providers did: apps that hand messages over register a counter here; `manage.py providers` adds them up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

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
    """How many of the accepted surely arrived, where that shows: a code was given back."""
    last_error_class: str = ""
    last_error_at: datetime | None = None


Counter = Callable[[datetime], Iterable[Tally]]
"""Takes the moment to count from."""

_counters: dict[str, Counter] = {}


def register(kind: str, counter: Counter) -> None:
    """Called from an AppConfig's `ready`; `kind` says what is counted, e.g. "codes"."""
    _counters[kind] = counter


def since(moment: datetime) -> dict[str, list[Tally]]:
    """All tallies from `moment` on, by kind."""
    return {kind: list(counter(moment)) for kind, counter in _counters.items()}


def of_messages(moment: datetime) -> list[Tally]:
    """The outbox."""
    Outcome = DeliveryAttempt.Outcome
    attempts = DeliveryAttempt.objects.filter(started_at__gte=moment, outcome__isnull=False)
    rows = attempts.values("provider", "channel").annotate(
        accepted=Count("pk", filter=Q(outcome=Outcome.ACCEPTED)),
        refused=Count("pk", filter=Q(outcome__in=[Outcome.REFUSED, Outcome.UNREACHABLE])),
        unknown=Count("pk", filter=Q(outcome=Outcome.UNKNOWN)),
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
