"""Rows whose time is over, deleted in small batches that step aside for whoever is using them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from backend.core import clients, idempotency, jobs, limits
from backend.core.limits import Limit
from backend.core.models import ClientCalls, IdempotencyRecord, RateCount

BATCH = 1000
ONCE = timedelta(hours=6)


def purge(rows: QuerySet[Any]) -> int:
    """Delete these rows batch by batch, each in a transaction of its own. Returns how many.

    Rows that somebody holds are left for the next time, so that several machines may do this at once.
    """
    return sum(_batches(rows))


def _batches(rows: QuerySet[Any]) -> Iterator[int]:
    while True:
        with transaction.atomic():
            keys = list(
                rows.select_for_update(skip_locked=True, of=("self",))
                .order_by("pk")
                .values_list("pk", flat=True)[:BATCH]
            )
            if keys:
                rows.model._default_manager.filter(pk__in=keys).delete()
        yield len(keys)
        if len(keys) < BATCH:
            return


def now_and_then(name: str, job: jobs.Job) -> jobs.Job:
    """The job, at most every six hours, whichever machine's tick comes first."""
    gate = Limit("purge", 1, ONCE, scaled=False)

    def run(now: datetime) -> int:
        return 0 if limits.take(gate, name, now=now) else job(now)

    return run


def purge_core(now: datetime) -> int:
    """Counts whose window is over, kept answers past their time, and what old apps called long ago."""
    return (
        purge(RateCount.objects.filter(ends_at__lt=now))
        + purge(IdempotencyRecord.objects.filter(created_at__lt=now - idempotency.KEPT_FOR))
        + purge(ClientCalls.objects.filter(day__lt=(now - clients.KEPT_FOR).date()))
    )
