"""Finance's pages that add up: what salons are owed, a salon's month, and lists to take away."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from backend.console import policy
from backend.console.days import asked_days
from backend.core.console import in_riyals, named
from backend.core.errors import NotFound
from backend.core.time import RIYADH
from backend.payments.api.exports import MOST_DAYS, as_file
from backend.payments.api.ledger import any_salon, month_of, month_text, months_of
from backend.payments.models import EntryKind, ExportTaken, ExportType, TaskKind
from backend.payments.operations import open_tasks
from backend.payments.queries.exports import SHEETS
from backend.payments.queries.ledger import Position, positions, statement
from backend.salons.models import Salon

AT_ONCE = 50
MONTHS_OFFERED = 36
TAKEN_SHOWN = 20


def urls(site: AdminSite) -> list[URLPattern]:
    return [path("exports/<str:sheet>.<str:file_type>", site.admin_view(_export), name="finance-export")]


def balances(request: HttpRequest) -> dict[str, Any]:
    """What each salon is owed, a page at a time by slug."""
    after = request.GET.get("after", "").replace("\x00", "")
    salons = list(Salon.objects.filter(slug__gt=after).order_by("slug")[: AT_ONCE + 1])
    shown = salons[:AT_ONCE]
    stands = positions([salon.pk for salon in shown])
    may_record = policy.may(request.user, "payments.payout", "record")
    lines = [
        {
            "name": named(salon),
            "amounts": [
                in_riyals(amount)
                for amount in (
                    stands[salon.pk].owed_minor,
                    stands[salon.pk].deposits_held_minor,
                    stands[salon.pk].customers_owe_minor,
                )
            ],
            "statement": f"{reverse('admin:salon-statement')}?{urlencode({'salon': salon.slug})}",
            "record": reverse("admin:payments_payout_record", args=[salon.pk])
            if may_record and stands[salon.pk].owed_minor > 0
            else "",
        }
        for salon in shown
    ]
    return {"lines": lines, "after": shown[-1].slug if len(salons) > AT_ONCE else ""}


WHY: dict[str, Any] = {
    TaskKind.REFUND: gettext_lazy("The gateway would not return it."),
    TaskKind.QUARANTINE: gettext_lazy("It is not what was asked for, and counts for nothing."),
    TaskKind.CAPTURE: gettext_lazy("The bank let the deposit go before it was charged."),
}


def tasks(request: HttpRequest) -> dict[str, Any]:
    """What the machine could not finish by itself, the oldest first."""
    found = open_tasks(after=_place(request.GET.get("after", "")), limit=AT_ONCE + 1)
    shown = found[:AT_ONCE]
    may_answer = policy.may(request.user, "payments.payment", "answer")
    lines = [
        {
            "reference": task.payment.booking.reference,
            "payment": reverse("admin:payments_payment_change", args=[task.payment.pk]),
            "salon": named(task.payment.booking.salon),
            "why": WHY[task.kind],
            "told": task.why,
            "amount": in_riyals(task.amount_minor),
            "opened_at": task.opened_at,
            "answer": reverse("admin:payments_task_answer", args=[task.id]) if may_answer else "",
        }
        for task in shown
    ]
    more = len(found) > AT_ONCE
    return {"lines": lines, "after": f"{shown[-1].opened_at.isoformat()}~{shown[-1].id}" if more else ""}


def _place(text: str) -> tuple[datetime, uuid.UUID] | None:
    """Where a page of tasks begins; the beginning for what is no place."""
    moment, _tilde, key = text.replace(" ", "+").partition("~")
    try:
        place = datetime.fromisoformat(moment), uuid.UUID(key)
    except ValueError:
        return None
    return place if place[0].tzinfo is not None else None


def salon_statement(request: HttpRequest) -> dict[str, Any]:
    """A salon's month, to be read and printed. Without a month: the newest there is."""
    slug = request.GET.get("salon", "").strip()
    context: dict[str, Any] = {"slug": slug, "problem": ""}
    if not slug:
        return context
    try:
        salon = any_salon(slug)
    except NotFound:
        return context | {"problem": _("There is no salon with this slug.")}
    months = [month_text(day) for _number, day in zip(range(MONTHS_OFFERED), months_of(salon), strict=False)]
    asked = request.GET.get("month", "").strip() or (months[0] if months else "")
    if not asked:
        return context | {"problem": _("The books know nothing of this salon yet.")}
    try:
        found = statement(salon, month=month_of(asked))
    except NotFound:
        return context | {"months": months, "problem": _("A month is written like 2026-11.")}
    kinds = dict(EntryKind.choices)
    return context | {
        "months": months,
        "month": asked,
        "salon": named(salon),
        "business": named(salon.business),
        "vat_number": salon.business.vat_number,
        "first": found.from_date.isoformat(),
        "last": found.to_date.isoformat(),
        "opening": _side(found.opening),
        "closing": _side(found.closing),
        "moves": [
            {
                "kind": _(kinds[kind]),
                "amounts": [in_riyals(amount) for amount in (of.net_minor, of.vat_minor, of.gross_minor)],
            }
            for kind, of in found.moves.items()
        ],
        "printed_at": timezone.now(),
    }


def _side(of: Position) -> dict[str, str]:
    amounts = {
        "balance": of.balance_minor,
        "customers_owe": of.customers_owe_minor,
        "taken_ahead": of.taken_ahead_minor,
        "deposits_held": of.deposits_held_minor,
        "owed": of.owed_minor,
    }
    return {name: in_riyals(amount) for name, amount in amounts.items()}


def exports(request: HttpRequest) -> dict[str, Any]:
    """The lists there are, and who took which lately."""
    first, last, problem = _days(request)
    days = urlencode({"from": first.isoformat(), "to": last.isoformat()})
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "problem": problem,
        "lists": []
        if problem
        else [
            {
                "title": sheet.title,
                "files": [
                    (kind.upper(), f"{reverse('admin:finance-export', args=[name, kind])}?{days}")
                    for kind in ExportType.values
                ],
            }
            for name, sheet in SHEETS.items()
        ],
        "taken": ExportTaken.objects.select_related("taken_by").order_by("-taken_at", "-id")[:TAKEN_SHOWN],
    }


def _days(request: HttpRequest) -> tuple[date, date, str]:
    today = timezone.now().astimezone(RIYADH).date()
    return asked_days(request, today.replace(day=1), today, most=MOST_DAYS)


@require_GET
def _export(request: HttpRequest, sheet: str, file_type: str) -> HttpResponseBase:
    if not policy.may_read(request.user, "exports"):
        raise PermissionDenied
    if sheet not in SHEETS or file_type not in ExportType.values:
        raise Http404
    first, last, problem = _days(request)
    if problem:
        return redirect(f"{reverse('admin:exports')}?{request.GET.urlencode()}")
    return as_file(sheet, file_type, first, last, taken_by=request.user, now=timezone.now())
