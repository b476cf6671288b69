"""Tax documents as they were handed out: simplified invoices and credit notes, chained and never changed. Halalas."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import F, Q

from backend.bookings.models import Booking
from backend.core.ids import uuid7
from backend.core.money import CURRENCY
from backend.payments.models.desk import DeskReceipt
from backend.payments.models.gateway import Payment
from backend.salons.models import Business

FIRST_HASH = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
"""What a seller's first document follows: SHA-256 of the character `0`, as Phase 2 of e-invoicing has it."""


class DocumentKind(models.TextChoices):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class CreditReason(models.TextChoices):
    """Three of the five reasons that the VAT regulations know (Art. 40(1)); the other two do not occur here."""

    SUPPLY_CANCELLED = "supply_cancelled"
    PRICE_CHANGED = "price_changed"
    MISTAKE = "mistake"


class DocumentSeries(models.Model):
    """Where a seller's numbers stand. Whoever issues locks this row, after every other one, until the commit.

    `counter` runs over both kinds, `invoices` and `credit_notes` over one each. Money that moved before `began_at` is
    no matter of this series.
    """

    business = models.OneToOneField(
        Business, on_delete=models.PROTECT, primary_key=True, related_name="document_series"
    )
    counter = models.PositiveBigIntegerField(default=0)
    invoices = models.PositiveBigIntegerField(default=0)
    credit_notes = models.PositiveBigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, default=FIRST_HASH)
    began_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "document series"
        constraints = [
            models.CheckConstraint(
                condition=Q(counter=F("invoices") + F("credit_notes")), name="document_series_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.business_id} {self.counter}"


class TaxDocument(models.Model):
    """One simplified tax invoice or credit note. The database refuses to change or delete it (migration 0008).

    `snapshot` is the whole document; `hash` is the SHA-256 of its canonical JSON, `previous_hash` part of it. The
    columns repeat what is searched for and constrained. `key` names the fact it documents, so that no fact is
    documented twice. It names no customer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    business = models.ForeignKey(Business, on_delete=models.PROTECT, related_name="tax_documents")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="tax_documents")
    kind = models.CharField(max_length=11, choices=DocumentKind.choices)
    number = models.PositiveBigIntegerField()
    counter = models.PositiveBigIntegerField()
    key = models.CharField(max_length=80, unique=True)
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="tax_documents"
    )
    receipt = models.ForeignKey(
        DeskReceipt, on_delete=models.PROTECT, null=True, blank=True, related_name="tax_documents"
    )
    original = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="credit_notes"
    )
    reason = models.CharField(max_length=16, blank=True, default="", choices=CreditReason.choices)
    issued_at = models.DateTimeField()
    currency = models.CharField(max_length=3, default=CURRENCY)
    net_minor = models.PositiveIntegerField()
    vat_minor = models.PositiveIntegerField()
    total_minor = models.PositiveIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    snapshot = models.JSONField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=DocumentKind.values), name="document_kind_known"),
            models.CheckConstraint(
                condition=Q(total_minor__gt=0, total_minor=F("net_minor") + F("vat_minor")),
                name="document_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(kind="invoice", original__isnull=True, reason="")
                | Q(kind="credit_note", original__isnull=False, reason__in=CreditReason.values),
                name="document_credits_an_invoice",
            ),
            models.CheckConstraint(
                condition=Q(payment__isnull=True, receipt__isnull=False)
                | Q(payment__isnull=False, receipt__isnull=True),
                name="document_of_one_movement",
            ),
            models.UniqueConstraint(fields=["business", "counter"], name="document_counter_once"),
            models.UniqueConstraint(fields=["business", "kind", "number"], name="document_number_once"),
        ]
        indexes = [models.Index(fields=["-issued_at", "-id"], name="document_newest_first")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The number as it is printed: `INV-000001`, `CRN-000001`."""
        return label_of(self.kind, self.number)


def label_of(kind: str, number: int) -> str:
    return f"{'INV' if kind == DocumentKind.INVOICE else 'CRN'}-{number:06d}"


def digest(snapshot: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of a document's canonical JSON: sorted keys, no spaces, UTF-8."""
    canonical = json.dumps(snapshot, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
