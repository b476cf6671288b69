"""When: weekly hours, seasons, dates with hours of their own, and closures."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dates import WEEKDAYS as DAY_NAMES
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ConsoleForm,
    Governed,
    ReadOnlyRows,
    clock,
    label,
    label_translated,
    ltr,
    name,
    words,
)
from backend.core.errors import FIELD_ERRORS
from backend.core.hijri import MONTH_NAMES
from backend.salons.admin.shared import (
    SALON,
    STAFF_MEMBER,
    CatalogueAdmin,
    OfSalonAdmin,
    OfSalonForm,
    OptionalChoice,
)
from backend.salons.models import Closure, ClosureKind, Override, OverrideWindow, Season, WorkingWindow
from backend.salons.operations import hours
from backend.salons.timetable import WeeklyWindow

label(
    WorkingWindow,
    _("weekly hours"),
    _("weekly hours"),
    salon=_("salon"),
    staff_member=_("staff member"),
    season=_("season"),
    weekday=_("day"),
    opens_minute=_("opens"),
    closes_minute=_("closes"),
)
label(
    Season,
    _("season"),
    _("seasons"),
    salon=_("salon"),
    name=_("name"),
    hijri_from_month=_("from the Hijri month"),
    hijri_from_day=_("from its day"),
    hijri_to_month=_("to the Hijri month"),
    hijri_to_day=_("to its day"),
    first_date=_("first day"),
    last_date=_("last day"),
)
label(
    Override,
    _("hours of one date"),
    _("hours of single dates"),
    salon=_("salon"),
    staff_member=_("staff member"),
    date=_("date"),
    reason=_("reason"),
)
label(
    OverrideWindow,
    _("hours on that day"),
    _("hours on that day"),
    opens_minute=_("opens"),
    closes_minute=_("closes"),
)
label(
    Closure,
    _("closure"),
    _("closures"),
    choices=(N_("Moments"), N_("Days"), N_("Weekly")),
    salon=_("salon"),
    staff_member=_("staff member"),
    resource=_("resource"),
    kind=_("kind"),
    starts_at=_("starts"),
    ends_at=_("ends"),
    first_date=_("first day"),
    last_date=_("last day"),
    weekday=_("day"),
    opens_minute=_("closed from"),
    closes_minute=_("closed until"),
    reason=_("reason"),
)
label_translated(Season, "name")
label_translated(Override, "reason")
label_translated(Closure, "reason")

WEEKDAYS = {day: DAY_NAMES[day - 1] for day in (7, 1, 2, 3, 4, 5, 6)}
"""ISO numbers, in the order of a Saudi week."""
_IN_ORDER = _("Closing comes after opening, at noon of the next day (36:00) at the latest.")
_REQUIRED = FIELD_ERRORS["field_required"]
_NOT_HERE = _("This kind has no such value.")
_SEASON = name("season", _("season"))
_RESOURCE = name("resource", _("resource"))
_MONTHS = list(enumerate(MONTH_NAMES, start=1))


def _span(opens: int, closes: int) -> Any:
    return format_html("{} {} {} {}", gettext("from"), ltr(clock(opens)), gettext("to"), ltr(clock(closes)))


class WorkingWindowForm(OfSalonForm):
    weekday = forms.TypedChoiceField(label=_("Day"), coerce=int, choices=[*WEEKDAYS.items()])
    rules = {"window_minutes_in_order": _IN_ORDER}

    @property
    def window(self) -> WeeklyWindow:
        return WeeklyWindow(
            *(self.cleaned_data[name] for name in ("weekday", "opens_minute", "closes_minute"))
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        opens, closes = cleaned.get("opens_minute"), cleaned.get("closes_minute")
        if opens is not None and closes is not None and not (opens < 1440 and opens < closes <= 2160):
            self.add_error("closes_minute", ValidationError(_IN_ORDER))
        self.require(self.write, at="opens_minute")
        return cleaned

    def write(self) -> WorkingWindow:
        """What the desk would do. Raises ValidationFailed for hours that overlap."""
        if not self.instance._state.adding:
            return hours.change_window(
                salon=self.instance.salon,
                window_id=self.instance.pk,
                version=self.instance.version,
                window=self.window,
            )
        member, season = self.cleaned_data.get("staff_member"), self.cleaned_data.get("season")
        return hours.add_window(
            salon=self.cleaned_data["salon"],
            staff_member_id=member.pk if member else None,
            season_id=season.pk if season else None,
            window=self.window,
        )


@admin.register(WorkingWindow)
class WorkingWindowAdmin(OfSalonAdmin):
    form = WorkingWindowForm
    list_display = (SALON, STAFF_MEMBER, _SEASON, "day", "hours")
    ordering = ("salon", "weekday", "opens_minute", "id")
    related = ("salon", "staff_member", "season")
    autocomplete_fields = ("salon", "staff_member", "season")
    set_once = (("salon", SALON), ("staff_member", STAFF_MEMBER), ("season", _SEASON))
    fields = ("salon", "staff_member", "season", "weekday", "opens_minute", "closes_minute")

    def save_model(self, request: HttpRequest, obj: WorkingWindow, form: Any, change: bool) -> None:
        obj.pk = form.write().pk

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        """The operation has written all of it."""

    @admin.display(description=_("day"))
    def day(self, obj: WorkingWindow) -> Any:
        return WEEKDAYS[obj.weekday]

    @admin.display(description=_("hours"))
    def hours(self, obj: WorkingWindow) -> Any:
        return _span(obj.opens_minute, obj.closes_minute)

    def name_of(self, obj: WorkingWindow) -> str:
        opens, closes = clock(obj.opens_minute), clock(obj.closes_minute)
        return f"{obj.salon.name} {WEEKDAYS[obj.weekday]} {gettext('from')} {opens} {gettext('to')} {closes}"


class SeasonForm(OfSalonForm):
    hijri_from_month = OptionalChoice(_MONTHS, label=_("From the Hijri month"))
    hijri_to_month = OptionalChoice(_MONTHS, label=_("To the Hijri month"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        days = ("hijri_from_month", "hijri_from_day", "hijri_to_month", "hijri_to_day")
        dates = ("first_date", "last_date")
        hijri = any(cleaned.get(field) is not None for field in days)
        wanted, unwanted = (days, dates) if hijri else (dates, days)
        for field in wanted:
            if cleaned.get(field) is None and field not in self.errors:
                self.add_error(field, ValidationError(str(_REQUIRED)))
        for field in unwanted:
            if cleaned.get(field) is not None:
                self.add_error(field, ValidationError(_("Either Hijri days or two dates, not both.")))
        for field in ("hijri_from_day", "hijri_to_day"):
            if cleaned.get(field) is not None and not 1 <= cleaned[field] <= 30:
                self.add_error(field, ValidationError(_("A day of a Hijri month is 1 to 30.")))
        _check_order(self, "first_date", "last_date")
        return cleaned


class SeasonHours(ReadOnlyRows[WorkingWindow]):
    model = WorkingWindow
    related = ("staff_member",)
    show_change_link = True
    verbose_name_plural = _("its weekly hours")

    @admin.display(description=_("day"))
    def day(self, obj: WorkingWindow) -> Any:
        return WEEKDAYS[obj.weekday]

    @admin.display(description=_("hours"))
    def hours(self, obj: WorkingWindow) -> Any:
        return _span(obj.opens_minute, obj.closes_minute)

    fields = (STAFF_MEMBER, "day", "hours")


@admin.register(Season)
class SeasonAdmin(OfSalonAdmin, CatalogueAdmin):
    """Its weekly hours are edited among the weekly hours."""

    form = SeasonForm
    list_display = ("name_ar", "name_en", SALON, "first_date", "last_date")
    ordering = ("-id",)
    related = ("salon",)
    inlines = (SeasonHours,)
    fieldsets = (
        (None, {"fields": ("salon", "name")}),
        (
            _("In every Hijri year"),
            {"fields": ("hijri_from_month", "hijri_from_day", "hijri_to_month", "hijri_to_day")},
        ),
        (_("Or once"), {"fields": ("first_date", "last_date")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (_none, first), *others = super().get_fieldsets(request, obj)
        salon = SALON if obj else "salon"
        return [(None, first | {"fields": [salon if f == "salon" else f for f in first["fields"]]}), *others]


class OverrideForm(OfSalonForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        salon, date = self.salon, cleaned.get("date")
        if salon is not None and date is not None:
            twins = Override.objects.filter(salon=salon, staff_member=self.value("staff_member"), date=date)
            if twins.exclude(pk=self.instance.pk).exists():
                self.add_error("date", ValidationError(_("This date has hours of its own already.")))
        return cleaned


class HoursForm(ConsoleForm):
    rules = {"override_minutes_in_order": _IN_ORDER}


class HoursFormSet(forms.BaseInlineFormSet[Any, Any, Any]):
    def clean(self) -> None:
        super().clean()
        seen: list[tuple[int, int]] = []
        for form in self.forms:
            values = getattr(form, "cleaned_data", {})
            opens, closes = values.get("opens_minute"), values.get("closes_minute")
            if opens is None or closes is None or values.get("DELETE"):
                continue
            if any(opens < other_closes and other_opens < closes for other_opens, other_closes in seen):
                form.add_error("opens_minute", ValidationError(str(FIELD_ERRORS["windows_overlap"])))
            seen.append((opens, closes))


class Hours(Governed[Any], admin.TabularInline[Any, Any]):
    model = OverrideWindow
    form = HoursForm
    formset = HoursFormSet
    extra = 0
    max_num = 10


@admin.register(Override)
class OverrideAdmin(OfSalonAdmin, CatalogueAdmin):
    """Without hours below it, the day is off."""

    form = OverrideForm
    list_display = ("date", SALON, STAFF_MEMBER, words("reason", _("reason")))
    ordering = ("-date", "-id")
    related = ("salon", "staff_member")
    autocomplete_fields = ("salon", "staff_member")
    set_once = (("salon", SALON), ("staff_member", STAFF_MEMBER))
    inlines = (Hours,)
    fields = ("salon", "staff_member", "date", "reason")

    def name_of(self, obj: Override) -> str:
        return f"{obj.salon.slug} {obj.date:%F}"


FORMS = {
    ClosureKind.MOMENTS: (("starts_at", "ends_at"), ()),
    ClosureKind.DAYS: (("first_date", "last_date"), ()),
    ClosureKind.WEEKLY: (("weekday", "opens_minute", "closes_minute"), ("first_date", "last_date")),
}
"""What each kind of closure needs, and what it may have besides."""
_TIMES = ("starts_at", "ends_at", "first_date", "last_date", "weekday", "opens_minute", "closes_minute")


class ClosureForm(OfSalonForm):
    weekday = OptionalChoice([*WEEKDAYS.items()], label=_("Day"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("staff_member") is not None and cleaned.get("resource") is not None:
            self.add_error("resource", ValidationError(_("Either a person or a resource, not both.")))
        kind = self.value("kind")
        needed, optional = FORMS.get(kind, ((), _TIMES))
        for field in _TIMES:
            value = cleaned.get(field)
            if value is None and field in needed and field not in self.errors:
                self.add_error(field, ValidationError(str(_REQUIRED)))
            elif value is not None and field not in (*needed, *optional):
                self.add_error(field, ValidationError(_NOT_HERE))
        starts, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts is not None and ends is not None and ends <= starts:
            self.add_error("ends_at", ValidationError(_("The end comes after the start.")))
        _check_order(self, "first_date", "last_date")
        opens, closes = cleaned.get("opens_minute"), cleaned.get("closes_minute")
        if opens is not None and closes is not None and not (opens < 1440 and opens < closes <= 2160):
            self.add_error("closes_minute", ValidationError(_IN_ORDER))
        return cleaned


def _check_order(form: ConsoleForm, first: str, last: str) -> None:
    begins, ends = form.cleaned_data.get(first), form.cleaned_data.get(last)
    if begins is not None and ends is not None and ends < begins:
        form.add_error(last, ValidationError(_("The last day does not come before the first.")))


@admin.register(Closure)
class ClosureAdmin(OfSalonAdmin, CatalogueAdmin):
    """Moments are typed and shown in Riyadh's time, as everywhere in the console."""

    form = ClosureForm
    list_display = (SALON, STAFF_MEMBER, _RESOURCE, "kind", "when", words("reason", _("reason")))
    list_filter = ("kind",)
    ordering = ("-id",)
    related = ("salon", "staff_member", "resource")
    autocomplete_fields = ("salon", "staff_member", "resource")
    set_once = (("salon", SALON), ("staff_member", STAFF_MEMBER), ("resource", _RESOURCE), ("kind", "kind"))
    fields = ("salon", "staff_member", "resource", "kind", *_TIMES, "reason")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        if obj is None:
            return fields
        own = {*FORMS[obj.kind][0], *FORMS[obj.kind][1]}
        return [field for field in fields if field not in _TIMES or field in own]

    @admin.display(description=_("when"))
    def when(self, obj: Closure) -> Any:
        if obj.kind == ClosureKind.WEEKLY:
            return format_html(
                "{} {}", WEEKDAYS[obj.weekday or 1], _span(obj.opens_minute or 0, obj.closes_minute or 0)
            )
        dates = (obj.first_date, obj.last_date)
        if obj.kind == ClosureKind.DAYS:
            shown = [date_format(date) for date in dates if date is not None]
        else:
            shown = [
                date_format(timezone.localtime(moment), "DATETIME_FORMAT")
                for moment in (obj.starts_at, obj.ends_at)
                if moment is not None
            ]
        return format_html("{} {} {} {}", gettext("from"), shown[0], gettext("to"), shown[-1])

    def name_of(self, obj: Closure) -> str:
        return f"{obj.salon.name} {obj.get_kind_display()}"
