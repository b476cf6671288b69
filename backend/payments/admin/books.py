"""The daily proofs."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import ReadOnlyAdmin, amount, code, column, document, label, ltr, person, to_list
from backend.payments.models import Difference, Reconciliation

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
