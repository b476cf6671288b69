"""One run: gather, compare, write down, heal. One at a time on whichever machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Max

from backend.core.time import RIYADH
from backend.payments.gateway import gateway
from backend.payments.models import DifferenceState, Reconciliation, Settlement
from backend.payments.operations.importing import import_settlements
from backend.payments.operations.reconciling import gathering
from backend.payments.operations.reconciling.classing import Found, Rules, find, of_line, of_total
from backend.payments.operations.reconciling.comparing import lone_lines, side_by_side, wrong_totals
from backend.payments.operations.reconciling.healing import heal as heal_what_was_found
from backend.payments.operations.reconciling.keeping import BATCH, close_the_gone, count, fingerprint, keep
from backend.payments.refusals import ReconciliationRunning

LOCK = 5_620_811_970_130_447
"""The key of the advisory lock: any number nobody else uses."""

Progress = Callable[[str, int], None]
"""Told which step is at work (`gateway`, `settlements`, `compare`) and how many rows more it has done."""


def reconcile(
    *,
    from_date: date,
    to_date: date,
    now: datetime,
    run_by: Any = None,
    heal: bool = True,
    progress: Progress = lambda _step, _more: None,
) -> Reconciliation:
    """Compare the Riyadh days `from_date` to `to_date`, both included: ours, the gateway's list, settlement lines.

    Settlements sent since then are brought in first. What may be settled is settled, if `heal`. Stored, repeatable,
    bounded in memory; a difference that earlier runs knew is the same row.
    Raises GatewayError when a list cannot be read whole: half a list proves nothing. Raises ReconciliationRunning.
    """
    began = monotonic()
    starts, ends = _midnight(from_date), _midnight(to_date + timedelta(days=1))
    using = gateway()
    with alone():
        run = Reconciliation.objects.create(
            from_date=from_date, to_date=to_date, run_by=run_by, started_at=now
        )
        try:
            gathering.clear()
            listed = using.list_payments(created_from=starts, created_to=ends)
            for more in gathering.lay_down(listed, in_days=True):
                progress("gateway", more)
            run.note = import_settlements(created_from=starts, now=now, by=run_by).note
            progress("settlements", 1)
            gathering.ask_for_the_rest(using, starts, ends)
            gathering.analyse()
            rules = _rules(now)
            _compare(run, starts, ends, rules, now=now, progress=progress)
            if heal:
                run.healed_count = heal_what_was_found(run, starts, ends, rules, using=using, now=now)
        finally:
            gathering.drop()
        run.gone_count = close_the_gone(run, now=now)
        run.found_count = run.findings.count()
        run.fingerprint = fingerprint(run)
        run.finished_at = now + timedelta(seconds=monotonic() - began)
        run.save()
    return run


def open_differences(run: Reconciliation) -> int:
    """How many of the differences a run found are still to be answered for."""
    return run.differences.filter(state=DifferenceState.OPEN).count()


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else compares or closes a day meanwhile. The lock goes with the connection.

    Raises ReconciliationRunning.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise ReconciliationRunning(extra={"retry_after": 30})
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _compare(
    run: Reconciliation, starts: datetime, ends: datetime, rules: Rules, *, now: datetime, progress: Progress
) -> None:
    found: list[Found] = []
    seen = 0
    for sides in side_by_side(starts, ends):
        count(run, sides)
        if one := find(sides, rules):
            found.append(one)
        if len(found) == BATCH:
            keep(run, found, now=now)
            found = []
        seen += 1
        if seen % BATCH == 0:
            progress("compare", BATCH)
    progress("compare", seen % BATCH)
    found += [of_line(line) for line in lone_lines(starts, ends)]
    found += [of_total(total) for total in wrong_totals(starts, ends)]
    keep(run, found, now=now)


def _rules(now: datetime) -> Rules:
    newest = Settlement.objects.aggregate(newest=Max("created_at"))["newest"]
    return Rules(
        now=now,
        newest_settlement_at=newest,
        unsettled_after=timedelta(days=settings.UNSETTLED_AFTER_DAYS),
        fee_tolerance_minor=settings.FEE_TOLERANCE_MINOR,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=RIYADH)
