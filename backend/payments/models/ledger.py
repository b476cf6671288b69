"""The books: double entry in halalas, written once and never changed (ADR 0019).

A line's amount is signed: debit above zero, credit below, and the lines of an entry add up to nothing. The database
sees to that when a transaction commits, and refuses to change, delete or empty either table. A mistake is put right by
another entry.

Nobody's name stands here. Services and people are ids without a foreign key: the books outlive them.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.bookings.models import Booking
from backend.core.ids import uuid7
from backend.payments.models.desk import DeskReceipt
from backend.payments.models.gateway import Payment
from backend.salons.models import Business, Salon


class Account(models.TextChoices):
    """What a line is about. ADR 0019 says what each one's balance means."""

    CUSTOMER_RECEIVABLE = "customer_receivable"
    GATEWAY_CLEARING = "gateway_clearing"
    BANK = "bank"
    SALON_PAYABLE = "salon_payable"
    VAT = "vat"
    FEES = "fees"
    FEE_VAT = "fee_vat"
    REFUNDS = "refunds"
    PLATFORM_REVENUE = "platform_revenue"
    PLATFORM_VAT = "platform_vat"
    CHARGEBACKS = "chargebacks"
    SUSPENSE = "suspense"


class EntryKind(models.TextChoices):
    CAPTURED = "captured"
    SUSPENDED = "suspended"
    REFUND_OWED = "refund_owed"
    REFUND_DONE = "refund_done"
    VOIDED = "voided"
    RETURNED_OUTSIDE = "returned_outside"
    DESK = "desk"
    EARNED = "earned"
    COMMISSION = "commission"
    SETTLED = "settled"
    PAYOUT = "payout"


class Entry(models.Model):
    """One thing that happened to money. `key` names the fact and how often it was written, so none is written twice.

    `business` is empty only for a settlement of money that belongs to no payment of ours. `business_date` is the
    calendar day of `at` in the salon's zone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    business = models.ForeignKey(
        Business, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=16, choices=EntryKind.choices)
    key = models.CharField(max_length=80, unique=True)
    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, null=True, blank=True, related_name="entries"
    )
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="entries"
    )
    receipt = models.ForeignKey(
        DeskReceipt, on_delete=models.PROTECT, null=True, blank=True, related_name="entries", db_index=False
    )
    at = models.DateTimeField()
    business_date = models.DateField()

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="entry_kind_known"),
        ]
        indexes = [
            models.Index(fields=["business", "business_date", "id"], name="entry_by_business"),
            models.Index(fields=["business_date", "id"], name="entry_by_day"),
        ]

    def __str__(self) -> str:
        return self.key


class Line(models.Model):
    """One side of an entry. `business_date` is its entry's, so that a salon's days are read without the entries."""

    id = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="lines")
    account = models.CharField(max_length=20, choices=Account.choices)
    salon = models.ForeignKey(
        Salon, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    amount_minor = models.BigIntegerField()
    business_date = models.DateField()
    service_id = models.UUIDField(null=True, blank=True)
    staff_member_id = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(account__in=Account.values), name="line_account_known"),
            models.CheckConstraint(condition=~Q(amount_minor=0), name="line_is_about_money"),
        ]
        indexes = [
            models.Index(
                fields=["salon", "business_date"],
                include=["account", "amount_minor", "entry"],
                name="line_by_salon",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount_minor}"


class Payout(models.Model):
    """Money sent to a salon's business by bank, for the days `from_date` to `to_date`.

    Never changed but to be voided, when the bank sent it back or it was written down in error.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    business = models.ForeignKey(Business, on_delete=models.PROTECT, related_name="payouts")
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="payouts", db_index=False)
    from_date = models.DateField()
    to_date = models.DateField()
    amount_minor = models.PositiveBigIntegerField()
    bank_reference = models.CharField(max_length=80)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payout_amount_positive"),
            models.CheckConstraint(condition=Q(to_date__gte=F("from_date")), name="payout_days_in_order"),
            models.CheckConstraint(condition=~Q(bank_reference=""), name="payout_has_a_reference"),
            models.CheckConstraint(
                condition=Q(voided_at__isnull=True, voided_by__isnull=True, void_reason="")
                | (Q(voided_at__isnull=False, voided_by__isnull=False) & ~Q(void_reason="")),
                name="payout_voided_whole_or_not",
            ),
            models.UniqueConstraint(
                fields=["salon", "bank_reference"],
                condition=Q(voided_at__isnull=True),
                name="payout_written_down_once",
            ),
        ]
        indexes = [
            models.Index(fields=["-recorded_at", "-id"], name="payout_newest_first"),
            models.Index(fields=["salon", "-recorded_at"], name="payout_by_salon"),
        ]

    def __str__(self) -> str:
        return f"{self.salon_id} {self.amount_minor}"
