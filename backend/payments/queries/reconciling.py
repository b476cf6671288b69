"""Questions about settlements, runs and differences. For finance only."""

from __future__ import annotations

from datetime import date

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from backend.payments.models import (
    DayClose,
    Difference,
    DifferenceState,
    Finding,
    Reconciliation,
    Settlement,
    SettlementLine,
)

OPEN = Q(state=DifferenceState.OPEN)


def settlements() -> QuerySet[Settlement]:
    return Settlement.objects.all()


def lines_of(settlement: Settlement) -> QuerySet[SettlementLine]:
    return settlement.lines.all()


def reconciliations() -> QuerySet[Reconciliation]:
    """Runs with `open_count`, the differences that still stand of what each found: counted for those shown alone."""
    standing = Finding.objects.filter(
        reconciliation=OuterRef("pk"), difference__state=DifferenceState.OPEN
    ).order_by()
    count = standing.values("reconciliation").annotate(all=Count("pk")).values("all")
    return Reconciliation.objects.annotate(open_count=Coalesce(Subquery(count), 0))


def differences() -> QuerySet[Difference]:
    return Difference.objects.select_related("owner", "resolved_by", "settlement")


def last_run_of(day: date) -> Reconciliation | None:
    """The newest finished comparison of this day alone."""
    return (
        Reconciliation.objects.filter(from_date=day, to_date=day, finished_at__isnull=False)
        .order_by("-started_at", "-id")
        .first()
    )


def standing_on(day: date, run: Reconciliation | None) -> QuerySet[Difference]:
    """What is still to be answered for: of the day itself, and whatever its comparison came upon."""
    found = Q(business_date=day)
    if run is not None:
        found |= Q(pk__in=run.findings.values("difference"))
    return differences().filter(OPEN & found)


def close_of(day: date) -> DayClose | None:
    return DayClose.objects.select_related("closed_by").filter(business_date=day).first()
