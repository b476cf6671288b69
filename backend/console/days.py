"""Days that a page is asked for in its address."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest
from django.utils.translation import gettext as _

from backend.core.time import DateInvalid, parse_date


def asked_day(request: HttpRequest, name: str, otherwise: date) -> tuple[date, str]:
    """The day, and a sentence about what is wrong with it."""
    text = request.GET.get(name, "").strip()
    try:
        return (parse_date(text) if text else otherwise), ""
    except DateInvalid:
        return otherwise, _("This is not a valid date. Example: 2026-11-20")


def asked_days(request: HttpRequest, first: date, last: date, *, most: int) -> tuple[date, date, str]:
    """First and last day (`from`, `to`), at most so many, and a sentence about what is wrong with them."""
    first, problem = asked_day(request, "from", first)
    last, wrong = asked_day(request, "to", last)
    problem = problem or wrong
    if not problem and last < first:
        problem = _("The end must be later than the start.")
    if not problem and (last - first).days >= most:
        problem = _("At most %(days)d days at a time.") % {"days": most}
    return first, last, problem
