"""Messages in the console: what became of each, and how often a carrier had it in hand."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ReadOnlyAdmin,
    ReadOnlyRows,
    code,
    column,
    label,
    language,
    ltr,
    person,
    phone,
    words,
)
from backend.core.console.columns import Column
from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message, ProviderRefusal

label(
    Message,
    _("message"),
    _("messages"),
    choices=(
        *(N_("pending"), N_("sending"), N_("sent"), N_("failed"), N_("unknown"), N_("skipped")),
        *(N_("customer"), N_("staff")),
    ),
    id=_("ID"),
    recipient=_("person"),
    to_phone=_("mobile number"),
    language=_("language"),
    kind=_("what it tells"),
    audience=_("written for"),
    channel=_("channel"),
    title=_("heading"),
    body=_("text"),
    push_body=_("text on the lock screen"),
    state=_("state"),
    attempts=_("attempts"),
    next_attempt_at=_("next attempt"),
    created_at=_("created"),
    expires_at=_("of no use after"),
    finished_at=_("finished"),
    read_at=_("opened in the inbox"),
    resent_at=_("sent again"),
    resent_by=_("sent again by"),
    erased_at=_("words let go of"),
)
label(
    DeliveryAttempt,
    _("delivery attempt"),
    _("delivery attempts"),
    choices=(
        *(N_("accepted"), N_("refused"), N_("unreachable"), N_("unknown")),
        *(N_("none"), N_("sent"), N_("undelivered"), N_("delivered"), N_("read")),
    ),
    number=_("number"),
    provider=_("provider"),
    started_at=_("started"),
    finished_at=_("finished"),
    outcome=_("outcome"),
    error_class=_("kind of error"),
    units=_("billed units"),
    report=_("carrier's report"),
    reported_at=_("reported"),
)
label(
    ProviderRefusal,
    _("code not taken by a provider"),
    _("codes not taken by a provider"),
    provider=_("provider"),
    channel=_("channel"),
    outcome=_("outcome"),
    error_class=_("kind of error"),
    at=_("when"),
)


_WORDS = (
    words("title", _("heading")),
    words("body", _("text")),
    words("push_body", _("text on the lock screen")),
)
CHANNELS: dict[str, Any] = {
    "sms": _("SMS"),
    "whatsapp": _("WhatsApp"),
    "push": _("push"),
    "email": _("e-mail"),
}


def _channel(path: str) -> Column:
    return column(path, _("channel"), lambda channel: CHANNELS.get(channel, channel))


def _riyals(micro: int) -> SafeString:
    """Four decimals: a part of a text costs a few halalas."""
    return ltr(f"{micro / 1_000_000:.4f}")


class Attempts(ReadOnlyRows[DeliveryAttempt]):
    model = DeliveryAttempt
    fields = (
        "number",
        _channel("channel"),
        code("provider", _("provider")),
        "started_at",
        "outcome",
        code("error_class", _("kind of error")),
        "report",
        "reported_at",
        code("report_error", _("error in the report")),
        code("provider_message_id", _("provider's reference")),
        "units",
        column("cost_micro", _("cost in riyals"), _riyals),
    )
    ordering = ("number",)


class _ByChannel(admin.SimpleListFilter):
    title = cast(str, _("channel"))
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(CHANNELS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(channel=self.value()) if self.value() in CHANNELS else queryset


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    list_display = (
        code("kind", _("what it tells")),
        phone("to_phone", _("mobile number")),
        "audience",
        language("language", _("language")),
        _channel("channel"),
        "state",
        "attempts",
        "created_at",
    )
    list_filter = ("state", "audience", _ByChannel)
    ordering = ("-id",)
    related = ("recipient", "resent_by")
    phone_fields = ("to_phone",)
    person_fields = ("recipient",)
    search_help_text = _("A whole mobile number")
    inlines = (Attempts,)
    fields = (
        code("kind", _("what it tells")),
        person("recipient", _("person"), link=True),
        phone("to_phone", _("mobile number")),
        "audience",
        language("language", _("language")),
        _channel("channel"),
        "state",
        "attempts",
        "next_attempt_at",
        "created_at",
        "expires_at",
        "finished_at",
        "read_at",
        "resent_at",
        person("resent_by", _("sent again by")),
        "erased_at",
        code("salon_id", _("salon")),
        code("subject_type", _("what it is about")),
        code("subject_id", _("its ID")),
        code("pk", _("ID")),
    )
    actions = ("resend",)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "resend")

    @admin.action(description=_("Send again"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        """Messages that failed, may not have gone out, or were held back; the next run of `deliver` takes them up."""

        def act(message: Message) -> None:
            operations.resend(message, by=cast(AbstractBaseUser, request.user), now=timezone.now())

        self.each(request, queryset, act, done="resend")

    def name_of(self, obj: Message) -> str:
        return obj.kind

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, *_WORDS) if self.may(request, "read_body") else self.fields


@admin.register(ProviderRefusal)
class ProviderRefusalAdmin(ReadOnlyAdmin[ProviderRefusal]):
    list_display = (
        "at",
        code("provider", _("provider")),
        code("channel", _("channel")),
        code("outcome", _("outcome")),
        code("error_class", _("kind of error")),
    )
    list_filter = ("provider", "channel", "outcome")
    ordering = ("-id",)
    fields = list_display
