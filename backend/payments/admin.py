"""Money in the console: read, never edited. The gateway decides; `settle`, `sweep` and `reconcile` write it down."""

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
    ReadOnlyRows,
    amount,
    code,
    column,
    document,
    label,
    ltr,
    name,
    person,
    to_list,
    words,
)
from backend.payments import operations
from backend.payments.gateway import gateway
from backend.payments.models import Difference, Payment, Reconciliation, Refund, WebhookEvent
from backend.payments.providers import GatewayError

label(
    Payment,
    _("payment"),
    _("payments"),
    choices=(
        *(N_("Initiated"), N_("Authorized"), N_("Captured"), N_("Failed"), N_("Voided")),
        *(N_("Partially Refunded"), N_("Refunded")),
    ),
    id=_("ID"),
    booking=_("booking"),
    state=_("state"),
    amount_minor=_("amount"),
    currency=_("currency"),
    captured_minor=_("captured"),
    refunded_minor=_("refunded"),
    source_type=_("paid with"),
    failure_code=_("why it failed"),
    gateway_message=_("the gateway's words"),
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
    WebhookEvent,
    _("webhook event"),
    _("webhook events"),
    provider=_("provider"),
    event_id=_("event"),
    type=_("type"),
    payment_id=_("payment"),
    payload=_("content"),
    received_at=_("received"),
    times_received=_("times received"),
    handled_at=_("acted on"),
    outcome=_("outcome"),
    attempts=_("attempts"),
    next_attempt_at=_("next attempt"),
)
label(
    Reconciliation,
    _("reconciliation"),
    _("reconciliations"),
    id=_("ID"),
    from_date=_("from"),
    to_date=_("to"),
    run_by=_("run by"),
    started_at=_("started"),
    finished_at=_("finished"),
    ours_count=_("payments here"),
    theirs_count=_("payments at the gateway"),
    captured_minor=_("captured"),
    refunded_minor=_("refunded"),
    healed_count=_("mended"),
)
label(
    Difference,
    _("difference"),
    _("differences"),
    choices=(
        *(N_("Missing Here"), N_("Missing There"), N_("Amount"), N_("Currency"), N_("Status")),
        *(N_("Refunded"), N_("Metadata")),
    ),
    reconciliation=_("reconciliation"),
    kind=_("kind"),
    payment_id=_("payment"),
    ours=_("here"),
    theirs=_("at the gateway"),
    healed_at=_("mended"),
)

_BOOKING = code("booking.reference", _("reference"))
_AMOUNT = amount("amount_minor", _("amount"))


class Refunds(ReadOnlyRows[Refund]):
    model = Refund
    related = ("requested_by",)
    fields = (
        _AMOUNT,
        "state",
        code("reason", _("reason")),
        person("requested_by", _("asked for by")),
        "created_at",
        "done_at",
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
        code("source_type", _("paid with")),
        "created_at",
    )
    list_filter = ("state", "source_type", ("quarantined_because", admin.EmptyFieldListFilter))
    ordering = ("-created_at", "-id")
    related = ("booking__salon", "booking__customer")
    search_fields = ("booking__reference__iexact",)
    search_help_text = _("Reference of the booking, or the payment's ID")
    inlines = (Refunds,)

    def name_of(self, obj: Payment) -> str:
        return obj.booking.reference

    fields = (
        _BOOKING,
        name("booking.salon", _("salon")),
        person("booking.customer", _("customer")),
        "state",
        _AMOUNT,
        amount("captured_minor", _("captured")),
        amount("refunded_minor", _("refunded")),
        code("source_type", _("paid with")),
        code("failure_code", _("why it failed")),
        words("gateway_message", _("the gateway's words")),
        "gateway_seen",
        code("quarantined_because", _("set aside because of")),
        "created_at",
        "expires_at",
        "checked_at",
        "settled_at",
        to_list("payments_webhookevent", _("webhook events"), _("Show"), q="pk"),
        code("pk", _("ID")),
    )


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin[Refund]):
    def name_of(self, obj: Refund) -> str:
        return obj.payment.booking.reference

    list_display = (
        code("payment.booking.reference", _("reference")),
        _AMOUNT,
        "state",
        code("reason", _("reason")),
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
        code("reason", _("reason")),
        person("requested_by", _("asked for by")),
        "attempts",
        words("last_error", _("last error")),
        "next_attempt_at",
        "created_at",
        "done_at",
        code("pk", _("ID")),
    )


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin[WebhookEvent]):
    list_display = (
        code("type", _("type")),
        code("payment_id", _("payment")),
        "received_at",
        "times_received",
        "handled_at",
        code("outcome", _("outcome")),
        "attempts",
    )
    list_filter = (("handled_at", admin.EmptyFieldListFilter), "provider")
    ordering = ("-id",)
    search_fields = ("event_id__exact", "payment_id__exact")
    search_help_text = _("ID of the event or of its payment")
    fields = (
        code("provider", _("provider")),
        code("event_id", _("event")),
        code("type", _("type")),
        code("payment_id", _("payment")),
        "received_at",
        "times_received",
        "handled_at",
        code("outcome", _("outcome")),
        "attempts",
        "next_attempt_at",
        document("payload", _("content")),
    )
    actions = ("act_again",)

    def has_act_again_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "act_again")

    @admin.action(description=_("Act on it again"), permissions=["act_again"])
    def act_again(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """What `sweep` would do at its next run; an event already acted on stays as it is."""

        def act(event: WebhookEvent) -> str | None:
            if event.handled_at is not None:
                return gettext("This event was acted on before.")
            live = event.payload.get("live") if isinstance(event.payload, dict) else None
            try:
                operations.handle_event(
                    event.pk,
                    now=timezone.now(),
                    live=live if isinstance(live, bool) else None,
                    using=gateway(),
                )
            except GatewayError:
                return gettext("The gateway did not answer. The next run tries again.")
            return None

        self.each(request, queryset, act, done="act_again")

    def name_of(self, obj: WebhookEvent) -> str:
        return obj.event_id


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin[Reconciliation]):
    list_display = (
        column("from_date", _("from"), lambda day: ltr(day.isoformat())),
        column("to_date", _("to"), lambda day: ltr(day.isoformat())),
        "started_at",
        "finished_at",
        "ours_count",
        "theirs_count",
        amount("captured_minor", _("captured")),
        amount("refunded_minor", _("refunded")),
        "healed_count",
    )
    ordering = ("-started_at", "-id")
    related = ("run_by",)
    fields = (
        "from_date",
        "to_date",
        person("run_by", _("run by")),
        "started_at",
        "finished_at",
        "ours_count",
        "theirs_count",
        amount("captured_minor", _("captured")),
        amount("refunded_minor", _("refunded")),
        "healed_count",
        to_list("payments_difference", _("differences"), _("Show"), reconciliation__id__exact="pk"),
        code("pk", _("ID")),
    )


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin[Difference]):
    def name_of(self, obj: Difference) -> str:
        return str(obj.get_kind_display())

    list_display = (
        "kind",
        code("payment_id", _("payment")),
        column("reconciliation.from_date", _("from"), lambda day: ltr(day.isoformat())),
        column("reconciliation.to_date", _("to"), lambda day: ltr(day.isoformat())),
        "healed_at",
    )
    list_filter = ("kind", ("healed_at", admin.EmptyFieldListFilter))
    ordering = ("-id",)
    related = ("reconciliation",)
    search_fields = ("payment_id__exact",)
    search_help_text = _("ID of the payment")
    fields = (
        "kind",
        code("payment_id", _("payment")),
        code("reconciliation_id", _("reconciliation")),
        document("ours", _("here")),
        document("theirs", _("at the gateway")),
        "healed_at",
        code("pk", _("ID")),
    )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "reconciliation__id__exact" or super().lookup_allowed(lookup, value, request)
