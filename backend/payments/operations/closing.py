"""Closing a day: finance says, with a name, that everything of it agrees or was answered for."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import transaction

from backend.core.time import RIYADH
from backend.payments.models import DayClose
from backend.payments.operations.reconciling import alone
from backend.payments.queries.reconciling import last_run_of, standing_on
from backend.payments.refusals import DayClosed, DayNotOver, DayNotReconciled, DifferencesStand


def close_day(*, business_date: date, by: Any, now: datetime) -> DayClose:
    """Close a Riyadh day, once and for good.

    It must be over, compared as a whole since, and without a difference that stands open. Raises DayNotOver,
    DayClosed, DayNotReconciled, DifferencesStand, ReconciliationRunning.
    """
    if business_date >= now.astimezone(RIYADH).date():
        raise DayNotOver
    with alone(), transaction.atomic():
        if DayClose.objects.filter(business_date=business_date).exists():
            raise DayClosed
        run = last_run_of(business_date)
        if run is None or run.started_at.astimezone(RIYADH).date() <= business_date:
            raise DayNotReconciled
        if standing := standing_on(business_date, run).count():
            raise DifferencesStand(count=standing)
        return DayClose.objects.create(
            business_date=business_date, reconciliation=run, closed_by=by, closed_at=now
        )
