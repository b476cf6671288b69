"""What came to the bank, and the page on which finance closes a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_
from django.views.decorators.http import require_http_methods

from backend.core.console import (
    ReadOnlyAdmin,
    amount,
    code,
    column,
    day_text,
    in_riyals,
    label,
    ltr,
    person,
    titled,
    to_list,
)
from backend.core.errors import DomainError
from backend.core.time import RIYADH, DateInvalid, parse_date
from backend.payments import operations
from backend.payments.differences import MEANINGS
from backend.payments.models import Account, DayClose, Reconciliation, Settlement, SettlementLine
from backend.payments.operations.settlement_files import MOST_BYTES
from backend.payments.providers import GatewayError
from backend.payments.queries import reconciling as books
from backend.payments.queries.ledger import balances

label(
    Settlement,
    _("settlement"),
    _("settlements"),
    choices=(N_("Api"), N_("Csv")),
    gateway_id=_("ID at the gateway"),
    source=_("source"),
    amount_minor=_("amount"),
    reference=_("bank reference"),
    line_count=_("lines"),
    created_at=_("sent"),
    imported_at=_("brought in"),
    imported_by=_("brought in by"),
)
label(
    SettlementLine,
    _("settlement line"),
    _("settlement lines"),
    settlement=_("settlement"),
    position=_("line"),
    gateway_payment_id=_("ID at the gateway"),
    payment=_("payment"),
    type=_("type"),
    payment_amount_minor=_("amount"),
    fee_minor=_("fee without VAT"),
    fee_vat_minor=_("VAT on the fee"),
    net_minor=_("sent to the bank"),
    transacted_at=_("at"),
)
label(
    DayClose,
    _("closed day"),
    _("closed days"),
    business_date=_("day"),
    reconciliation=_("reconciliation"),
    closed_by=_("closed by"),
    closed_at=_("closed"),
)

_SENT = amount("net_minor", _("sent to the bank"))
_STATES = {"open": _("Open"), "healed": _("Healed"), "resolved": _("Resolved"), "gone": _("Gone")}
_DAY = column("business_date", _("day"), lambda day: ltr(day.isoformat()))


SOURCES = {"api": _("The gateway"), "csv": _("A file")}
_SOURCE = column("source", _("source"), lambda source: SOURCES[source])


@admin.register(Settlement)
class SettlementAdmin(ReadOnlyAdmin[Settlement]):
    def name_of(self, obj: Settlement) -> str:
        return obj.reference or obj.gateway_id

    list_display = (
        code("gateway_id", _("ID at the gateway")),
        "created_at",
        amount("amount_minor", _("amount")),
        amount("lines_minor", _("sum of the lines")),
        "line_count",
        code("reference", _("bank reference")),
        _SOURCE,
    )
    list_filter = (("source", titled(SOURCES)),)
    ordering = ("-created_at", "-id")
    related = ("imported_by",)
    search_fields = ("gateway_id__exact", "reference__exact")
    search_help_text = _("ID at the gateway, or bank reference")
    fields = (
        code("gateway_id", _("ID at the gateway")),
        _SOURCE,
        "created_at",
        amount("amount_minor", _("amount")),
        amount("fee_minor", _("fee of the transfer")),
        amount("lines_minor", _("sum of the lines")),
        "line_count",
        code("told_line_count", _("lines announced")),
        code("reference", _("bank reference")),
        to_list("payments_settlementline", _("settlement lines"), _("Show"), settlement__id__exact="pk"),
        "imported_at",
        person("imported_by", _("brought in by")),
        code("pk", _("ID")),
    )


@admin.register(SettlementLine)
class SettlementLineAdmin(ReadOnlyAdmin[SettlementLine]):
    def name_of(self, obj: SettlementLine) -> str:
        return f"{obj.settlement.gateway_id} {obj.position}"

    list_display = (
        code("position", _("line")),
        code("type", _("type")),
        code("gateway_payment_id", _("ID at the gateway")),
        amount("payment_amount_minor", _("amount")),
        amount("fee_minor", _("fee without VAT")),
        amount("fee_vat_minor", _("VAT on the fee")),
        _SENT,
        "transacted_at",
    )
    ordering = ("-settlement__created_at", "settlement_id", "position")
    related = ("settlement",)
    search_fields = ("gateway_payment_id__exact", "payment__id__exact")
    search_help_text = _("ID of the payment")
    fields = (
        code("settlement.gateway_id", _("settlement")),
        code("position", _("line")),
        code("type", _("type")),
        code("gateway_payment_id", _("ID at the gateway")),
        code("payment_id", _("payment")),
        amount("payment_amount_minor", _("amount")),
        amount("fee_minor", _("fee without VAT")),
        amount("fee_vat_minor", _("VAT on the fee")),
        _SENT,
        code("reference_number", _("bank reference")),
        "transacted_at",
        code("pk", _("ID")),
    )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "settlement__id__exact" or super().lookup_allowed(lookup, value, request)


@admin.register(DayClose)
class DayCloseAdmin(ReadOnlyAdmin[DayClose]):
    """A list of what was closed, and beside it the page that closes."""

    change_list_template = "payments/closed_days.html"
    list_display = (_DAY, person("closed_by", _("closed by")), "closed_at")
    ordering = ("-business_date",)
    related = ("closed_by", "reconciliation")
    fields = (
        _DAY,
        person("closed_by", _("closed by")),
        "closed_at",
        code("reconciliation_id", _("reconciliation")),
    )

    def name_of(self, obj: DayClose) -> str:
        return day_text(obj.business_date)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.close_view))
        return [path("close/", page, name="payments_close_day"), *super().get_urls()]

    def close_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a day, compare it, look at its differences, close it."""
        if not self.may(request, "close"):
            raise PermissionDenied
        day, problem = _day(request)
        if request.method == "POST" and not problem:
            self._do(request, day)
            return redirect(f"{reverse('admin:payments_close_day')}?day={day.isoformat()}")
        run = books.last_run_of(day)
        standing = books.standing_on(day, run)
        context = self.admin_site.each_context(request) | {
            "title": gettext("Close a day"),
            "day": day,
            "problem": problem,
            "run": run,
            "columns": _columns(run) if run else [],
            "clearing": in_riyals(balances(until=day)[Account.GATEWAY_CLEARING]),
            "kinds": _kinds(run),
            "standing": standing.count(),
            "closed": books.close_of(day),
            "most": MOST_BYTES // 1024 // 1024,
        }
        return TemplateResponse(request, "payments/close_day.html", context)

    def _do(self, request: HttpRequest, day: date) -> None:
        now = timezone.now()
        try:
            match request.POST.get("do"):
                case "compare":
                    operations.reconcile(from_date=day, to_date=day, run_by=request.user, now=now)
                    self.message_user(request, gettext("The day was compared."), messages.SUCCESS)
                case "import":
                    self._import(request)
                case "close":
                    closed = operations.close_day(business_date=day, by=request.user, now=now)
                    self.log_addition(request, closed, "close")
                    self.message_user(request, gettext("The day is closed."), messages.SUCCESS)
        except DomainError as error:
            self.message_user(request, error.detail, messages.ERROR)
        except GatewayError:
            self.message_user(
                request, gettext("The gateway did not answer. Please try again shortly."), messages.ERROR
            )

    def _import(self, request: HttpRequest) -> None:
        file = request.FILES.get("file")
        if file is None or isinstance(file, list):
            self.message_user(request, gettext("Please choose a file."), messages.ERROR)
            return
        done = operations.import_file(file.read(MOST_BYTES + 1), now=timezone.now(), by=request.user)
        said = (
            gettext("The settlement was brought in.")
            if done.is_new
            else gettext("This settlement was here already. Lines that differ: %(count)d")
            % {"count": done.differing_lines}
        )
        self.message_user(request, said, messages.WARNING if done.differing_lines else messages.SUCCESS)


def _day(request: HttpRequest) -> tuple[date, str]:
    yesterday = timezone.now().astimezone(RIYADH).date() - timedelta(days=1)
    text = request.POST.get("day", "") or request.GET.get("day", "")
    try:
        return (parse_date(text) if text else yesterday), ""
    except DateInvalid:
        return yesterday, gettext("This is not a valid date. Example: 2026-11-20")


def _columns(run: Reconciliation) -> list[dict[str, Any]]:
    """Three columns of totals over the same payments."""

    def line(title: Any, *values: Any) -> dict[str, Any]:
        return {"title": title, "cells": values}

    net = run.settled_minor - run.settled_back_minor - run.fees_minor
    return [
        line(_("payments"), run.ours_count, run.theirs_count, run.lines_count),
        line(
            _("captured"),
            in_riyals(run.captured_minor),
            in_riyals(run.theirs_captured_minor),
            in_riyals(run.settled_minor),
        ),
        line(
            _("refunded"),
            in_riyals(run.refunded_minor),
            in_riyals(run.theirs_refunded_minor),
            in_riyals(run.settled_back_minor),
        ),
        line(_("fees"), "—", "—", in_riyals(run.fees_minor)),
        line(
            _("what is left"),
            in_riyals(run.captured_minor - run.refunded_minor),
            in_riyals(run.theirs_captured_minor - run.theirs_refunded_minor),
            in_riyals(net),
        ),
    ]


def _kinds(run: Reconciliation | None) -> list[dict[str, Any]]:
    """The differences of a run by kind and state, each with its meaning."""
    if run is None:
        return []
    rows = (
        run.differences.order_by("kind", "state")
        .values_list("kind", "state")
        .annotate(count=Count("id"), amount=Sum("amount_minor"))
    )
    return [
        {
            "meaning": MEANINGS[kind],
            "state": _STATES[state],
            "is_open": state == "open",
            "count": count,
            "amount": in_riyals(amount_minor),
            "url": f"{reverse('admin:payments_difference_changelist')}"
            f"?runs__id__exact={run.pk}&kind__exact={kind}&state__exact={state}",
        }
        for kind, state, count, amount_minor in rows
    ]
