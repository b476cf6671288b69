"""Payments and refunds, and all that happened around one of them."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ReadOnlyAdmin,
    ReadOnlyRows,
    amount,
    code,
    coded,
    label,
    name,
    named,
    person,
    to_list,
    words,
)
from backend.core.errors import NotFound
from backend.core.money import money
from backend.core.text import ascii_digits
from backend.payments import operations
from backend.payments.admin import timeline
from backend.payments.admin.acts import RefundForm, TaskForm, act_page
from backend.payments.admin.wording import MISMATCHES, REASONS, SOURCES
from backend.payments.models import DeskReceipt, Outcome, Payment, Refund, RequestState, Resolution
from backend.payments.queries import all_payments
from backend.payments.queries.finance import known_by
from backend.payments.refusals import TaskResolved

label(
    Payment,
    _("payment"),
    _("payments"),
    choices=(
        *(N_("Initiated"), N_("Authorized"), N_("Captured"), N_("Failed"), N_("Voided")),
        *(N_("Partially Refunded"), N_("Refunded"), N_("Deposit"), N_("Balance"), N_("Damage")),
    ),
    id=_("ID"),
    booking=_("booking"),
    state=_("state"),
    amount_minor=_("amount"),
    currency=_("currency"),
    captured_minor=_("captured"),
    refunded_minor=_("refunded"),
    purpose=_("for"),
    manual=_("held before it is charged"),
    save_card=_("card to be saved"),
    secured_at=_("held by the bank"),
    source_type=_("paid with"),
    invoice_id=_("page at the gateway"),
    gateway_id=_("ID at the gateway"),
    failure_code=_("why it failed"),
    gateway_message=_("the gateway's words"),
    card_last_four=_("card ends in"),
    gateway_seen=_("known to the gateway"),
    quarantined_because=_("set aside because of"),
    created_at=_("created"),
    expires_at=_("expires"),
    checked_at=_("last compared"),
    settled_at=_("settled"),
)
label(
    Refund,
    _("refund"),
    _("refunds"),
    choices=(N_("Due"), N_("Sending"), N_("Done"), N_("Manual")),
    id=_("ID"),
    payment=_("payment"),
    amount_minor=_("amount"),
    state=_("state"),
    reason=_("reason"),
    requested_by=_("asked for by"),
    attempts=_("attempts"),
    last_error=_("last error"),
    next_attempt_at=_("next attempt"),
    created_at=_("created"),
    done_at=_("done"),
)
label(
    DeskReceipt,
    _("desk receipt"),
    _("desk receipts"),
    choices=(N_("Cash"), N_("Terminal")),
)
label(
    Resolution,
    _("decision of finance"),
    _("decisions of finance"),
    choices=(N_("Refunded Outside"), N_("Accepted"), N_("Retry")),
)

_BOOKING = code("booking.reference", _("reference"))
_AMOUNT = amount("amount_minor", _("amount"))


class Refunds(ReadOnlyRows[Refund]):
    model = Refund
    related = ("requested_by",)
    fields = (
        _AMOUNT,
        "state",
        coded("reason", _("reason"), REASONS),
        person("requested_by", _("asked for by")),
        "created_at",
        "done_at",
    )


_FACTS = (
    _BOOKING,
    name("booking.salon", _("salon")),
    person("booking.customer", _("customer")),
    "state",
    _AMOUNT,
    amount("captured_minor", _("captured")),
    amount("refunded_minor", _("refunded")),
    "purpose",
    coded("source_type", _("paid with"), SOURCES),
    code("card_last_four", _("card ends in")),
    code("invoice_id", _("page at the gateway")),
    code("gateway_id", _("ID at the gateway")),
    "manual",
    code("failure_code", _("why it failed")),
    words("gateway_message", _("the gateway's words")),
    "gateway_seen",
    coded("quarantined_because", _("set aside because of"), MISMATCHES),
    "created_at",
    "expires_at",
    "checked_at",
    "secured_at",
    "settled_at",
    to_list("payments_refundrequest", _("refunds by finance"), _("Show"), q="pk"),
    to_list("payments_entry", _("ledger entries"), _("Show"), q="pk"),
    to_list("payments_webhookevent", _("webhook events"), _("Show"), q="pk"),
    to_list("payments_gatewaycall", _("calls to the gateway"), _("Show"), q="pk"),
    code("pk", _("ID")),
)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    list_display = (
        _BOOKING,
        name("booking.salon", _("salon")),
        "state",
        _AMOUNT,
        amount("captured_minor", _("captured")),
        amount("refunded_minor", _("refunded")),
        coded("source_type", _("paid with"), SOURCES),
        "created_at",
    )
    list_filter = ("state", "source_type", ("quarantined_because", admin.EmptyFieldListFilter))
    ordering = ("-created_at", "-id")
    related = ("booking__salon", "booking__customer")
    search_fields = ("booking__reference__iexact",)
    search_help_text = _("Reference of the booking, an ID, a whole mobile number, or the end of a card")
    inlines = (Refunds,)
    change_form_template = "payments/payment_page.html"

    def name_of(self, obj: Payment) -> str:
        return obj.booking.reference

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        term = ascii_digits(search_term).strip()
        return (queryset.filter(known_by(term)) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        refund = path(
            "<id:payment_id>/refund/",
            self.admin_site.admin_view(self.refund),
            name="payments_payment_refund",
        )
        answer = path(
            "tasks/<id:task_id>/", self.admin_site.admin_view(self.answer), name="payments_task_answer"
        )
        return [refund, answer, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        payment = self.get_object(request, object_id) if self.may(request, "refund") else None
        url = ""
        if payment is not None and operations.refundable_minor(payment):
            url = reverse("admin:payments_payment_refund", args=[payment.pk])
        return super().change_view(request, object_id, form_url, {"refund_url": url} | (extra_context or {}))

    def refund(self, request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
        """Give money back, or ask a second person to: finance types it, reads what will happen, and confirms."""
        if not self.may(request, "refund"):
            raise PermissionDenied
        payment = get_object_or_404(all_payments(), pk=payment_id)
        left = operations.refundable_minor(payment)

        def warning(values: dict[str, Any]) -> str:
            if operations.needs_second(payment, values["amount"], by=request.user):
                return gettext(
                    "This is above what one person may give back of a payment alone (%(limit)s): it waits for a "
                    "second person of finance, and nothing is sent before."
                ) % {"limit": money(settings.FINANCE_REFUND_LIMIT_MINOR)["display"]}
            return gettext("The money is sent back at once, in your name. This cannot be undone.")

        def act(values: dict[str, Any]) -> str:
            made = operations.request_refund(
                payment_id=payment.pk,
                amount_minor=values["amount"],
                reason=values["reason"],
                requested_by=request.user,
                now=timezone.now(),
            )
            self.log_change(request, payment, "refund")
            if made.state == RequestState.WAITING:
                return gettext("The refund waits for a second person.")
            return gettext("The refund is on its way.")

        return act_page(
            self.admin_site,
            request,
            title=gettext("Give money back"),
            kind=RefundForm,
            initial={"amount": left},
            facts=[
                (gettext("booking"), payment.booking.reference),
                (gettext("salon"), named(payment.booking.salon)),
                (gettext("captured"), money(payment.captured_minor)["display"]),
                (gettext("can be given back"), money(left)["display"]),
            ],
            warning=warning,
            operation="refundPayment",
            act=act,
            back=reverse("admin:payments_payment_change", args=[payment.pk]),
        )

    def answer(self, request: HttpRequest, task_id: uuid.UUID) -> HttpResponse:
        """Answer for money that the machine could not finish by itself."""
        if not self.may(request, "answer"):
            raise PermissionDenied
        back = reverse("admin:money-tasks")
        try:
            task = operations.open_task(task_id)
        except NotFound:
            messages.warning(request, TaskResolved.message)
            return redirect(back)

        def warning(values: dict[str, Any]) -> str:
            if values["outcome"] == Outcome.RETRY:
                return gettext("The gateway is asked once more at once. If that fails, the task comes back.")
            return gettext("Your answer is kept with your name. It cannot be undone.")

        def act(values: dict[str, Any]) -> str:
            operations.resolve_task(
                task_id=task_id,
                outcome=values["outcome"],
                note=values["note"],
                by=request.user,
                now=timezone.now(),
            )
            self.log_change(request, task.payment, f"answer: {values['outcome']}")
            return gettext("The answer is written down.")

        return act_page(
            self.admin_site,
            request,
            title=gettext("Answer for it"),
            kind=TaskForm,
            initial={},
            facts=[
                (gettext("booking"), task.payment.booking.reference),
                (gettext("salon"), named(task.payment.booking.salon)),
                (gettext("amount"), money(task.amount_minor)["display"]),
            ],
            warning=warning,
            operation="resolveFinanceTask",
            act=act,
            back=back,
        )

    @admin.display(description=_("Timeline"))
    def timeline(self, obj: Payment) -> SafeString:
        return timeline.render(obj)

    fieldsets: ClassVar[Any] = (
        (None, {"fields": _FACTS}),
        (_("Timeline"), {"fields": ("timeline",), "classes": ("timeline-of",)}),
    )


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin[Refund]):
    def name_of(self, obj: Refund) -> str:
        return obj.payment.booking.reference

    list_display = (
        code("payment.booking.reference", _("reference")),
        _AMOUNT,
        "state",
        coded("reason", _("reason"), REASONS),
        "attempts",
        "created_at",
        "done_at",
    )
    list_filter = ("state",)
    ordering = ("-id",)
    related = ("payment__booking", "requested_by")
    search_fields = ("payment__booking__reference__iexact",)
    search_help_text = _("Reference of the booking, or the refund's ID")
    fields = (
        code("payment.booking.reference", _("reference")),
        code("payment_id", _("payment")),
        _AMOUNT,
        "state",
        coded("reason", _("reason"), REASONS),
        person("requested_by", _("asked for by")),
        "attempts",
        words("last_error", _("last error")),
        "next_attempt_at",
        "created_at",
        "done_at",
        code("pk", _("ID")),
    )
