"""Messages in the console: what became of each, and how often a carrier had it in hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ReadOnlyAdmin,
    ReadOnlyRows,
    code,
    label,
    language,
    person,
    phone,
    words,
)
from backend.notifications.models import DeliveryAttempt, Message, ProviderRefusal

label(
    Message,
    _("message"),
    _("messages"),
    choices=(
        *(N_("pending"), N_("sending"), N_("sent"), N_("failed"), N_("unknown")),
        *(N_("customer"), N_("staff")),
    ),
    id=_("ID"),
    recipient=_("person"),
    to_phone=_("mobile number"),
    language=_("language"),
    kind=_("what it tells"),
    audience=_("written for"),
    channel=_("channel"),
    body=_("text"),
    state=_("state"),
    attempts=_("attempts"),
    next_attempt_at=_("next attempt"),
    created_at=_("created"),
    finished_at=_("finished"),
)
label(
    DeliveryAttempt,
    _("delivery attempt"),
    _("delivery attempts"),
    choices=(N_("accepted"), N_("refused"), N_("unreachable"), N_("unknown")),
    number=_("number"),
    provider=_("provider"),
    started_at=_("started"),
    finished_at=_("finished"),
    outcome=_("outcome"),
    error_class=_("kind of error"),
    units=_("SMS parts"),
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


_BODY = words("body", _("text"))


class Attempts(ReadOnlyRows[DeliveryAttempt]):
    model = DeliveryAttempt
    fields = (
        "number",
        code("provider", _("provider")),
        "started_at",
        "finished_at",
        "outcome",
        code("error_class", _("kind of error")),
        code("provider_message_id", _("provider's reference")),
        "units",
    )
    ordering = ("number",)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    list_display = (
        code("kind", _("what it tells")),
        phone("to_phone", _("mobile number")),
        "audience",
        language("language", _("language")),
        "channel",
        "state",
        "attempts",
        "created_at",
    )
    list_filter = ("state", "audience", "channel")
    ordering = ("-id",)
    related = ("recipient",)
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
        "channel",
        "state",
        "attempts",
        "next_attempt_at",
        "created_at",
        "finished_at",
        code("pk", _("ID")),
    )

    def name_of(self, obj: Message) -> str:
        return obj.kind

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, _BODY) if self.may(request, "read_body") else self.fields


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
