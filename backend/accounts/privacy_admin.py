"""What the data protection law wants on record: notices and consents to read, requests and breaches to work on.

Part of `accounts.admin`, as `privacy_models` is of `accounts.models`, whose labels it uses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.accounts import operations
from backend.accounts.console import NumberField, called
from backend.accounts.models import Breach, Consent, DataRequest, PrivacyNotice
from backend.core.console import (
    EMPTY,
    ConsoleAdmin,
    ConsoleForm,
    ReadOnlyAdmin,
    ReasonForm,
    code,
    column,
    person,
    words,
)

_who = person("person", _("person"), link=True)


def deadline(until: datetime | None, *, met: bool) -> Any:
    """A moment by which something is due, marked when it has passed."""
    if until is None:
        return EMPTY
    shown = formats.localize(timezone.localtime(until))
    if met or until >= timezone.now():
        return shown
    return format_html('<strong class="overdue">{} — {}</strong>', shown, gettext("overdue"))


@admin.register(PrivacyNotice)
class PrivacyNoticeAdmin(ReadOnlyAdmin[PrivacyNotice]):
    list_display = (code("version", _("version")), "published_at")
    ordering = ("-version",)
    fields = (
        code("version", _("version")),
        "published_at",
        column(
            "text_ar",
            _("Arabic text"),
            lambda text: format_html('<div dir="rtl" class="prose">{}</div>', text),
        ),
        column(
            "text_en",
            _("English text"),
            lambda text: format_html('<div dir="ltr" class="prose">{}</div>', text),
        ),
    )


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin[Consent]):
    def name_of(self, obj: Consent) -> str:
        return f"{obj.get_purpose_display()}: {called(obj.user)}"

    list_display = (person("user", _("person"), link=True), "purpose", "granted", "at", "means")
    list_filter = ("purpose", "granted", "means")
    ordering = ("-id",)
    related = ("user", "notice")
    phone_fields = ("user__phone",)
    person_fields = ("user",)
    search_help_text = _("A whole mobile number")
    fields = (
        person("user", _("person"), link=True),
        "purpose",
        "granted",
        code("notice_id", _("privacy notice")),
        "at",
        "means",
        code("client", _("app version")),
        code("request_id", _("request")),
    )


class DataRequestForm(ConsoleForm):
    somebody = NumberField(required=False)


@admin.register(DataRequest)
class DataRequestAdmin(ConsoleAdmin[DataRequest]):
    """Written down here when it came by voice or letter; extended and answered through the operations."""

    form = DataRequestForm
    fields = (
        _who,
        "kind",
        "channel",
        "received_at",
        "due",
        "extended_until",
        words("extension_reason", _("reason of the extension")),
        "outcome",
        "closed_at",
        words("note", _("note")),
        code("pk", _("ID")),
    )
    list_display = ("kind", _who, "channel", "received_at", "due", "outcome", "closed_at")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "kind", "outcome")
    ordering = ("-id",)
    related = ("person",)
    phone_fields = ("person__phone",)
    person_fields = ("person",)
    search_help_text = _("A whole mobile number")
    action_form = ReasonForm
    actions = ("extend", "done", "partly", "refuse", "taken_back")

    @admin.display(description=_("answer due"))
    def due(self, obj: DataRequest) -> Any:
        return deadline(obj.answer_by, met=obj.closed_at is not None)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("somebody", "kind", "channel", "note")
        return self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: DataRequest, form: Any, change: bool) -> None:
        made = operations.open_data_request(
            person=form.cleaned_data["somebody"],
            kind=obj.kind,
            channel=obj.channel,
            note=obj.note,
            now=timezone.now(),
        )
        obj.pk, obj.person = made.pk, made.person
        obj._state.adding = False

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "answer")

    @admin.action(description=_("Take 30 days more, with a reason"), permissions=["answer"])
    def extend(self, request: HttpRequest, queryset: QuerySet[DataRequest]) -> None:
        reason = _reason(request)

        def act(row: DataRequest) -> str | None:
            if not reason:
                return gettext("Please give the reason.")
            operations.extend_data_request(row, reason=reason)
            return None

        self.each(request, queryset, act, done="extend")

    @admin.action(description=_("Answered: done"), permissions=["answer"])
    def done(self, request: HttpRequest, queryset: QuerySet[DataRequest]) -> None:
        self._close(request, queryset, DataRequest.Outcome.DONE)

    @admin.action(description=_("Answered: partly done"), permissions=["answer"])
    def partly(self, request: HttpRequest, queryset: QuerySet[DataRequest]) -> None:
        self._close(request, queryset, DataRequest.Outcome.PARTLY)

    @admin.action(description=_("Answered: refused, with a reason"), permissions=["answer"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[DataRequest]) -> None:
        self._close(request, queryset, DataRequest.Outcome.REFUSED)

    @admin.action(description=_("Taken back by the person"), permissions=["answer"])
    def taken_back(self, request: HttpRequest, queryset: QuerySet[DataRequest]) -> None:
        self._close(request, queryset, DataRequest.Outcome.WITHDRAWN)

    def _close(
        self, request: HttpRequest, queryset: QuerySet[DataRequest], outcome: DataRequest.Outcome
    ) -> None:
        reason = _reason(request)

        def act(row: DataRequest) -> str | None:
            if outcome == DataRequest.Outcome.REFUSED and not reason:
                return gettext("Please give the reason.")
            note = f"{row.note}\n{reason}".strip() if reason else ""
            operations.close_data_request(row, outcome=outcome, note=note, now=timezone.now())
            return None

        self.each(request, queryset, act, done=f"close: {outcome.value}")

    def name_of(self, obj: DataRequest) -> str:
        return f"{obj.get_kind_display()}: {called(obj.person)}".removesuffix(": ")

    def name_in_log(self, obj: DataRequest) -> str:
        return f"{obj.kind}: {obj.person_id or '-'}"


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:300]


class BreachForm(ConsoleForm):
    rules = {
        "breach_ends_after_it_began": _("The end comes after the start."),
        "breach_authority_told_after_knowing": _("Nobody can be told before we know."),
        "breach_ministry_told_after_knowing": _("Nobody can be told before we know."),
        "breach_people_told_after_knowing": _("Nobody can be told before we know."),
        "breach_closed_when_all_were_told": _(
            "It can be closed once SDAIA and the ministry were told, and the people were, or it says why not."
        ),
    }


@admin.register(Breach)
class BreachAdmin(ConsoleAdmin[Breach]):
    """The register of breaches and its clocks: 72 hours for SDAIA, three days for the ministry and the people."""

    form = BreachForm
    list_display = (
        words("what", _("what happened")),
        "aware_at",
        "authority",
        "ministry",
        "people",
        "closed_at",
    )
    list_filter = (("closed_at", admin.EmptyFieldListFilter),)
    ordering = ("-aware_at", "-id")
    readonly_fields = ("authority", "ministry", "people")
    fieldsets = (
        (None, {"fields": ("what", "aware_at", "happened_from", "happened_until")}),
        (
            _("Who and what it touches"),
            {"fields": ("categories", "people_count", "records_count", "risks", "measures", "contact")},
        ),
        (
            _("Who has to be told"),
            {
                "fields": (
                    ("authority", "authority_told_at"),
                    ("ministry", "ministry_told_at"),
                    ("people", "people_told_at"),
                    "people_told_how",
                    "closed_at",
                )
            },
        ),
    )

    @admin.display(description=_("SDAIA, until"))
    def authority(self, obj: Breach) -> Any:
        return deadline(obj.authority_due_at if obj.aware_at else None, met=obj.authority_told_at is not None)

    @admin.display(description=_("Ministry of Commerce, until"))
    def ministry(self, obj: Breach) -> Any:
        return deadline(obj.ministry_due_at if obj.aware_at else None, met=obj.ministry_told_at is not None)

    @admin.display(description=_("People concerned, until"))
    def people(self, obj: Breach) -> Any:
        told = obj.people_told_at is not None or bool(obj.people_told_how)
        return deadline(obj.people_due_at if obj.aware_at else None, met=told)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What was closed stays as it was reported.
        return super().has_change_permission(request, obj) and not (obj and obj.closed_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"aware_at": timezone.now().replace(second=0, microsecond=0)}

    def name_of(self, obj: Breach) -> str:
        return obj.what[:80]
