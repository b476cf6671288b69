"""Daily proofs that our books and the gateway's agree. Halalas throughout."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7


class Reconciliation(models.Model):
    """One comparison of our payments with the gateway's list for the Riyadh days `from_date` to `to_date`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    from_date = models.DateField()
    to_date = models.DateField()
    run_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    ours_count = models.PositiveIntegerField(default=0)
    theirs_count = models.PositiveIntegerField(default=0)
    captured_minor = models.PositiveBigIntegerField(default=0)
    refunded_minor = models.PositiveBigIntegerField(default=0)
    healed_count = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["-started_at", "-id"], name="reconciliation_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_date__gte=F("from_date")), name="reconciliation_days_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_date}..{self.to_date}"


class DifferenceKind(models.TextChoices):
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT = "amount"
    CURRENCY = "currency"
    STATUS = "status"
    REFUNDED = "refunded"
    METADATA = "metadata"


class Difference(models.Model):
    """One payment on which the two sides disagree, in exactly one class."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="differences")
    kind = models.CharField(max_length=16, choices=DifferenceKind.choices)
    payment_id = models.UUIDField()
    ours = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    healed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=DifferenceKind.values), name="difference_kind_known"),
            models.UniqueConstraint(
                fields=["reconciliation", "payment_id"], name="difference_one_class_each"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.payment_id}"
