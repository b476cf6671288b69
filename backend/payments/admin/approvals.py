"""Refunds that two people agree on, and who took which list away."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ReadOnlyAdmin,
    amount,
    code,
    column,
    label,
    ltr,
    name,
    person,
    words,
)
from backend.payments import operations
from backend.payments.admin.acts import ShortReasonForm, reason_given
from backend.payments.models import ExportTaken, RefundRequest

label(
    RefundRequest,
    _("refund by finance"),
    _("refunds by finance"),
    choices=(N_("Waiting"), N_("Made"), N_("Turned Down"), N_("Expired"), N_("Withdrawn")),
    id=_("ID"),
    payment=_("payment"),
    amount_minor=_("amount"),
    reason=_("reason"),
    needs_second=_("needs a second person"),
    state=_("state"),
    requested_by=_("asked for by"),
    requested_at=_("asked for"),
    expires_at=_("waits until"),
    decided_by=_("decided by"),
    decided_at=_("decided"),
    decline_reason=_("why it was declined"),
    refund=_("refund"),
)
label(
    ExportTaken,
    _("list taken away"),
    _("lists taken away"),
    choices=(N_("Payments"), N_("Refunds"), N_("Ledger"), N_("Settlements")),
    id=_("ID"),
    sheet=_("list"),
    file_type=_("type of file"),
    from_date=_("from"),
    to_date=_("to"),
    taken_by=_("taken by"),
    taken_at=_("taken"),
)

_AMOUNT = amount("amount_minor", _("amount"))
_ASKED_BY, _DECIDED_BY = person("requested_by", _("asked for by")), person("decided_by", _("decided by"))


@admin.register(RefundRequest)
class RefundRequestAdmin(ReadOnlyAdmin[RefundRequest]):
    def name_of(self, obj: RefundRequest) -> str:
        return obj.payment.booking.reference

    list_display = (
        code("payment.booking.reference", _("booking")),
        name("payment.booking.salon", _("salon")),
        _AMOUNT,
        "state",
        words("reason", _("reason")),
        _ASKED_BY,
        "requested_at",
        "expires_at",
        _DECIDED_BY,
    )
    list_filter = ("state", "needs_second")
    ordering = ("-requested_at", "-id")
    related = ("payment__booking__salon", "requested_by", "decided_by", "refund")
    search_fields = ("payment__booking__reference__iexact", "payment__id__exact")
    search_help_text = _("Number of the booking, or ID of the payment")
    action_form = ShortReasonForm
    actions = ("approve", "decline", "withdraw")
    fields = (
        code("payment.booking.reference", _("booking")),
        name("payment.booking.salon", _("salon")),
        code("payment_id", _("payment")),
        _AMOUNT,
        words("reason", _("reason")),
        "needs_second",
        "state",
        _ASKED_BY,
        "requested_at",
        "expires_at",
        _DECIDED_BY,
        "decided_at",
        words("decline_reason", _("why it was declined")),
        code("refund_id", _("refund")),
        code("pk", _("ID")),
    )

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "decide")

    @admin.action(description=_("Approve: the money is sent back"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[RefundRequest]) -> None:
        def act(row: RefundRequest) -> None:
            operations.approve_refund(request_id=row.pk, decided_by=request.user, now=timezone.now())

        self.each(request, queryset, act, done="approve")

    @admin.action(description=_("Decline, for the reason given"), permissions=["decide"])
    def decline(self, request: HttpRequest, queryset: QuerySet[RefundRequest]) -> None:
        def act(row: RefundRequest) -> str | None:
            reason = reason_given(request)
            if not reason:
                return gettext("A reason is needed.")
            operations.decline_refund(
                request_id=row.pk, reason=reason, decided_by=request.user, now=timezone.now()
            )
            return None

        self.each(request, queryset, act, done="decline")

    @admin.action(description=_("Withdraw what you asked for"), permissions=["decide"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[RefundRequest]) -> None:
        def act(row: RefundRequest) -> None:
            operations.withdraw_refund(request_id=row.pk, withdrawn_by=request.user, now=timezone.now())

        self.each(request, queryset, act, done="withdraw")


@admin.register(ExportTaken)
class ExportTakenAdmin(ReadOnlyAdmin[ExportTaken]):
    def name_of(self, obj: ExportTaken) -> str:
        return str(obj.get_sheet_display())

    _shown = (
        "sheet",
        code("file_type", _("type of file")),
        column("from_date", _("from"), lambda day: ltr(day.isoformat())),
        column("to_date", _("to"), lambda day: ltr(day.isoformat())),
        person("taken_by", _("taken by")),
        "taken_at",
    )
    list_display = _shown
    list_filter = ("sheet",)
    ordering = ("-taken_at", "-id")
    related = ("taken_by",)
    fields = (*_shown, code("pk", _("ID")))
