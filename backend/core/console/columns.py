"""Columns of lists and lines of pages.

Each makes a function for `list_display` and for `fields`; `path` may cross relations ("booking.reference").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backend.core import phone as phones
from backend.core.console.labels import Text, named
from backend.core.money import money

Column = Callable[[Any], Any]

EMPTY = "—"


def column(path: str, text: Text, render: Callable[[Any], Any]) -> Column:
    """A value shown by `render`; a dash where there is none."""

    def shown(obj: Any) -> Any:
        value: Any = obj
        for step in path.split("."):
            value = getattr(value, step, None)
            if value is None:
                return EMPTY
        return EMPTY if value == "" else render(value)

    shown.__name__ = path.replace(".", "_")
    return admin.display(description=cast(str, text))(shown)


def ltr(value: Any) -> SafeString:
    """Ids, numbers and codes keep their order inside Arabic."""
    return format_html('<bdi dir="ltr">{}</bdi>', value)


def day_text(day: date) -> str:
    """A day where there is no markup, as in titles: with slashes it keeps its order in a line of either direction."""
    return f"{day:%d/%m/%Y}"


def code(path: str, text: Text) -> Column:
    return column(path, text, ltr)


def coded(path: str, text: Text, names: Mapping[Any, Text]) -> Column:
    """A code by what it is called; one that has no name yet is shown as it is."""

    def called(value: Any) -> SafeString:
        return format_html('<span class="coded">{}</span>', names[value]) if value in names else ltr(value)

    return column(path, text, called)


def words(path: str, text: Text) -> Column:
    """Somebody's own words, in whatever script."""
    return column(path, text, lambda value: format_html('<bdi dir="auto">{}</bdi>', value))


def phone(path: str, text: Text, *, whole: bool = False) -> Column:
    """A phone number: masked, unless the page is for ringing people up."""
    return column(path, text, lambda e164: ltr(phones.display(e164) if whole else phones.masked(e164)))


def in_riyals(minor: int) -> str:
    """Halalas as riyals, for a page: inside Arabic a minus would move to the other side of its number."""
    shown = money(minor)["display"]
    if minor >= 0:
        return shown
    number, _space, currency = shown.partition(" ")
    return format_html("{} {}", ltr(number), currency)


def amount(path: str, text: Text) -> Column:
    """Halalas, as riyals."""
    return column(path, text, lambda minor: format_html('<bdi class="amount">{}</bdi>', in_riyals(minor)))


def language(path: str, text: Text) -> Column:
    """A language by its own name."""
    return column(path, text, lambda code: dict(settings.LANGUAGES).get(code, code))


def document(path: str, text: Text) -> Column:
    """JSON, readable."""
    return column(
        path,
        text,
        lambda value: format_html(
            '<pre dir="ltr">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
        ),
    )


def name(path: str, text: Text) -> Column:
    """A row with a name of its own: a salon, a city."""
    return column(path, text, lambda row: format_html('<bdi dir="auto">{}</bdi>', named(row)))


def person(path: str, text: Text, *, link: bool = False) -> Column:
    """Somebody: name and masked number; `link` where whoever sees this may see people."""

    def render(user: Any) -> SafeString:
        shown = format_html('<bdi dir="auto">{}</bdi>', user.name or EMPTY)
        if user.phone:
            shown = format_html("{} {}", shown, ltr(phones.masked(user.phone)))
        if not link:
            return shown
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:accounts_user_change", args=[user.pk]), shown
        )

    return column(path, text, render)


def to_list(model: str, text: Text, words: Text, **query: str) -> Column:
    """A link to another list, narrowed to this row: `to_list("bookings_booking", …, q="reference")`."""

    def shown(obj: Any) -> Any:
        values = "&".join(f"{key}={getattr(obj, path)}" for key, path in query.items())
        try:
            return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:{model}_changelist"), values, words)
        except NoReverseMatch:
            return EMPTY

    shown.__name__ = f"to_{model}"
    return admin.display(description=cast(str, text))(shown)
