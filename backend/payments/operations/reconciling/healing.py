"""Differences the gateway can settle by being asked once more: settled, and then compared again."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import connection
from django.db.models import Q

from backend.payments.differences import HEALABLE
from backend.payments.models import Difference, DifferenceState, Finding, Payment, Reconciliation
from backend.payments.operations.reconciling.classing import Rules, find
from backend.payments.operations.reconciling.comparing import side_by_side
from backend.payments.operations.reconciling.keeping import close, count, keep
from backend.payments.operations.settling import settle, settle_on_page
from backend.payments.providers import GatewayError, PaymentGateway

BATCH = 100


def heal(
    run: Reconciliation,
    starts: datetime,
    ends: datetime,
    rules: Rules,
    *,
    using: PaymentGateway,
    now: datetime,
) -> int:
    """Settle what a run found that may be settled; how many of them are no difference any more.

    Whatever else the fresh state differs in is found in the same run, and its sums are those of the fresh state. The
    gateway failing here leaves them open.
    """
    healed, last = 0, uuid.UUID(int=0)
    standing = Difference.objects.filter(
        findings__reconciliation=run, kind__in=HEALABLE, state=DifferenceState.OPEN
    ).order_by("pk")
    while rows := list(standing.filter(pk__gt=last)[:BATCH]):
        last = rows[-1].pk
        keys = [row.payment_id for row in rows if row.payment_id is not None]
        before = list(side_by_side(starts, ends, only=keys))
        tried = _settle(keys, using=using, now=now)
        if not tried:
            continue
        after = list(side_by_side(starts, ends, only=tried))
        found = [one for sides in after if (one := find(sides, rules))]
        for sides, times in [*((s, -1) for s in before if s.key in tried), *((s, 1) for s in after)]:
            count(run, sides, times)
        still = {(one.kind, one.subject) for one in found}
        done = [row for row in rows if row.payment_id in tried and (row.kind, row.subject) not in still]
        close(done, as_state=DifferenceState.HEALED, now=now)
        Finding.objects.filter(reconciliation=run, difference__in=done).update(is_healed=True)
        keep(run, found, now=now)
        healed += len(done)
    return healed


def _settle(keys: list[uuid.UUID], *, using: PaymentGateway, now: datetime) -> list[uuid.UUID]:
    """Ask the gateway about each; those it answered for."""
    ours = {
        row.gateway_key: row.pk
        for row in Payment.objects.filter(Q(pk__in=keys) | Q(gateway_id__in=keys)).only("pk", "gateway_id")
    }
    pages = _pages(keys)
    tried = []
    for key in keys:
        try:
            if key in ours:
                settle(ours[key], now=now, using=using)
            elif key in pages:
                settle_on_page(key, pages[key], now=now, using=using)
            else:
                continue
        except GatewayError:
            continue
        tried.append(key)
    return tried


def _pages(keys: list[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The hosted pages on which the gateway says these were paid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, invoice_id FROM reconciling_theirs WHERE id = ANY(%s) AND invoice_id IS NOT NULL",
            [keys],
        )
        return dict(cursor.fetchall())
