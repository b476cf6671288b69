"""The books and the payouts, to be read. The database itself lets nobody change an entry."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ReadOnlyAdmin,
    ReadOnlyRows,
    amount,
    code,
    column,
    label,
    ltr,
    name,
    named,
    person,
    words,
)
from backend.core.money import money
from backend.payments import operations
from backend.payments.admin.acts import PayoutForm, ShortReasonForm, act_page, reason_given
from backend.payments.models import Entry, Line, Payout
from backend.payments.queries.ledger import owed_to
from backend.salons.models import Salon

label(
    Entry,
    _("ledger entry"),
    _("ledger entries"),
    choices=(
        *(
            N_("Captured"),
            N_("Suspended"),
            N_("Refund Owed"),
            N_("Refund Done"),
            N_("Voided"),
            N_("Returned Outside"),
        ),
        *(N_("Desk"), N_("Earned"), N_("Commission"), N_("Settled"), N_("Payout")),
    ),
    id=_("ID"),
    business=_("business"),
    kind=_("kind"),
    booking=_("booking"),
    payment=_("payment"),
    receipt=_("desk receipt"),
    at=_("at"),
    business_date=_("day"),
)
label(
    Line,
    _("line of an entry"),
    _("lines of an entry"),
    choices=(
        *(
            N_("Customer Receivable"),
            N_("Gateway Clearing"),
            N_("Bank"),
            N_("Salon Payable"),
            N_("Vat"),
            N_("Fees"),
        ),
        *(
            N_("Fee Vat"),
            N_("Refunds"),
            N_("Platform Revenue"),
            N_("Platform Vat"),
            N_("Chargebacks"),
            N_("Suspense"),
        ),
    ),
    account=_("account"),
    salon=_("salon"),
    amount_minor=_("amount"),
    service_id=_("service"),
    staff_member_id=_("staff member"),
)
label(
    Payout,
    _("payout"),
    _("payouts"),
    id=_("ID"),
    business=_("business"),
    salon=_("salon"),
    from_date=_("from"),
    to_date=_("to"),
    amount_minor=_("amount"),
    bank_reference=_("bank reference"),
    recorded_by=_("recorded by"),
    recorded_at=_("recorded"),
    voided_by=_("voided by"),
    voided_at=_("voided"),
    void_reason=_("reason"),
)

_DAY = column("business_date", _("day"), lambda day: ltr(day.isoformat()))
_FROM = column("from_date", _("from"), lambda day: ltr(day.isoformat()))
_TO = column("to_date", _("to"), lambda day: ltr(day.isoformat()))
_AMOUNT = amount("amount_minor", _("amount"))


class Lines(ReadOnlyRows[Line]):
    model = Line
    related = ("salon",)
    ordering = ("id",)
    fields = (
        "account",
        amount("amount_minor", _("debit, credit below zero")),
        name("salon", _("salon")),
        code("service_id", _("service")),
        code("staff_member_id", _("staff member")),
    )


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin[Entry]):
    def name_of(self, obj: Entry) -> str:
        return str(obj.get_kind_display())

    list_display = (
        "kind",
        _DAY,
        name("business", _("business")),
        code("booking.reference", _("booking")),
        code("payment_id", _("payment")),
        "at",
    )
    list_filter = ("kind", "business_date")
    ordering = ("-business_date", "-id")
    related = ("business", "booking")
    search_fields = ("booking__reference__iexact", "payment__id__exact")
    search_help_text = _("Number of the booking, or ID of the payment")
    inlines = (Lines,)
    fields = (
        "kind",
        _DAY,
        "at",
        name("business", _("business")),
        code("booking.reference", _("booking")),
        code("payment_id", _("payment")),
        code("receipt_id", _("desk receipt")),
        code("pk", _("ID")),
    )


@admin.register(Payout)
class PayoutAdmin(ReadOnlyAdmin[Payout]):
    def name_of(self, obj: Payout) -> str:
        return obj.bank_reference

    list_display = (
        code("bank_reference", _("bank reference")),
        name("salon", _("salon")),
        _AMOUNT,
        _FROM,
        _TO,
        "recorded_at",
        "voided_at",
    )
    list_filter = (("voided_at", admin.EmptyFieldListFilter),)
    ordering = ("-recorded_at", "-id")
    related = ("salon", "business", "recorded_by", "voided_by")
    search_fields = ("bank_reference__exact",)
    search_help_text = _("Bank reference")
    action_form = ShortReasonForm
    actions = ("void",)
    fields = (
        code("bank_reference", _("bank reference")),
        name("salon", _("salon")),
        name("business", _("business")),
        _AMOUNT,
        _FROM,
        _TO,
        person("recorded_by", _("recorded by")),
        "recorded_at",
        person("voided_by", _("voided by")),
        "voided_at",
        words("void_reason", _("reason")),
        code("pk", _("ID")),
    )

    def has_void_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "void")

    @admin.action(description=_("Take back, for the reason given"), permissions=["void"])
    def void(self, request: HttpRequest, queryset: QuerySet[Payout]) -> None:
        def act(row: Payout) -> str | None:
            reason = reason_given(request)
            if not reason:
                return gettext("A reason is needed.")
            if row.voided_at is not None:
                return gettext("This was taken back already.")
            operations.void_payout(
                payout_id=row.pk, reason=reason, voided_by=request.user, now=timezone.now()
            )
            return None

        self.each(request, queryset, act, done="void")

    def get_urls(self) -> list[URLPattern]:
        record = path(
            "record/<id:salon_id>/", self.admin_site.admin_view(self.record), name="payments_payout_record"
        )
        return [record, *super().get_urls()]

    def record(self, request: HttpRequest, salon_id: uuid.UUID) -> HttpResponse:
        """Write down what the bank sent to a salon, never more than it is owed."""
        if not self.may(request, "record"):
            raise PermissionDenied
        salon = get_object_or_404(Salon, pk=salon_id)
        owed = max(owed_to(salon), 0)
        last = timezone.now().astimezone(salon.zone).date().replace(day=1) - timedelta(days=1)

        def act(values: dict[str, Any]) -> str:
            payout = operations.record_payout(
                salon=salon,
                from_date=values["from_date"],
                to_date=values["to_date"],
                amount_minor=values["amount"],
                bank_reference=values["bank_reference"],
                recorded_by=request.user,
                now=timezone.now(),
            )
            self.log_addition(request, payout, "record")
            return gettext("The payout is written down.")

        return act_page(
            self.admin_site,
            request,
            title=gettext("Write down a payout"),
            kind=PayoutForm,
            initial={"amount": owed, "from_date": last.replace(day=1), "to_date": last},
            facts=[(gettext("salon"), named(salon)), (gettext("owed"), money(owed)["display"])],
            warning=lambda _values: gettext("It is written down in your name, as the bank sent it."),
            operation="recordPayout",
            act=act,
            back=reverse("admin:payments_payout_changelist"),
        )
