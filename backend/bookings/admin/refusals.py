"""Refused times in the console: what the system knew when it said no."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.bookings.admin.filters import ReasonFilter
from backend.bookings.models import Refusal
from backend.bookings.operations.remembering import in_words
from backend.bookings.queries.auditing import named_in_refusals
from backend.core.console import EMPTY, ReadOnlyAdmin, code, column, label, name
from backend.core.text import ascii_digits
from backend.core.time import RIYADH, DateInvalid, parse_date

label(
    Refusal,
    _("refused time"),
    _("refused times"),
    choices=(N_("Quote"), N_("Create"), N_("Walk In"), N_("Reschedule")),
    salon=_("salon"),
    at=_("refused at"),
    asked=_("what was asked"),
    starts_at=_("start asked for"),
    reasons=_("reasons"),
    catalogue_version=_("version of the salon's rules"),
)


_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def _start(words: list[str]) -> tuple[datetime, datetime] | None:
    """The span of starts that a day, or a day and a clock, name in Riyadh; None for anything else."""
    try:
        day: date = parse_date(words[0])
    except DateInvalid:
        return None
    if len(words) == 1:
        return _at(day, 0), _at(day + timedelta(days=1), 0)
    clock = _CLOCK.fullmatch(words[1])
    if clock is None:
        return None
    begins = _at(day, int(clock[1]) * 60 + int(clock[2]))
    return begins, begins + timedelta(minutes=1)


def _at(day: date, minute: int) -> datetime:
    return datetime.combine(day, time(), tzinfo=RIYADH) + timedelta(minutes=minute)


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyAdmin[Refusal]):
    """Names nobody, so whoever may see the list may browse it."""

    list_filter = ("at", ("reasons", ReasonFilter), "asked")
    ordering = ("-at", "-id")
    related = ("salon",)
    search_fields = ("salon__slug__iexact",)
    search_help_text = _("The salon's short name, a start such as 2026-11-22 18:00, or both")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refusal], search_term: str
    ) -> tuple[QuerySet[Refusal], bool]:
        words = ascii_digits(search_term).split()
        for place in (0, 1):
            if span := _start(words[place:]) if words[place:] else None:
                found = queryset.filter(starts_at__gte=span[0], starts_at__lt=span[1])
                return found.filter(salon__slug__iexact=words[0]) if place else found, False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=_("reasons"))
    def told(self, obj: Refusal) -> str:
        return format_html_join(" ", "{}", ([in_words(reason)] for reason in obj.reasons))

    @admin.display(description=_("services"))
    def services(self, obj: Refusal) -> str:
        return self._named(obj, obj.service_ids)

    @admin.display(description=_("people chosen"))
    def staff(self, obj: Refusal) -> str:
        return self._named(obj, obj.staff_ids)

    def _named(self, obj: Refusal, ids: list[Any]) -> str:
        names = named_in_refusals(obj.salon_id, [obj])
        return ", ".join(names.get(str(one), str(one)) for one in ids) or EMPTY

    def name_of(self, obj: Refusal) -> str:
        return f"{obj.salon.name} {date_format(obj.starts_at.astimezone(obj.salon.zone), 'DATETIME_FORMAT')}"

    list_display = ("at", name("salon", _("salon")), "asked", "starts_at", "told")
    fields = (
        "at",
        name("salon", _("salon")),
        "asked",
        "starts_at",
        "services",
        "staff",
        "told",
        column("reasons", _("codes"), ", ".join),
        code("catalogue_version", _("version of the salon's rules")),
        code("pk", _("ID")),
    )
