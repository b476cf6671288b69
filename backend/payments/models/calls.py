"""What we asked the gateway and what came of it: the trace that explains every other row."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class CallOutcome(models.TextChoices):
    """What a call proves (backend.payments.providers): only `unknown` leaves open whether the gateway acted."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FAULT = "fault"
    UNREACHABLE = "unreachable"


class GatewayCall(models.Model):
    """One request to the gateway. Written after it ended, holds no secret and nobody's data, kept 400 days.

    `payment_id` is no foreign key: writing a trace must never wait for whoever holds the payment.
    """

    id = models.BigAutoField(primary_key=True)
    payment_id = models.UUIDField(null=True, blank=True)
    verb = models.CharField(max_length=20)
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=CallOutcome.choices)
    request_id = models.CharField(max_length=80, blank=True, default="")
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=CallOutcome.values), name="gateway_call_outcome_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["payment_id", "-id"],
                condition=Q(payment_id__isnull=False),
                name="gateway_call_by_payment",
            ),
            models.Index(fields=["at"], name="gateway_call_age"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.outcome}"
