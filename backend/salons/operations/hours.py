"""What a salon's people may change about its hours: weekly windows, overrides, closures and seasons.

Which bookings a change collides with is a question of the app above: callers there hold the salon's lock around the
change and around their look at the bookings.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.core.errors import FieldError, Refused, ValidationFailed
from backend.core.hijri import Shifts
from backend.salons.models import (
    Closure,
    HijriShift,
    Override,
    OverrideWindow,
    Resource,
    Salon,
    Season,
    StaffMember,
    WorkingWindow,
)
from backend.salons.operations.editing import in_both, lock_row, lock_salon, save_changes
from backend.salons.queries.timetables import hijri_shifts
from backend.salons.timetable import Hours, WeeklyWindow

MOST_RULES = 500
"""Coming overrides, coming closures, windows of one week, of one salon: far beyond need, and bounds every question."""
MOST_SEASONS = 20
_WEEK = 7 * 24 * 60

SeasonWindow: TypeAlias = tuple[uuid.UUID | None, WeeklyWindow]
"""A staff member, or None for the salon, and one of their windows."""


class TooManyRules(Refused):
    code = "too_many_rules"
    message = _("At most %(most)d such entries can be kept. Please delete those no longer needed.")


def add_window(
    *, salon: Salon, staff_member_id: uuid.UUID | None, season_id: uuid.UUID | None, window: WeeklyWindow
) -> WorkingWindow:
    """One more stretch of the working week of the salon or a staff member, ordinary or of a season.

    Raises ValidationFailed for a subject that is not the salon's (`not_found`) or hours its week already has
    (`windows_overlap`), and TooManyRules.
    """
    with transaction.atomic():
        lock_salon(salon)
        _require_subject(salon, staff_member_id=staff_member_id, season_id=season_id)
        week = _week_of(salon, staff_member_id, season_id)
        _require_apart([*map(_window, week), window], "/opens")
        _require_room(week)
        _season_changes(season_id)
        return WorkingWindow.objects.create(
            salon=salon, staff_member_id=staff_member_id, season_id=season_id, **_columns(window)
        )


def replace_week(
    *,
    salon: Salon,
    staff_member_id: uuid.UUID | None,
    season_id: uuid.UUID | None,
    windows: Sequence[WeeklyWindow],
) -> list[WorkingWindow]:
    """The whole working week of one subject; what stays the same keeps its row. A staff member without works as the
    salon does. Raises ValidationFailed as `add_window` does, pointing at `/windows/n`.
    """
    with transaction.atomic():
        lock_salon(salon)
        _require_subject(salon, staff_member_id=staff_member_id, season_id=season_id)
        if season_id is not None and staff_member_id is None:
            _require_some(windows)
        _require_apart(windows, "/windows/{}")
        week = _week_of(salon, staff_member_id, season_id)
        if _write_week(week, salon, [(staff_member_id, window) for window in windows], season_id):
            _season_changes(season_id)
        return list(week.order_by("weekday", "opens_minute"))


def change_window(*, salon: Salon, window_id: uuid.UUID, version: int, window: WeeklyWindow) -> WorkingWindow:
    """Other hours for one window of a week. Raises NotFound, VersionConflict or ValidationFailed."""
    with transaction.atomic():
        lock_salon(salon)
        row = lock_row(WorkingWindow.objects.filter(salon=salon), window_id, version=version)
        others = _week_of(salon, row.staff_member_id, row.season_id).exclude(pk=row.pk)
        _require_apart([*map(_window, others), window], "/opens")
        save_changes(row, _columns(window))
        if row.version != version:
            _season_changes(row.season_id)
    return row


def add_override(
    *,
    salon: Salon,
    staff_member_id: uuid.UUID | None,
    date: date,
    windows: Sequence[Hours],
    reason: Mapping[str, str],
    today: date,
) -> Override:
    """The hours of one business date of the salon or a staff member; without windows it is off that day.

    Raises ValidationFailed (`not_found`, `windows_overlap`, `already_exists` at `/date`) or TooManyRules.
    """
    with transaction.atomic():
        lock_salon(salon)
        _require_subject(salon, staff_member_id=staff_member_id)
        overrides = Override.objects.filter(salon=salon)
        if overrides.filter(staff_member_id=staff_member_id, date=date).exists():
            raise ValidationFailed.at("/date", "already_exists")
        _require_room(overrides.filter(date__gte=today))
        row = Override.objects.create(
            salon=salon, staff_member_id=staff_member_id, date=date, **in_both("reason", reason)
        )
        _write_hours(row, windows)
    return row


def change_override(
    *,
    salon: Salon,
    override_id: uuid.UUID,
    version: int,
    changes: Mapping[str, Any],
    windows: Sequence[Hours] | None,
) -> Override:
    """Another date, other words (`reason_ar` …) or, unless None, other windows.

    Raises NotFound, VersionConflict or ValidationFailed.
    """
    with transaction.atomic():
        lock_salon(salon)
        rows = Override.objects.filter(salon=salon)
        row = lock_row(rows, override_id, version=version)
        twin = rows.exclude(pk=row.pk).filter(staff_member_id=row.staff_member_id)
        if twin.filter(date=changes.get("date", row.date)).exists():
            raise ValidationFailed.at("/date", "already_exists")
        if windows is not None and _write_hours(row, windows):
            row.version += 1
            row.save(update_fields=["version"])
        save_changes(row, changes)
    return row


def add_closure(
    *,
    salon: Salon,
    staff_member_id: uuid.UUID | None,
    resource_id: uuid.UUID | None,
    form: Mapping[str, Any],
    reason: Mapping[str, str],
    now: datetime,
) -> Closure:
    """The salon shut, a staff member away, or a resource out of use. `form` holds the columns of its kind.

    Raises ValidationFailed (`not_found`, or `invalid_choice` for two subjects) or TooManyRules.
    """
    if staff_member_id is not None and resource_id is not None:
        raise ValidationFailed.at("/resource_id", "invalid_choice")
    with transaction.atomic():
        lock_salon(salon)
        _require_subject(salon, staff_member_id=staff_member_id, resource_id=resource_id)
        coming = Q(ends_at__gt=now) | Q(last_date__gte=now.astimezone(salon.zone).date())
        endless = Q(ends_at=None, last_date=None)
        _require_room(Closure.objects.filter(coming | endless, salon=salon))
        return Closure.objects.create(
            salon=salon,
            staff_member_id=staff_member_id,
            resource_id=resource_id,
            **form,
            **in_both("reason", reason),
        )


def change_closure(
    *, salon: Salon, closure_id: uuid.UUID, version: int, changes: Mapping[str, Any]
) -> Closure:
    """Other times within its kind, or other words. Raises NotFound or VersionConflict."""
    with transaction.atomic():
        lock_salon(salon)
        row = lock_row(Closure.objects.filter(salon=salon), closure_id, version=version)
        save_changes(row, changes)
    return row


def add_season(
    *, salon: Salon, name: Mapping[str, str], days: Mapping[str, Any], windows: Sequence[SeasonWindow]
) -> Season:
    """Days with weekly hours of their own: `days` holds the columns of either form.

    Raises ValidationFailed pointing at `/windows/n`, or TooManyRules.
    """
    with transaction.atomic():
        lock_salon(salon)
        _require_season_windows(salon, windows)
        _require_room(Season.objects.filter(salon=salon), MOST_SEASONS)
        row = Season.objects.create(salon=salon, **in_both("name", name), **days)
        _write_week(row.windows.all(), salon, windows, row.pk)
    return row


def change_season(
    *,
    salon: Salon,
    season_id: uuid.UUID,
    version: int,
    changes: Mapping[str, Any],
    windows: Sequence[SeasonWindow] | None,
) -> Season:
    """Another name (`name_ar` …), other days or, unless None, other windows: all of them.

    Raises NotFound, VersionConflict or ValidationFailed.
    """
    with transaction.atomic():
        lock_salon(salon)
        row = lock_row(Season.objects.filter(salon=salon), season_id, version=version)
        if windows is not None:
            _require_season_windows(salon, windows)
            if _write_week(row.windows.all(), salon, windows, row.pk):
                row.version += 1
                row.save(update_fields=["version"])
        save_changes(row, changes)
    return row


def remove(
    *,
    salon: Salon,
    kind: type[WorkingWindow] | type[Override] | type[Closure] | type[Season],
    row_id: uuid.UUID,
    version: int,
) -> Model:
    """Take back one rule, with the windows it holds. The row as it was. Raises NotFound or VersionConflict."""
    with transaction.atomic():
        lock_salon(salon)
        rows: QuerySet[Model] = kind._default_manager.filter(salon=salon)
        row = lock_row(rows, row_id, version=version)
        kind._default_manager.filter(pk=row.pk).delete()
        if isinstance(row, WorkingWindow):
            _season_changes(row.season_id)
    return row


def record_sighting(
    *, year: int, month: int, days: int, decided_by: Any, now: datetime
) -> tuple[Shifts, Shifts]:
    """Write down how many days after the computed date a Hijri month begins; the sightings before and after.

    Raises the catalogue version of every salon. A booking made meanwhile holds its salon, so once this is committed
    every booking made under the old calendar is there to be seen.
    """
    with transaction.atomic():
        before = hijri_shifts()
        if before.get((year, month)) != days:
            HijriShift.objects.update_or_create(
                hijri_year=year,
                hijri_month=month,
                defaults={"days": days, "decided_by": decided_by, "decided_at": now},
            )
    return before, before | {(year, month): days}


def _require_subject(
    salon: Salon,
    *,
    staff_member_id: uuid.UUID | None = None,
    resource_id: uuid.UUID | None = None,
    season_id: uuid.UUID | None = None,
) -> None:
    wanted: list[tuple[str, type[StaffMember] | type[Resource] | type[Season], uuid.UUID | None]] = [
        ("staff_member_id", StaffMember, staff_member_id),
        ("resource_id", Resource, resource_id),
        ("season_id", Season, season_id),
    ]
    wrong = [
        FieldError("not_found", pointer=f"/{name}")
        for name, kind, pk in wanted
        if pk is not None and not kind._default_manager.filter(pk=pk, salon=salon).exists()
    ]
    if wrong:
        raise ValidationFailed(wrong)


def _require_season_windows(salon: Salon, windows: Sequence[SeasonWindow]) -> None:
    _require_some([window for staff_id, window in windows if staff_id is None])
    staff: Collection[uuid.UUID] = {staff_id for staff_id, _window in windows if staff_id is not None}
    known = set(StaffMember.objects.filter(salon=salon, pk__in=staff).values_list("pk", flat=True))
    wrong = [
        FieldError("not_found", pointer=f"/windows/{place}/staff_member_id")
        for place, (staff_id, _window) in enumerate(windows)
        if staff_id is not None and staff_id not in known
    ]
    if wrong:
        raise ValidationFailed(wrong)
    for subject in (None, *staff):
        own = [(place, window) for place, (staff_id, window) in enumerate(windows) if staff_id == subject]
        clash = _overlapping([window for _place, window in own])
        if clash is not None:
            raise ValidationFailed.at(f"/windows/{own[clash][0]}", "windows_overlap")


def _require_some(windows: Sequence[WeeklyWindow]) -> None:
    """Without any of the salon nobody could be booked all season; whoever wants that writes down a closure."""
    if not windows:
        raise ValidationFailed.at("/windows", "list_empty")


def _require_apart(windows: Sequence[WeeklyWindow], pointer: str) -> None:
    clash = _overlapping(windows)
    if clash is not None:
        raise ValidationFailed.at(pointer.format(clash), "windows_overlap")


def _overlapping(windows: Sequence[WeeklyWindow]) -> int | None:
    """The place of the first window that meets an earlier one, past midnight and across the week's end too."""
    spans = [
        (begins := (w.weekday - 1) * 24 * 60 + w.opens_minute, begins + w.closes_minute - w.opens_minute)
        for w in windows
    ]
    for place, (begins, ends) in enumerate(spans):
        for other_begins, other_ends in spans[:place]:
            for turn in (-_WEEK, 0, _WEEK):
                if begins < other_ends + turn and other_begins + turn < ends:
                    return place
    return None


def _require_room(rows: QuerySet[Any], most: int = MOST_RULES) -> None:
    if rows.count() >= most:
        raise TooManyRules(most=most)


def _season_changes(season_id: uuid.UUID | None) -> None:
    """A season is edited with all its windows, so one that changes by itself makes what was seen of it old."""
    if season_id is not None:
        Season.objects.filter(pk=season_id).update(version=F("version") + 1)


def _week_of(
    salon: Salon, staff_member_id: uuid.UUID | None, season_id: uuid.UUID | None
) -> QuerySet[WorkingWindow]:
    return WorkingWindow.objects.filter(salon=salon, staff_member=staff_member_id, season=season_id)


def _write_week(
    rows: QuerySet[WorkingWindow],
    salon: Salon,
    windows: Sequence[SeasonWindow],
    season_id: uuid.UUID | None,
) -> bool:
    """Make `rows` hold these windows and no others; whether anything changed."""
    wanted = set(windows)
    kept = {(row.staff_member_id, _window(row)): row.pk for row in rows}
    gone = [pk for window, pk in kept.items() if window not in wanted]
    new = sorted(wanted - kept.keys(), key=str)
    if gone:
        WorkingWindow.objects.filter(pk__in=gone).delete()
    WorkingWindow.objects.bulk_create(
        WorkingWindow(salon=salon, staff_member_id=staff_id, season_id=season_id, **_columns(window))
        for staff_id, window in new
    )
    return bool(gone or new)


def _write_hours(row: Override, windows: Sequence[Hours]) -> bool:
    """Make an override hold these windows and no others; whether anything changed."""
    for place, (opens, closes) in enumerate(windows):
        if any(
            opens < other_closes and other_opens < closes for other_opens, other_closes in windows[:place]
        ):
            raise ValidationFailed.at(f"/windows/{place}", "windows_overlap")
    kept = set(row.windows.values_list("opens_minute", "closes_minute"))
    if kept == set(windows):
        return False
    row.windows.all().delete()
    OverrideWindow.objects.bulk_create(
        OverrideWindow(override=row, opens_minute=opens, closes_minute=closes)
        for opens, closes in sorted(windows)
    )
    return True


def _window(row: WorkingWindow) -> WeeklyWindow:
    return WeeklyWindow(row.weekday, row.opens_minute, row.closes_minute)


def _columns(window: WeeklyWindow) -> dict[str, int]:
    return {
        "weekday": window.weekday,
        "opens_minute": window.opens_minute,
        "closes_minute": window.closes_minute,
    }
