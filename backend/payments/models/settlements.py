"""What the gateway sent to our bank account, line by line. Halalas throughout; a line is never changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import uuid7
from backend.core.money import CURRENCY
from backend.payments.models.gateway import Payment


class SettlementSource(models.TextChoices):
    API = "api"
    CSV = "csv"


class Settlement(models.Model):
    """One transfer to the bank, here whole or not at all. `amount_minor` is before the fee of the transfer itself
    (`fee_minor`, its VAT inside as `tax_minor`); `lines_minor` is what its lines add up to, which should be the same.

    `gateway_id` is the gateway's; a file that does not say it gets one of ours, made of its content.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway_id = models.CharField(max_length=80, unique=True)
    source = models.CharField(max_length=3, choices=SettlementSource.choices)
    currency = models.CharField(max_length=3, default=CURRENCY)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    reference = models.CharField(max_length=80, blank=True, default="")
    line_count = models.PositiveIntegerField()
    told_line_count = models.PositiveIntegerField(null=True, blank=True)
    lines_minor = models.BigIntegerField()
    created_at = models.DateTimeField()
    imported_at = models.DateTimeField()
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=SettlementSource.values), name="settlement_source_known"
            ),
            models.CheckConstraint(condition=~Q(gateway_id=""), name="settlement_has_an_id"),
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="settlement_newest_first")]

    def __str__(self) -> str:
        return self.gateway_id

    @property
    def adds_up(self) -> bool:
        """Whether its lines are as many, and as much, as it says."""
        all_there = self.told_line_count in (None, self.line_count)
        return all_there and self.amount_minor == self.lines_minor


class SettlementLine(models.Model):
    """One movement inside a settlement. Amounts carry the sign of the money: what came is above zero.

    `type` is the gateway's word (`payment`, `refund`, `void`, `chargeback`, ...; new ones may appear). `fee_minor` is
    without its VAT, which stands beside it. `payment` is ours as far as it was known when the line came in.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    gateway_payment_id = models.UUIDField(null=True, blank=True, db_index=True)
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="settlement_lines"
    )
    type = models.CharField(max_length=40)
    currency = models.CharField(max_length=3, default=CURRENCY)
    payment_amount_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    fee_vat_minor = models.BigIntegerField(default=0)
    reference_number = models.CharField(max_length=80, blank=True, default="")
    transacted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["settlement", "position"], name="settlement_line_once"),
        ]
        indexes = [models.Index(fields=["transacted_at"], name="settlement_line_by_moment")]

    def __str__(self) -> str:
        return f"{self.type} {self.net_minor}"
