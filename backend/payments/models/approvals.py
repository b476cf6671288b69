"""What people of finance do by hand, with their names: refunds that two must agree on, and lists taken away."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.payments.models.gateway import Payment, Refund


class RequestState(models.TextChoices):
    WAITING = "waiting"
    MADE = "made"
    DECLINED = "declined", "Turned Down"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class RefundRequest(models.Model):
    """Money that somebody of finance wants given back (ADR 0025). Halalas.

    One that `needs_second` waits until somebody else decides, or whoever asked withdraws it; any other is made at once,
    by whoever asked. `refund` is what came of it. Who asked for what is never changed, nor what was decided.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refund_requests")
    amount_minor = models.PositiveIntegerField()
    reason = models.CharField(max_length=200)
    needs_second = models.BooleanField()
    state = models.CharField(max_length=9, choices=RequestState.choices)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decline_reason = models.CharField(max_length=200, blank=True, default="")
    refund = models.OneToOneField(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="request"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=RequestState.values), name="refund_request_state_known"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_request_amount_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="refund_request_says_why"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")),
                name="refund_request_four_eyes",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state="made", refund__isnull=False, decline_reason="")
                    & (
                        Q(needs_second=True, decided_by__isnull=False, decided_at__isnull=False)
                        | Q(needs_second=False, decided_by__isnull=True, decided_at__isnull=True)
                    )
                )
                | (
                    Q(state="declined", needs_second=True, refund__isnull=True)
                    & Q(decided_by__isnull=False, decided_at__isnull=False)
                    & ~Q(decline_reason="")
                )
                | Q(
                    state="withdrawn",
                    needs_second=True,
                    refund__isnull=True,
                    decided_by__isnull=True,
                    decided_at__isnull=False,
                    decline_reason="",
                )
                | Q(
                    state__in=("waiting", "expired"),
                    needs_second=True,
                    refund__isnull=True,
                    decided_by__isnull=True,
                    decided_at__isnull=True,
                    decline_reason="",
                ),
                name="refund_request_decided_whole_or_not",
            ),
            models.UniqueConstraint(
                fields=["payment"], condition=Q(state="waiting"), name="refund_request_one_waits"
            ),
        ]
        indexes = [
            models.Index(fields=["-requested_at", "-id"], name="refund_request_newest"),
            models.Index(fields=["expires_at"], condition=Q(state="waiting"), name="refund_request_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} {self.amount_minor}"


class ExportSheet(models.TextChoices):
    PAYMENTS = "payments"
    REFUNDS = "refunds"
    LEDGER = "ledger"
    SETTLEMENTS = "settlements"


class ExportType(models.TextChoices):
    CSV = "csv"
    XLSX = "xlsx"


class ExportTaken(models.Model):
    """A list of money that somebody took away, for the Riyadh days `from_date` to `to_date`. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.CharField(max_length=12, choices=ExportSheet.choices)
    file_type = models.CharField(max_length=4)
    from_date = models.DateField()
    to_date = models.DateField()
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "exports taken"
        constraints = [
            models.CheckConstraint(condition=Q(sheet__in=ExportSheet.values), name="export_sheet_known"),
            models.CheckConstraint(condition=Q(file_type__in=ExportType.values), name="export_type_known"),
            models.CheckConstraint(condition=Q(to_date__gte=F("from_date")), name="export_days_in_order"),
        ]
        indexes = [models.Index(fields=["-taken_at", "-id"], name="export_newest_first")]

    def __str__(self) -> str:
        return f"{self.sheet}.{self.file_type}"
