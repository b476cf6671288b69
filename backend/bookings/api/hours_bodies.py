"""What comes in about hours: bodies, queries, and how they become values of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from backend.core.api import fields
from backend.core.api.bodies import Body, Query
from backend.core.api.both import Both
from backend.core.api.pagination import PageQuery
from backend.core.errors import FieldError, ValidationFailed
from backend.core.text import ascii_digits
from backend.salons.api.serializers import WEEKDAYS
from backend.salons.models import Closure, ClosureKind, WorkingWindow
from backend.salons.operations.hours import MOST_RULES
from backend.salons.timetable import Hours, WeeklyWindow
from backend.salons.timetable.rules import LATEST_CLOSING

DAY_NAMES = [(day, day) for day in WEEKDAYS]
MIDNIGHT = 24 * 60
MOST_A_DAY = 10
_CLOCK = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])")

NEXT_DAY = "`closes` is after midnight; left out or null, that is so when it is not later than `opens`"
WORDLESS = {"ar": "", "en": ""}


@extend_schema_field({"type": "string", "pattern": r"^\d\d:\d\d$", "examples": ["16:00"]})
class Clock(serializers.Field[int, str, str, Any]):
    """A local time such as `16:30`, in any digits, as minutes after midnight."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        found = _CLOCK.fullmatch(ascii_digits(data).strip())
        if not found:
            raise serializers.ValidationError("", code="invalid_format")
        return int(found[1]) * 60 + int(found[2])


class HoursWrong(ValueError):
    """`code` is the field error of `closes`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def reckon(values: Mapping[str, Any]) -> Hours:
    """Opening and closing minutes from `opens`, `closes` and `closes_next_day`. Raises HoursWrong."""
    opens, closes, next_day = values["opens"], values["closes"], values["closes_next_day"]
    if closes <= opens if next_day is None else next_day:
        closes += MIDNIGHT
    if closes <= opens:
        raise HoursWrong("ends_before_start")
    if closes > LATEST_CLOSING:
        raise HoursWrong("too_large")
    return opens, closes


def reckoned(values: Mapping[str, Any]) -> Hours:
    """The same for a whole body. Raises ValidationFailed at `/closes`."""
    try:
        return reckon(values)
    except HoursWrong as error:
        raise ValidationFailed.at("/closes", error.code) from error


def window_of(values: Mapping[str, Any]) -> WeeklyWindow:
    """The window a whole body describes. Raises ValidationFailed at `/closes`."""
    return WeeklyWindow(WEEKDAYS.index(values["day"]) + 1, *reckoned(values))


class _HoursFields(Body):
    opens = Clock(help_text="Local time, `16:00`")
    closes = Clock(help_text="At the latest noon of the next day")
    closes_next_day = fields.Boolean(required=False, allow_null=True, default=None, help_text=NEXT_DAY)


class HoursBody(_HoursFields):
    """Becomes `Hours`."""

    def validate(self, attrs: Any) -> Any:
        return _nested(attrs)


class WeekWindowBody(_HoursFields):
    """Becomes a `WeeklyWindow`."""

    day = fields.Choice(choices=DAY_NAMES)

    def validate(self, attrs: Any) -> Any:
        return WeeklyWindow(WEEKDAYS.index(attrs["day"]) + 1, *_nested(attrs))


class SeasonWindowBody(WeekWindowBody):
    """Becomes a `SeasonWindow`."""

    staff_member_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="null: of the salon"
    )

    def validate(self, attrs: Any) -> Any:
        return attrs["staff_member_id"], super().validate(attrs)


def _nested(attrs: Mapping[str, Any]) -> Hours:
    try:
        return reckon(attrs)
    except HoursWrong as error:
        raise serializers.ValidationError({"closes": [ErrorDetail("", code=error.code)]})


class WindowBody(_HoursFields):
    day = fields.Choice(choices=DAY_NAMES)
    staff_member_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="null: of the salon"
    )
    season_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="null: the ordinary week"
    )


class WeekBody(Body):
    staff_member_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="null: of the salon"
    )
    season_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="null: the ordinary week"
    )
    windows = serializers.ListField(
        child=WeekWindowBody(),
        max_length=MOST_RULES,
        help_text="All of them; a staff member with none works as the salon",
    )


class _Versioned(Body):
    version = fields.Integer(min_value=1, max_value=2_000_000_000)


class ChangeWindowBody(_Versioned):
    day = fields.Choice(required=False, choices=DAY_NAMES)
    opens = Clock(required=False)
    closes = Clock(required=False)
    closes_next_day = fields.Boolean(required=False, allow_null=True, help_text=NEXT_DAY)


class OverrideBody(Body):
    date = fields.Day(help_text="The business date: what runs past midnight belongs to the evening before")
    staff_member_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="null: of the salon"
    )
    windows = serializers.ListField(
        child=HoursBody(), max_length=MOST_A_DAY, help_text="The hours of that day; none: closed, or off"
    )
    reason = Both(max_length=120, allow_blank=True, required=False, default=WORDLESS)


class ChangeOverrideBody(_Versioned):
    date = fields.Day(required=False)
    windows = serializers.ListField(child=HoursBody(), max_length=MOST_A_DAY, required=False)
    reason = Both(max_length=120, allow_blank=True, required=False)


class _ClosureTimes(Body):
    starts_at = fields.Moment(required=False, allow_null=True, help_text="`moments`")
    ends_at = fields.Moment(required=False, allow_null=True, help_text="`moments`: not included")
    first_date = fields.Day(
        required=False, allow_null=True, help_text="`days`; `weekly` if it has a first date"
    )
    last_date = fields.Day(required=False, allow_null=True, help_text="Included")
    day = fields.Choice(required=False, allow_null=True, choices=DAY_NAMES, help_text="`weekly`")
    opens = Clock(required=False, allow_null=True, help_text="`weekly`: when the closed part begins")
    closes = Clock(required=False, allow_null=True, help_text="`weekly`: when the closed part ends")
    closes_next_day = fields.Boolean(required=False, allow_null=True, help_text=NEXT_DAY)


class ClosureBody(_ClosureTimes):
    kind = fields.Choice(choices=ClosureKind.choices)
    staff_member_id = fields.Identifier(
        required=False,
        allow_null=True,
        default=None,
        help_text="Away; with neither of the two the salon is shut",
    )
    resource_id = fields.Identifier(required=False, allow_null=True, default=None, help_text="Out of use")
    reason = Both(max_length=120, allow_blank=True, required=False, default=WORDLESS)


class ChangeClosureBody(_ClosureTimes, _Versioned):
    reason = Both(max_length=120, allow_blank=True, required=False)


_FORMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ClosureKind.MOMENTS: (("starts_at", "ends_at"), ()),
    ClosureKind.DAYS: (("first_date", "last_date"), ()),
    ClosureKind.WEEKLY: (("day", "opens", "closes"), ("closes_next_day", "first_date", "last_date")),
}
"""What each kind of closure needs, and what it may have."""
_DATES = ("starts_at", "ends_at", "first_date", "last_date")
_TIMES = (*_DATES, "day", "opens", "closes", "closes_next_day")


def closure_form(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a closure of this kind. Raises ValidationFailed for what it lacks or should not have."""
    given = {name: values.get(name) for name in _TIMES}
    needed, optional = _FORMS[kind]
    wrong = [FieldError("field_required", pointer=f"/{name}") for name in needed if given[name] is None]
    wrong += [
        FieldError("unknown_field", pointer=f"/{name}")
        for name, value in given.items()
        if value is not None and name not in (*needed, *optional)
    ]
    for first, last in (("starts_at", "ends_at"), ("first_date", "last_date")):
        begins, ends = given[first], given[last]
        if (
            begins is not None
            and ends is not None
            and (ends < begins or (ends == begins and last == "ends_at"))
        ):
            wrong.append(FieldError("ends_before_start", pointer=f"/{last}"))
    if wrong:
        raise ValidationFailed(wrong)
    form = {name: given[name] for name in _DATES}
    if kind != ClosureKind.WEEKLY:
        return form
    window = window_of(given)
    return form | {
        "weekday": window.weekday,
        "opens_minute": window.opens_minute,
        "closes_minute": window.closes_minute,
    }


class HijriDaysBody(Body):
    from_month = fields.Integer(min_value=1, max_value=12, help_text="9 is Ramadan")
    from_day = fields.Integer(min_value=1, max_value=30)
    to_month = fields.Integer(min_value=1, max_value=12)
    to_day = fields.Integer(min_value=1, max_value=30, help_text="Included; 30: to the end of the month")


class DatesBody(Body):
    first_date = fields.Day()
    last_date = fields.Day(help_text="Included")


class SeasonBody(Body):
    name = Both(max_length=80)
    hijri = HijriDaysBody(required=False, allow_null=True, default=None, help_text="In every Hijri year")
    dates = DatesBody(
        required=False, allow_null=True, default=None, help_text="Once; one of the two is given"
    )
    windows = serializers.ListField(child=SeasonWindowBody(), max_length=MOST_RULES)


class ChangeSeasonBody(_Versioned):
    name = Both(max_length=80, required=False)
    hijri = HijriDaysBody(required=False)
    dates = DatesBody(required=False)
    windows = serializers.ListField(
        child=SeasonWindowBody(), max_length=MOST_RULES, required=False, help_text="All of them"
    )


def season_days(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a season's days, of either form. Raises ValidationFailed unless exactly one is given."""
    hijri, dates = values.get("hijri"), values.get("dates")
    if hijri is None and dates is None:
        raise ValidationFailed.at("/hijri", "field_required")
    if hijri is not None and dates is not None:
        raise ValidationFailed.at("/dates", "invalid_choice")
    if dates is not None and dates["last_date"] < dates["first_date"]:
        raise ValidationFailed.at("/dates/last_date", "ends_before_start")
    columns = {f"hijri_{name}": value for name, value in (hijri or dict.fromkeys(HIJRI_DAYS)).items()}
    return columns | dict(dates or {"first_date": None, "last_date": None})


HIJRI_DAYS = ("from_month", "from_day", "to_month", "to_day")


class SightingBody(Body):
    days = fields.Integer(
        min_value=-1, max_value=1, help_text="How many days after the computed date the month begins"
    )
    preview = fields.Boolean(
        required=False, default=False, help_text="Tell what would be affected; write nothing"
    )


class WriteQuery(Query):
    preview = fields.QueryBoolean(
        required=False, default=False, help_text="`true`: answer what would be affected and write nothing"
    )


class RemoveQuery(WriteQuery):
    version = fields.QueryInteger(min_value=1)


class WindowListQuery(PageQuery):
    staff_member_id = fields.Identifier(required=False)
    season_id = fields.Identifier(required=False)


class OverrideListQuery(PageQuery):
    staff_member_id = fields.Identifier(required=False)

    def get_fields(self) -> Any:
        days = {name: fields.Day(required=False, help_text="Included") for name in ("from", "to")}
        return super().get_fields() | days


class ClosureListQuery(PageQuery):
    staff_member_id = fields.Identifier(required=False)
    resource_id = fields.Identifier(required=False)


class MonthListQuery(Query):
    def get_fields(self) -> Any:
        day = fields.Day(required=False, help_text="A day of the first month; absent means today")
        return super().get_fields() | {"from": day}


def merged(row: WorkingWindow | Closure, body: Mapping[str, Any]) -> dict[str, Any]:
    """The times of a row with what a body says of them put in their place."""
    values: dict[str, Any] = {}
    if isinstance(row, Closure):
        values = {name: getattr(row, name) for name in _DATES}
    if row.weekday is not None and row.opens_minute is not None and row.closes_minute is not None:
        values |= {
            "day": WEEKDAYS[row.weekday - 1],
            "opens": row.opens_minute,
            "closes": row.closes_minute % MIDNIGHT,
            # Another closing time says anew whether it is after midnight.
            "closes_next_day": None if "closes" in body else row.closes_minute >= MIDNIGHT,
        }
    return {**values, **body}
