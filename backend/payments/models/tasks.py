"""What finance decided about money that the machine could not finish by itself."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import uuid7
from backend.payments.models.gateway import Payment, Refund


class TaskKind(models.TextChoices):
    REFUND = "refund"
    QUARANTINE = "quarantine"
    CAPTURE = "capture"


class Outcome(models.TextChoices):
    REFUNDED_OUTSIDE = "refunded_outside"
    ACCEPTED = "accepted"
    RETRY = "retry"


class Resolution(models.Model):
    """One answer to one manual task, with a name on it. `refund` is set when the task was a refund's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="resolutions")
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="resolutions"
    )
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    note = models.CharField(max_length=500)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="resolution_outcome_known"),
            models.CheckConstraint(condition=~Q(note=""), name="resolution_says_why"),
            models.UniqueConstraint(
                fields=["refund"],
                condition=~Q(outcome="retry"),
                name="resolution_closes_a_refund_once",
            ),
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(refund__isnull=True) & ~Q(outcome="retry"),
                name="resolution_closes_a_payment_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.payment_id}"
