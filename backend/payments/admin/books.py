"""The proofs: what was compared, what it found, and finance's answers to it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import lazystr
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    amount,
    code,
    column,
    day_text,
    label,
    ltr,
    person,
    titled,
    to_list,
    words,
)
from backend.core.money import money
from backend.payments import operations
from backend.payments.admin.acts import MOST_NOTE, reason_field, reason_given
from backend.payments.differences import MEANINGS
from backend.payments.models import (
    Difference,
    DifferenceEvent,
    DifferenceResolution,
    PaymentState,
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
    def name_of(self, obj: Reconciliation) -> str:
        return " – ".join(day_text(day) for day in sorted({obj.from_date, obj.to_date}))

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

    reason = reason_field(MOST_NOTE)
    resolution = forms.ChoiceField(
        label=_("Answer"),
        required=False,
        choices=[("", lazystr("—")), *((value, _(text)) for value, text in DifferenceResolution.choices)],
    )


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin[Difference]):
    def name_of(self, obj: Difference) -> str:
        return f"{MEANINGS[obj.kind].title} {day_text(obj.business_date)}"

    list_display = (
        _TITLE,
        "state",
        _DAY,
        amount("amount_minor", _("amount")),
        person("owner", _("looked into by")),
        "opened_at",
        code("payment_id", _("payment")),
    )
    list_filter = (
        "state",
        ("kind", titled({kind: meaning.title for kind, meaning in MEANINGS.items()})),
        "business_date",
    )
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
        column("facts", _("here"), lambda facts: _told(facts["ours"])),
        column("facts", _("at the gateway"), lambda facts: _told(facts["gateway"])),
        column("facts", _("in settlements"), lambda facts: _told(facts["settlements"])),
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

    def action_checkbox(self, obj: Difference) -> SafeString:
        """With the version that whoever chooses the row has before their eyes: `_seen`."""
        box = super().action_checkbox(obj)
        return format_html('{}<input type="hidden" name="version-{}" value="{}">', box, obj.pk, obj.version)

    def has_work_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "work")

    @admin.action(description=_("Look into it"), permissions=["work"])
    def take(self, request: HttpRequest, queryset: QuerySet[Difference]) -> None:
        def act(row: Difference) -> str | None:
            operations.take_difference(
                difference_id=row.pk, version=_seen(request, row), by=request.user, now=timezone.now()
            )
            return None

        self.each(request, queryset, act, done="take")

    @admin.action(description=_("Write a note"), permissions=["work"])
    def note(self, request: HttpRequest, queryset: QuerySet[Difference]) -> None:
        def act(row: Difference) -> str | None:
            text = reason_given(request, MOST_NOTE)
            if not text:
                return gettext("Please write a reason.")
            operations.note_difference(
                difference_id=row.pk,
                version=_seen(request, row),
                note=text,
                by=request.user,
                now=timezone.now(),
            )
            return None

        self.each(request, queryset, act, done="note")

    @admin.action(description=_("Answer for it"), permissions=["work"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Difference]) -> None:
        resolution = request.POST.get("resolution", "")

        def act(row: Difference) -> str | None:
            text = reason_given(request, MOST_NOTE)
            if resolution not in DifferenceResolution.values or not text:
                return gettext("Please choose an answer and write a reason.")
            operations.resolve_difference(
                difference_id=row.pk,
                version=_seen(request, row),
                resolution=resolution,
                note=text,
                by=request.user,
                now=timezone.now(),
            )
            return None

        self.each(request, queryset, act, done=f"resolve: {resolution}")


def _seen(request: HttpRequest, row: Difference) -> int:
    """The version of a row on the page that was sent; 0, which none has, where the page did not show it."""
    text = request.POST.get(f"version-{row.pk}", "")
    return int(text) if text.isascii() and text.isdecimal() else 0


_FACTS = {
    "payment_id": _("payment"),
    "state": _("state"),
    "status": _("state"),
    "type": _("type"),
    "currency": _("currency"),
    "amount_minor": _("amount"),
    "captured_minor": _("captured"),
    "refunded_minor": _("refunded"),
    "times": _("times sent to the bank"),
    "gross_minor": _("sent to the bank before fees"),
    "returned_minor": _("taken back for refunds"),
    "voided_minor": _("taken back for voids"),
    "net_minor": _("sent to the bank"),
    "fee_minor": _("fee"),
    "fee_vat_minor": _("VAT on the fee"),
    "paid_on": _("day in the settlement"),
    "settlement": _("settlement"),
    "lines_minor": _("sum of the lines"),
    "line_count": _("lines"),
    "told_line_count": _("lines announced"),
}


def _told(side: dict[str, Any] | None) -> Any:
    """What one side says of a difference: a name and a value each."""
    if side is None:
        return EMPTY
    # The gateway tells what was charged of a hold, and nothing of what was charged at once.
    hidden = () if "state" in side or side.get("captured_minor") else ("captured_minor",)
    return format_html(
        '<dl class="facts">{}</dl>',
        format_html_join(
            "",
            '<div><dt>{}</dt><dd><bdi dir="auto">{}</bdi></dd></div>',
            (
                (_FACTS[name], _value(name, side[name]))
                for name in _FACTS
                if name in side and name not in hidden
            ),
        ),
    )


def _value(name: str, value: Any) -> Any:
    if value is None:
        return EMPTY
    if name == "state":
        return gettext(str(PaymentState(value).label))
    return money(value)["display"] if name.endswith("_minor") else value
