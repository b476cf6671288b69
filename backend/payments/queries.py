"""Questions about money."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from backend.bookings.queries import bookings_of
from backend.payments.models import Difference, Payment, Reconciliation


def payments_of(customer: Any) -> QuerySet[Payment]:
    """A customer's own payment attempts, for the bookings they may see."""
    return Payment.objects.filter(booking__in=bookings_of(customer).order_by().values("pk")).select_related(
        "booking"
    )


def all_payments() -> QuerySet[Payment]:
    """For finance only."""
    return Payment.objects.select_related("booking__salon")


def reconciliations() -> QuerySet[Reconciliation]:
    return Reconciliation.objects.all()


def differences_of(run: Reconciliation) -> QuerySet[Difference]:
    return run.differences.all()
