"""What the gateway told us, and what we asked it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import ReadOnlyAdmin, code, coded, document, label, words
from backend.payments import operations
from backend.payments.admin.wording import TOLD
from backend.payments.gateway import gateway
from backend.payments.models import GatewayCall, Payment, WebhookEvent
from backend.payments.providers import GatewayError

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
    GatewayCall,
    _("call to the gateway"),
    _("calls to the gateway"),
    choices=(N_("Ok"), N_("Refused"), N_("Unknown"), N_("Fault"), N_("Unreachable")),
    payment_id=_("payment"),
    verb=_("call"),
    at=_("at"),
    took_ms=_("milliseconds"),
    status=_("HTTP status"),
    outcome=_("outcome"),
    request_id=_("request ID"),
    note=_("note"),
)


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin[WebhookEvent]):
    list_display = (
        code("type", _("type")),
        code("payment_id", _("payment")),
        "received_at",
        "times_received",
        "handled_at",
        coded("outcome", _("outcome"), TOLD),
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
        coded("outcome", _("outcome"), TOLD),
        "attempts",
        "next_attempt_at",
        document("payload", _("content")),
    )
    actions = ("act_again",)

    def has_act_again_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "act_again")

    @admin.action(description=_("Act on it again"), permissions=["act_again"])
    def act_again(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """What came of the event when it arrived, done once more: the gateway is asked, its answer applied."""

        def act(event: WebhookEvent) -> str | None:
            known = Payment.objects.filter(pk=event.payment_id).exists() if event.payment_id else False
            if event.handled_at is not None and (not known or event.outcome == "wrong_mode"):
                return gettext("There is nothing to act on in this event.")
            live = event.payload.get("live") if isinstance(event.payload, dict) else None
            try:
                if event.handled_at is not None and event.payment_id is not None:
                    operations.settle(event.payment_id, now=timezone.now())
                    return None
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


@admin.register(GatewayCall)
class GatewayCallAdmin(ReadOnlyAdmin[GatewayCall]):
    list_display = (
        "at",
        code("verb", _("call")),
        code("payment_id", _("payment")),
        "outcome",
        code("status", _("HTTP status")),
        "took_ms",
        words("note", _("note")),
    )
    list_filter = ("outcome",)
    ordering = ("-id",)
    search_fields = ("payment_id__exact", "request_id__exact")
    search_help_text = _("ID of the payment, or of the request")
    fields = (
        "at",
        code("verb", _("call")),
        code("payment_id", _("payment")),
        "outcome",
        code("status", _("HTTP status")),
        "took_ms",
        code("request_id", _("request ID")),
        words("note", _("note")),
    )

    def name_of(self, obj: GatewayCall) -> str:
        return obj.verb
