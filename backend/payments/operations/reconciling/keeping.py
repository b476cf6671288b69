"""What a run found becomes rows: the same difference is the same row for ever, and its history is only added to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction

from backend.payments.models import (
    PAID_STATES,
    Difference,
    DifferenceAct,
    DifferenceEvent,
    DifferenceState,
    Finding,
    Reconciliation,
)
from backend.payments.operations.reconciling.classing import CHARGED, Found
from backend.payments.operations.reconciling.comparing import Sides

BATCH = 500


def keep(run: Reconciliation, found: Sequence[Found], *, now: datetime) -> None:
    """Write down what a run found, one transaction a batch.

    One that stands open, or was answered for and is as it was then, is only found again. One that was healed or gone,
    or looks different from what was answered for, opens again.
    """
    for start in range(0, len(found), BATCH):
        _keep(run, found[start : start + BATCH], now=now)


@transaction.atomic
def _keep(run: Reconciliation, found: Sequence[Found], *, now: datetime) -> None:
    known = {
        (row.kind, row.subject): row
        for row in Difference.objects.select_for_update(no_key=True)
        .filter(subject__in=[one.subject for one in found])
        .order_by("id")
    }
    new, changed, events = [], [], []
    rows: list[Difference] = []
    for one in found:
        row = known.get((one.kind, one.subject))
        if row is None:
            row = Difference(
                kind=one.kind,
                subject=one.subject,
                business_date=one.business_date,
                payment_id=one.payment_id,
                settlement_id=one.settlement_id,
                amount_minor=one.amount_minor,
                facts=one.facts,
                opened_at=now,
            )
            new.append(row)
            events.append(_event(row, DifferenceAct.OPENED, now))
        elif act := _find_again(row, one):
            changed.append(row)
            events.append(_event(row, act, now))
        rows.append(row)
    Difference.objects.bulk_create(new)
    Difference.objects.bulk_update(
        changed,
        [
            *(
                "state",
                "amount_minor",
                "facts",
                "settlement",
                "resolution",
                "resolved_by",
                "note",
                "closed_at",
            ),
            "version",
        ],
    )
    DifferenceEvent.objects.bulk_create(events)
    Finding.objects.bulk_create(
        [Finding(reconciliation=run, difference=row) for row in rows], ignore_conflicts=True
    )


def _find_again(row: Difference, one: Found) -> DifferenceAct | None:
    """Make a known row what was found now; what that was, None when nothing is new."""
    same = row.facts == one.facts and row.amount_minor == one.amount_minor
    if same and row.state in (DifferenceState.OPEN, DifferenceState.RESOLVED):
        return None
    act = DifferenceAct.CHANGED if row.state == DifferenceState.OPEN else DifferenceAct.REOPENED
    if row.state != DifferenceState.OPEN:
        row.state, row.closed_at = DifferenceState.OPEN, None
        row.resolution, row.resolved_by = "", None
    row.amount_minor, row.facts, row.settlement_id = one.amount_minor, one.facts, one.settlement_id
    row.version += 1
    return act


def close(rows: Sequence[Difference], *, as_state: DifferenceState, now: datetime) -> None:
    """Close open differences without a name: a run healed them, or found them gone."""
    act = DifferenceAct.HEALED if as_state == DifferenceState.HEALED else DifferenceAct.GONE
    for row in rows:
        row.state, row.closed_at = as_state, now
        row.version += 1
    with transaction.atomic():
        Difference.objects.bulk_update(rows, ["state", "closed_at", "version"], batch_size=BATCH)
        DifferenceEvent.objects.bulk_create([_event(row, act, now) for row in rows])


def close_the_gone(run: Reconciliation, *, now: datetime) -> int:
    """Close what stood open on the days of a run and was not found by it any more. Returns how many."""
    closed = 0
    open_ones = Difference.objects.filter(
        state=DifferenceState.OPEN, business_date__range=(run.from_date, run.to_date)
    ).exclude(findings__reconciliation=run)
    while rows := list(open_ones.order_by("id")[:BATCH]):
        close(rows, as_state=DifferenceState.GONE, now=now)
        closed += len(rows)
    return closed


def count(run: Reconciliation, sides: Sides, times: int = 1) -> None:
    """Add a payment of these days to the sums, on each side that has it; `times` of -1 takes it out again."""
    if not sides.in_days:
        return
    ours, theirs, settled = sides.ours, sides.theirs, sides.settled
    if ours is not None:
        run.ours_count += times
        if ours.state in PAID_STATES:
            run.captured_minor += times * ours.captured_minor
            run.refunded_minor += times * ours.refunded_minor
    if theirs is not None:
        run.theirs_count += times
        if theirs.status in CHARGED:
            run.theirs_captured_minor += times * (theirs.captured_minor or theirs.amount_minor)
            run.theirs_refunded_minor += times * theirs.refunded_minor
    if settled is not None and settled.moved:
        run.lines_count += times
        run.settled_minor += times * (settled.gross_minor - settled.voided_minor)
        run.settled_back_minor += times * settled.returned_minor
        run.fees_minor += times * (settled.fee_minor + settled.fee_vat_minor)


def fingerprint(run: Reconciliation) -> str:
    """Of all that stands after a run, answered for or not: the same data has the same."""
    digest = hashlib.sha256()
    rows = (
        run.differences.filter(state__in=(DifferenceState.OPEN, DifferenceState.RESOLVED))
        .order_by("kind", "subject")
        .values_list("kind", "subject", "business_date", "amount_minor", "facts")
    )
    for row in rows.iterator(chunk_size=BATCH):
        digest.update(json.dumps(row, sort_keys=True, default=_plain).encode())
    return digest.hexdigest()


def _plain(value: Any) -> str:
    assert isinstance(value, date)
    return value.isoformat()


def _event(row: Difference, act: DifferenceAct, now: datetime) -> DifferenceEvent:
    return DifferenceEvent(difference=row, act=act, at=now)
