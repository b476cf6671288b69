"""What went through the gateway: attempts, refunds, and what it told us. Halalas throughout."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.bookings.models import Booking
from backend.core.ids import uuid7
from backend.core.money import CURRENCY


class PaymentState(models.TextChoices):
    INITIATED = "initiated"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    VOIDED = "voided"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


PAID_STATES = (PaymentState.CAPTURED, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED)


class Purpose(models.TextChoices):
    DEPOSIT = "deposit"
    BALANCE = "balance"
    DAMAGE = "damage"


class Payment(models.Model):
    """One attempt to pay for a booking. Its id is Moyasar's `given_id`, so an attempt can always be looked up there.

    `quarantined_because` is set when the gateway's payment does not match ours (amount, currency, metadata): its
    money is never counted for the booking, and finance sees it; `suspended_minor` is how much of it the gateway holds
    for us. `save_card` is the payer's wish that has not been
    met yet. `manual` asks the bank to hold the money only; `secured_at` is when the booking came to stand on such a
    hold, `settled_at` when money was first seen to be charged.

    What is paid on a page of the gateway's (`invoice_id`) has an id that the gateway chose: `gateway_id`, known once
    there is money. A second payment on the same page becomes a row of its own, under the gateway's id.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="payments")
    purpose = models.CharField(
        max_length=7, choices=Purpose.choices, default=Purpose.DEPOSIT, db_default=Purpose.DEPOSIT
    )
    state = models.CharField(max_length=18, choices=PaymentState.choices, default=PaymentState.INITIATED)
    amount_minor = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default=CURRENCY)
    captured_minor = models.PositiveIntegerField(default=0)
    refunded_minor = models.PositiveIntegerField(default=0)
    suspended_minor = models.PositiveIntegerField(default=0, db_default=0)
    source_type = models.CharField(max_length=12)
    invoice_id = models.UUIDField(null=True, blank=True, db_index=True)
    gateway_id = models.UUIDField(null=True, blank=True, unique=True)
    save_card = models.BooleanField(default=False, db_default=False)
    manual = models.BooleanField(default=False, db_default=False)
    next_action_url = models.URLField(max_length=500, blank=True, default="")
    failure_code = models.CharField(max_length=40, blank=True, default="")
    gateway_message = models.CharField(max_length=300, blank=True, default="")
    card_last_four = models.CharField(max_length=4, blank=True, default="", db_default="")
    gateway_seen = models.BooleanField(default=False)
    quarantined_because = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    secured_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PaymentState.values), name="payment_state_known"),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="payment_purpose_known"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(refunded_minor__lte=F("captured_minor")), name="payment_refund_covered"
            ),
        ]
        indexes = [
            models.Index(fields=["booking", "-created_at"], name="payment_by_booking"),
            models.Index(fields=["-created_at", "-id"], name="payment_newest_first"),
            models.Index(fields=["amount_minor", "-created_at", "-id"], name="payment_by_amount"),
            models.Index(
                fields=["card_last_four", "-created_at", "-id"],
                condition=~Q(card_last_four=""),
                name="payment_by_card",
            ),
            models.Index(
                fields=["-created_at", "-id"],
                condition=~Q(quarantined_because=""),
                name="payment_quarantined",
            ),
            models.Index(fields=["created_at"], condition=Q(state="initiated"), name="payment_unfinished"),
            models.Index(fields=["checked_at"], condition=Q(state="authorized"), name="payment_held_by_bank"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def gateway_key(self) -> uuid.UUID:
        """The id the gateway knows this payment by."""
        return self.gateway_id or self.pk

    @property
    def state_by_totals(self) -> PaymentState:
        """The state of captured money. The gateway says `refunded` after the first halala; the totals say how much."""
        if not self.refunded_minor:
            return PaymentState.CAPTURED
        whole = self.refunded_minor >= self.captured_minor
        return PaymentState.REFUNDED if whole else PaymentState.PARTIALLY_REFUNDED


class RefundReason(models.TextChoices):
    """Why money goes back. Goodwill is a gift; all others return what was paid beyond what is owed."""

    BOOKING_CLOSED = "booking_closed"
    NOTHING_TO_PAY = "no_booking_to_pay"
    MORE_THAN_DUE = "more_than_due"
    GOODWILL = "goodwill"


SURPLUS = (RefundReason.BOOKING_CLOSED, RefundReason.NOTHING_TO_PAY, RefundReason.MORE_THAN_DUE)
HOSTED, STC_PAY = "hosted", "stcpay"
"""`source_type` of an attempt on a page of the gateway's own, and of one that waits for a code."""


class RefundState(models.TextChoices):
    DUE = "due"
    SENDING = "sending"
    DONE = "done"
    MANUAL = "manual"


class Refund(models.Model):
    """Money owed back, or a hold to release: written in the transaction that decided it, finished by `sweep`.

    Whether it becomes a void or a refund is decided by what the gateway holds when it is sent. One refund of a payment
    is `sending` at a time, and `refunded_before_minor` is the gateway's running total seen just before the call:
    Moyasar has no refund id, so that total is the only evidence of an unknown outcome.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=RefundState.choices, default=RefundState.DUE)
    reason = models.CharField(max_length=40)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    refunded_before_minor = models.PositiveIntegerField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True, default="")
    next_attempt_at = models.DateTimeField()
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_state_known"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
            models.UniqueConstraint(
                fields=["payment"], condition=Q(state="sending"), name="refund_one_in_flight_per_payment"
            ),
            models.UniqueConstraint(
                fields=["payment", "reason"],
                condition=~Q(reason="goodwill"),
                name="refund_once_per_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state__in=("due", "sending")), name="refund_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} {self.amount_minor}"


class WebhookEvent(models.Model):
    """What a provider told us, kept once, secrets redacted. `handled_at` empty = `sweep` finishes it."""

    id = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=12)
    event_id = models.CharField(max_length=80)
    type = models.CharField(max_length=60)
    payment_id = models.UUIDField(null=True, blank=True, db_index=True)
    payload = models.JSONField()
    received_at = models.DateTimeField()
    times_received = models.PositiveIntegerField(default=1)
    handled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=40, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_event_once"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(handled_at__isnull=True), name="webhook_unhandled"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.type}"
