"""Filters of the lists about bookings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.bookings.operations.remembering import REASONS, in_words


class DayFilter(admin.DateFieldListFilter):
    """The days people ask about: bookings lie ahead more often than behind."""

    def __init__(self, field: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(field, *args, **kwargs)
        today = timezone.localdate()
        self.links = (
            (_("Any date"), {}),
            (_("Yesterday"), self._days(today, -1, 0)),
            (_("Today"), self._days(today, 0, 1)),
            (_("Tomorrow"), self._days(today, 1, 2)),
            (_("The 7 days before today"), self._days(today, -7, 0)),
            (_("The 7 days after today"), self._days(today, 1, 8)),
        )

    def _days(self, today: date, first: int, end: int) -> dict[str, bool | date | datetime]:
        return {
            self.lookup_kwarg_since: today + timedelta(days=first),
            self.lookup_kwarg_until: today + timedelta(days=end),
        }


class ReasonFilter(admin.FieldListFilter):
    """Refusals for which this was one of the reasons."""

    @property
    def _parameter(self) -> str:
        return f"{self.field_path}__contains"

    def expected_parameters(self) -> list[str | None]:
        return [self._parameter]

    @property
    def _chosen(self) -> str:
        values: Any = self.used_parameters.get(self._parameter, [""])
        return str(values[-1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reasons__contains=[self._chosen]) if self._chosen else queryset

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        yield {
            "selected": not self._chosen,
            "query_string": changelist.get_query_string(remove=[self._parameter]),
            "display": _("All"),
        }
        for reason in REASONS:
            yield {
                "selected": reason == self._chosen,
                "query_string": changelist.get_query_string({self._parameter: reason}),
                "display": in_words(reason),
            }
