"""The proofs: what was compared, what it found, and finance's answers to it."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import lazystr
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    amount,
    code,
    column,
    document,
    label,
    ltr,
    person,
    to_list,
    words,
)
from backend.payments import operations
from backend.payments.differences import MEANINGS
from backend.payments.models import (
    Difference,
    DifferenceEvent,
    DifferenceResolution,
    Reconciliation,
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
    lines_count=_("payments in a settlement"),
    captured_minor=_("captured"),
    refunded_minor=_("refunded"),
    found_count=_("differences found"),
    healed_count=_("mended"),
    gone_count=_("found no more"),
)
label(
    Difference,
    _("difference"),
    _("differences"),
    choices=(
        *(
            N_("Missing Here"),
            N_("Missing There"),
            N_("Amount"),
            N_("Currency"),
            N_("Status"),
            N_("Metadata"),
        ),
        *(
            N_("Refunded"),
            N_("Duplicate"),
            N_("Orphan"),
            N_("Settled Twice"),
            N_("Settled Amount"),
            N_("Fee"),
        ),
        *(
            N_("Wrong Day"),
            N_("Unsettled"),
            N_("Chargeback"),
            N_("Chargeback Penalty"),
            N_("Settlement Total"),
        ),
        *(N_("Open"), N_("Healed"), N_("Resolved"), N_("Gone")),
        *(N_("Explained"), N_("Corrected"), N_("Claimed"), N_("Written Off")),
    ),
    kind=_("kind"),
    state=_("state"),
    business_date=_("day"),
    payment_id=_("payment"),
    settlement=_("settlement"),
    amount_minor=_("amount"),
    owner=_("looked into by"),
    resolution=_("answer"),
    note=_("note"),
    resolved_by=_("answered by"),
    opened_at=_("found"),
    closed_at=_("closed"),
)
label(
    DifferenceEvent,
    _("act"),
    _("acts"),
    choices=(*(N_("Opened"), N_("Changed"), N_("Taken"), N_("Noted"), N_("Reopened")),),
    act=_("act"),
    resolution=_("answer"),
    note=_("note"),
    by=_("by"),
    at=_("at"),
)

_DAY = column("business_date", _("day"), lambda day: ltr(day.isoformat()))
_FROM = column("from_date", _("from"), lambda day: ltr(day.isoformat()))
_TO = column("to_date", _("to"), lambda day: ltr(day.isoformat()))
_TITLE = column("kind", _("kind"), lambda kind: MEANINGS[kind].title)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin[Reconciliation]):
    list_display = (
        _FROM,
        _TO,
        "started_at",
        "finished_at",
        "ours_count",
        "theirs_count",
        "lines_count",
        "found_count",
        "healed_count",
    )
    ordering = ("-started_at", "-id")
    related = ("run_by",)
    fields = (
        _FROM,
        _TO,
        person("run_by", _("run by")),
        "started_at",
        "finished_at",
        "ours_count",
        "theirs_count",
        "lines_count",
        amount("captured_minor", _("captured")),
        amount("theirs_captured_minor", _("captured at the gateway")),
        amount("settled_minor", _("sent to the bank")),
        amount("refunded_minor", _("refunded")),
        amount("theirs_refunded_minor", _("refunded at the gateway")),
        amount("settled_back_minor", _("taken back for refunds")),
        amount("fees_minor", _("fees")),
        "found_count",
        "healed_count",
        "gone_count",
        to_list("payments_difference", _("differences"), _("Show"), runs__id__exact="pk"),
        code("fingerprint", _("fingerprint")),
        code("pk", _("ID")),
    )


class Events(ReadOnlyRows[DifferenceEvent]):
    model = DifferenceEvent
    related = ("by",)
    ordering = ("id",)
    fields = ("at", "act", "resolution", words("note", _("note")), person("by", _("by")))


class AnswerForm(ReasonForm):
    """The action bar with an answer and a note, for differences."""

    resolution = forms.ChoiceField(
        label=_("Answer"),
        required=False,
        choices=[("", lazystr("—")), *((value, _(text)) for value, text in DifferenceResolution.choices)],
    )


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin[Difference]):
    def name_of(self, obj: Difference) -> str:
        return f"{MEANINGS[obj.kind].title} {obj.business_date.isoformat()}"

    list_display = (
        _TITLE,
        "state",
        _DAY,
        amount("amount_minor", _("amount")),
        code("payment_id", _("payment")),
        person("owner", _("looked into by")),
        "opened_at",
    )
    list_filter = ("state", "kind", "business_date")
    ordering = ("-opened_at", "-id")
    related = ("owner", "resolved_by", "settlement")
    search_fields = ("payment_id__exact",)
    search_help_text = _("ID of the payment")
    inlines = (Events,)
    action_form = AnswerForm
    actions = ("take", "note", "resolve")
    fields = (
        _TITLE,
        column("kind", _("what it means"), lambda kind: MEANINGS[kind].explanation),
        column("kind", _("what to do"), lambda kind: MEANINGS[kind].what_to_do),
        "state",
        _DAY,
        amount("amount_minor", _("ours less theirs")),
        code("payment_id", _("payment")),
        code("settlement.gateway_id", _("settlement")),
        column("facts", _("here"), lambda facts: document("ours", "")(_Facts(facts))),
        column("facts", _("at the gateway"), lambda facts: document("gateway", "")(_Facts(facts))),
        column("facts", _("in settlements"), lambda facts: document("settlements", "")(_Facts(facts))),
        person("owner", _("looked into by")),
        "resolution",
        words("note", _("note")),
        person("resolved_by", _("answered by")),
        "opened_at",
        "closed_at",
        code("pk", _("ID")),
    )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "runs__id__exact" or super().lookup_allowed(lookup, value, request)

    def has_work_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "work")

    @admin.action(description=_("Look into it"), permissions=["work"])
    def take(self, request: HttpRequest, queryset: QuerySet[Difference]) -> None:
        def act(row: Difference) -> str | None:
            operations.take_difference(
                difference_id=row.pk, version=row.version, by=request.user, now=timezone.now()
            )
            return None

        self.each(request, queryset, act, done="take")

    @admin.action(description=_("Write a note"), permissions=["work"])
    def note(self, request: HttpRequest, queryset: QuerySet[Difference]) -> None:
        text = request.POST.get("reason", "").strip()[:300]

        def act(row: Difference) -> str | None:
            if not text:
                return gettext("Please write a reason.")
            operations.note_difference(
                difference_id=row.pk, version=row.version, note=text, by=request.user, now=timezone.now()
            )
            return None

        self.each(request, queryset, act, done="note")

    @admin.action(description=_("Answer for it"), permissions=["work"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Difference]) -> None:
        text = request.POST.get("reason", "").strip()[:300]
        resolution = request.POST.get("resolution", "")

        def act(row: Difference) -> str | None:
            if resolution not in DifferenceResolution.values or not text:
                return gettext("Please choose an answer and write a reason.")
            operations.resolve_difference(
                difference_id=row.pk,
                version=row.version,
                resolution=resolution,
                note=text,
                by=request.user,
                now=timezone.now(),
            )
            return None

        self.each(request, queryset, act, done=f"resolve: {resolution}")


class _Facts:
    """The sides of a difference as attributes, for columns."""

    def __init__(self, facts: Any) -> None:
        self.__dict__.update(cast("dict[str, Any]", facts))
