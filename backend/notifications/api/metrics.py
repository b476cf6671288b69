"""`GET /metrics`: how messages are doing, in Prometheus' text format (its exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hmac import compare_digest

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from backend.notifications import queries, tallies

Sample = tuple[Mapping[str, str], float]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Only with METRICS_TOKEN set, and only to whoever bears it; to everybody else there is no such page."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        raise Http404
    return HttpResponse(
        "".join(_page(timezone.now())),
        content_type="text/plain; version=0.0.4; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )


def _page(now: datetime) -> Iterator[str]:
    # Gauges over two windows, not counters: several processes answer, and each would count for itself.
    attempts: list[Sample] = []
    rates: list[Sample] = []
    for window, rows in tallies.rates(now).items():
        for row in rows:
            labels = {"provider": row.provider, "channel": row.channel, "window": window}
            outcomes = {"accepted": row.accepted, "refused": row.refused, "unknown": row.unknown}
            attempts += [(labels | {"outcome": outcome}, count) for outcome, count in outcomes.items()]
            if row.success_rate is not None:
                rates.append((labels, row.success_rate))
    yield from _gauge("mawid_message_attempts", "Messages handed to a provider in the window.", attempts)
    yield from _gauge("mawid_message_success_ratio", "The accepted among them.", rates)
    yield from _gauge(
        "mawid_message_circuit_open",
        "1 while a provider is asked after the others, because it failed too often in a row.",
        (
            ({"provider": row.provider, "channel": row.channel}, float(row.opened_at is not None))
            for row in queries.circuits()
        ),
    )
    backlog = queries.backlog(now)
    in_hand = {"due": backlog.due, "later": backlog.later, "sending": backlog.sending}
    yield from _gauge(
        "mawid_message_backlog",
        "Messages that are not done with.",
        (({"state": state}, count) for state, count in in_hand.items()),
    )
    waiting = (now - backlog.oldest_due_at).total_seconds() if backlog.oldest_due_at else 0.0
    yield from _gauge(
        "mawid_message_oldest_due_seconds", "How long the oldest due one waits.", [({}, waiting)]
    )


def _gauge(name: str, says: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {says}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        # Names of ours alone: nothing to escape.
        shown = ",".join(f'{label}="{text}"' for label, text in labels.items())
        yield f"{name}{{{shown}}} {value:g}\n" if shown else f"{name} {value:g}\n"
