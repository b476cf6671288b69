"""Money taken at the salon's own desk. Halalas throughout."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.bookings.models import Booking
from backend.core.ids import uuid7
from backend.core.money import CURRENCY


class ReceiptMethod(models.TextChoices):
    CASH = "cash"
    TERMINAL = "terminal"


class DeskReceipt(models.Model):
    """Cash, or a card at the salon's terminal. Never deleted: a mistake is voided, and both acts keep their names.

    `amount_minor` counts towards the price; `tip_minor` is the team's own, part of no balance and of no VAT base.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="receipts")
    method = models.CharField(max_length=8, choices=ReceiptMethod.choices)
    amount_minor = models.PositiveIntegerField()
    tip_minor = models.PositiveIntegerField(default=0, db_default=0)
    currency = models.CharField(max_length=3, default=CURRENCY)
    note = models.CharField(max_length=200, blank=True, default="")
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField()
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(method__in=ReceiptMethod.values), name="receipt_method_known"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0, tip_minor__gte=0)
                & (Q(amount_minor__gt=0) | Q(tip_minor__gt=0)),
                name="receipt_amounts_positive",
            ),
            models.CheckConstraint(
                condition=Q(voided_at__isnull=True, voided_by__isnull=True, void_reason="")
                | (Q(voided_at__isnull=False, voided_by__isnull=False) & ~Q(void_reason="")),
                name="receipt_voided_whole_or_not",
            ),
        ]
        indexes = [
            models.Index(fields=["booking", "-taken_at", "-id"], name="receipt_by_booking"),
            models.Index(fields=["-taken_at", "-id"], name="receipt_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.amount_minor}"
