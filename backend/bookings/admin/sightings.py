"""When Hijri months begin: recorded after the moon was sighted, and after a look at the bookings this affects."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.bookings.affected import Affected, moved_by_sighting
from backend.core.console import ConsoleAdmin, ConsoleForm, label, person
from backend.core.hijri import MONTH_NAMES, YEARS, gregorian_range
from backend.salons.models import HijriShift
from backend.salons.operations.hours import record_sighting
from backend.salons.queries.timetables import hijri_shifts

label(
    HijriShift,
    _("moon sighting"),
    _("moon sightings"),
    hijri_year=_("Hijri year"),
    hijri_month=_("Hijri month"),
    days=_("days after the computed start"),
    decided_by=_("recorded by"),
    decided_at=_("recorded"),
)

NAMED = 10
"""Bookings named before a sighting is recorded; each salon finds all of its own in the app."""


class SightingForm(ConsoleForm):
    """Nothing is written before the bookings it affects have been shown, and the box below them was ticked."""

    hijri_month = forms.TypedChoiceField(
        label=_("Hijri month"), coerce=int, choices=list(enumerate(MONTH_NAMES, start=1))
    )
    days = forms.TypedChoiceField(
        label=_("The month begins"),
        coerce=int,
        choices=((0, _("as computed")), (1, _("a day later")), (-1, _("a day earlier"))),
    )
    seen = forms.BooleanField(label=_("I have seen which bookings this affects"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            del self.fields["hijri_month"]

    def clean_hijri_year(self) -> int:
        year: int = self.cleaned_data["hijri_year"]
        if year not in YEARS:
            raise ValidationError(_("This date is outside the years that can be used."))
        return year

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors and not cleaned["seen"]:
            self.add_error("seen", ValidationError(_told(self.affected())))
        return cleaned

    @property
    def month(self) -> tuple[int, int]:
        if self.instance._state.adding:
            return self.cleaned_data["hijri_year"], self.cleaned_data["hijri_month"]
        return self.instance.hijri_year, self.instance.hijri_month

    def affected(self) -> Affected:
        before = hijri_shifts()
        after = {**before, self.month: self.cleaned_data["days"]}
        return moved_by_sighting(
            month=self.month, before=before, after=after, now=timezone.now(), limit=NAMED
        )


def _told(affected: Affected) -> str:
    """How many bookings, and the first of them: what stands beside the box to tick."""
    sentence = gettext("Bookings that would no longer fit the hours of their salons: %(count)d.") % {
        "count": affected.total
    }
    if not affected.total:
        return sentence
    named = [f"{one.booking.reference} ({one.booking.salon.name})" for one in affected.collisions]
    return f"{sentence} {', '.join(named)}{' …' if affected.total > len(named) else ''}"


@admin.register(HijriShift)
class SightingAdmin(ConsoleAdmin[HijriShift]):
    form = SightingForm
    list_display = ("month", "days", "begins", person("decided_by", _("recorded by")), "decided_at")
    ordering = ("-hijri_year", "-hijri_month")
    related = ("decided_by",)
    fields = ("hijri_year", "hijri_month", "days", "seen")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("month", "days", "begins", "seen") if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("month", "begins") if obj else ()

    def save_model(self, request: HttpRequest, obj: HijriShift, form: SightingForm, change: bool) -> None:
        year, month = form.month
        record_sighting(year=year, month=month, days=obj.days, decided_by=request.user, now=timezone.now())
        obj.pk = HijriShift.objects.get(hijri_year=year, hijri_month=month).pk

    @admin.display(description=_("month"))
    def month(self, obj: HijriShift) -> str:
        return self.name_of(obj)

    @admin.display(description=_("begins"))
    def begins(self, obj: HijriShift) -> str:
        shifts = {(obj.hijri_year, obj.hijri_month): obj.days}
        return date_format(gregorian_range(obj.hijri_year, obj.hijri_month, shifts)[0])

    def name_of(self, obj: HijriShift) -> str:
        return f"{MONTH_NAMES[obj.hijri_month - 1]} {obj.hijri_year}"
