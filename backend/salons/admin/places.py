"""Cities, districts and categories; sellers; salons with their rules and their standing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ConsoleForm,
    ReadOnlyRows,
    ReasonForm,
    Written,
    code,
    coded,
    label,
    label_translated,
    name,
    person,
    words,
)
from backend.core.errors import FIELD_ERRORS, DomainError
from backend.core.text import clean_name
from backend.salons import licences
from backend.salons.admin.shared import CatalogueAdmin, VersionedAdmin
from backend.salons.models import (
    Business,
    Category,
    City,
    District,
    PrayerPause,
    Salon,
    SalonEvent,
    SalonStatus,
    StaffMember,
)
from backend.salons.models.places import MOST_STEPS, PRAYERS
from backend.salons.operations import standing
from backend.salons.operations.editing import lock_salon
from backend.salons.operations.staff import check_employment
from backend.salons.prayer import Prayer
from backend.salons.queries.managing import time_zones

label(
    City,
    _("city"),
    _("cities"),
    slug=_("short name in addresses"),
    name=_("name"),
    latitude=_("latitude"),
    longitude=_("longitude"),
    position=_("position in lists"),
)
label(
    District,
    _("district"),
    _("districts"),
    slug=_("short name in addresses"),
    city=_("city"),
    name=_("name"),
    position=_("position in lists"),
)
label(
    Category,
    _("category"),
    _("categories"),
    slug=_("short name in addresses"),
    name=_("name"),
    position=_("position in lists"),
)
label(
    Business,
    _("business"),
    _("businesses"),
    name=_("name"),
    address=_("address"),
    vat_number=_("VAT number"),
    commercial_registration=_("commercial registration"),
    commission_basis_points=_("commission in hundredths of a percent"),
    standing_steps=_("least deposit with one mark, two marks ... (%)"),
    standing_days=_("days a mark counts"),
    no_show_marks=_("marks of a missed visit"),
    late_cancel_marks=_("marks of a late cancellation"),
    created_at=_("created"),
)
label(
    Salon,
    _("salon"),
    _("salons"),
    choices=(
        *(N_("Women"), N_("Men"), N_("Family"), N_("Children")),
        *(N_("Draft"), N_("In Review"), N_("Live"), N_("Suspended")),
        *(N_("None"), N_("Friday"), N_("Chosen")),
    ),
    business=_("business"),
    slug=_("short name in addresses"),
    name=_("name"),
    description=_("description"),
    city=_("city"),
    district=_("district"),
    address=_("address"),
    building_number=_("building number"),
    postal_code=_("postal code"),
    secondary_number=_("secondary number"),
    unit_number=_("unit number"),
    short_address=_("National Address, short"),
    latitude=_("latitude"),
    longitude=_("longitude"),
    phone=_("telephone"),
    licence_number=_("licence number"),
    licence_expires_on=_("licence valid until"),
    audience=_("audience"),
    status=_("status"),
    timezone=_("time zone"),
    auto_confirm=_("confirms bookings by itself"),
    grid_minutes=_("minutes between starts"),
    min_notice_minutes=_("minutes of notice at least"),
    horizon_days=_("days that can be booked ahead"),
    respond_within_minutes=_("minutes to answer a request"),
    deposit_percent=_("deposit (%)"),
    free_cancel_hours=_("hours until which cancelling is free"),
    late_cancel_percent=_("part of the deposit kept after that (%)"),
    max_reschedules=_("moves of one booking by its customer"),
    reminder_hours=_("hours before a visit at which its customer is reminded"),
    authorise_first=_("deposits are charged when the salon confirms"),
    prayer_pause=_("pause for prayer"),
    pause_prayers=_("prayers chosen"),
    prayer_pause_minutes=_("minutes of a pause"),
    services_may_span_pauses=_("a service may go on through a pause"),
    rating_count=_("reviews"),
    created_at=_("created"),
)
label(
    SalonEvent,
    _("change of status"),
    _("changes of status"),
    from_status=_("from"),
    to_status=_("to"),
    actor=_("person"),
    reason=_("reason"),
    at=_("when"),
)
label_translated(City, "name")
label_translated(District, "name")
label_translated(Category, "name")
label_translated(Business, "name", "address")
label_translated(Salon, "name", "description", "address")

PRAYER_NAMES = {
    Prayer.FAJR: _("Fajr"),
    Prayer.DHUHR: _("Dhuhr"),
    Prayer.ASR: _("Asr"),
    Prayer.MAGHRIB: _("Maghrib"),
    Prayer.ISHA: _("Isha"),
}
_STATUS_NAMES = {value: _(str(text)) for value, text in SalonStatus.choices}

# How the numbers of a business and the parts of an address are read, with an example of each.
WRITTEN: dict[str, tuple[Callable[[str], str], str]] = {
    "vat_number": (licences.vat_number, "300000000000003"),
    "commercial_registration": (licences.commercial_registration, "1010000000"),
    "licence_number": (licences.licence_number, "4400123456"),
    "building_number": (licences.building_number, "2929"),
    "secondary_number": (licences.building_number, "8118"),
    "postal_code": (licences.postal_code, "12211"),
    "short_address": (licences.short_address, "RRRD2929"),
}


@admin.register(City, District, Category)
class PlaceAdmin(CatalogueAdmin):
    list_display = (name("pk", _("short name in addresses")), "name_ar", "name_en", "position")
    ordering = ("position", "slug")
    search_fields = ("slug", "name_ar", "name_en")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("slug",) if obj else ()


class NumberedAdmin(VersionedAdmin, CatalogueAdmin):
    """Rows with numbers that authorities gave."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in WRITTEN:
            read, example = WRITTEN[db_field.name]
            return Written(read, example=example, label=capfirst(db_field.verbose_name))
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)


class BusinessForm(ConsoleForm):
    rules = {
        "business_commission_in_whole": _("A percentage is at most 100."),
        "business_standing_ends": _("Between 1 and 365 days."),
        "business_marks_are_few": _("At most three marks."),
    }

    def clean_standing_steps(self) -> list[int]:
        # Django cannot hold a list against a constraint that compares its entries.
        steps: list[int] = self.cleaned_data["standing_steps"] or []
        if len(steps) > MOST_STEPS or steps != sorted(steps) or max(steps, default=0) > 100:
            raise ValidationError(
                _("At most five steps from 0 to 100, each at least as high as the one before it.")
            )
        return steps


@admin.register(Business)
class BusinessAdmin(NumberedAdmin):
    form = BusinessForm
    list_display = (
        "name_ar",
        "name_en",
        code("vat_number", _("VAT number")),
        code("commercial_registration", _("commercial registration")),
        "created_at",
    )
    ordering = ("-id",)
    search_fields = ("name_ar", "name_en", "vat_number", "commercial_registration")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "address",
                    "vat_number",
                    "commercial_registration",
                    "commission_basis_points",
                )
            },
        ),
        (
            _("Missed visits and late cancellations"),
            {"fields": ("standing_steps", "standing_days", "no_show_marks", "late_cancel_marks")},
        ),
    )


class SalonForm(ConsoleForm):
    rules = {
        "salon_percents_are_percents": _("A percentage is at most 100."),
        "salon_reminders_are_few": _("At most three reminders, between 1 and 168 hours before."),
        "salon_grid_is_sensible": _("Between 5 and 240 minutes between starts."),
        "salon_horizon_is_sensible": _("At most 366 days ahead."),
        "salon_prayer_pause_known": _("A pause takes at most 120 minutes."),
    }
    pause_prayers = forms.MultipleChoiceField(
        label=_("Prayers chosen"),
        choices=[(prayer.value, text) for prayer, text in PRAYER_NAMES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def clean_timezone(self) -> str:
        zone = str(self.cleaned_data["timezone"]).strip()
        if zone not in time_zones():
            raise ValidationError(_("This time zone is not known. Example: Asia/Riyadh"))
        return zone

    def clean_pause_prayers(self) -> list[str]:
        return [prayer for prayer in PRAYERS if prayer in self.cleaned_data["pause_prayers"]]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        district, city = cleaned.get("district"), cleaned.get("city")
        if district is not None and city is not None and district.city_id != city.pk:
            self.add_error("district", ValidationError(_("This district lies in another city.")))
        self._check_place(cleaned.get("latitude"), cleaned.get("longitude"))
        if cleaned.get("prayer_pause") == PrayerPause.CHOSEN and not cleaned.get("pause_prayers"):
            self.add_error("pause_prayers", ValidationError(_("Choose at least one prayer.")))
        if "audience" in self.changed_data and not self.instance._state.adding:
            working = StaffMember.objects.filter(salon=self.instance, is_active=True)
            try:
                check_employment(cleaned.get("audience", ""), set(working.values_list("gender", flat=True)))
            except DomainError as refused:
                self.add_error("audience", ValidationError(refused.detail))
        return cleaned

    def _check_place(self, latitude: Any, longitude: Any) -> None:
        if (latitude is None) != (longitude is None):
            self.add_error(
                "longitude" if longitude is None else "latitude",
                ValidationError(_("Latitude and longitude go together.")),
            )
        elif latitude is not None:
            try:
                licences.coordinates(latitude, longitude, settings.PHONE_COUNTRIES)
            except ValueError:
                self.add_error("latitude", ValidationError(str(FIELD_ERRORS["location_not_served"])))


def _status(path: str, text: Any) -> Any:
    return coded(path, text, _STATUS_NAMES)


class Standing(ReadOnlyRows[SalonEvent]):
    model = SalonEvent
    related = ("actor",)
    fields = (
        "at",
        _status("from_status", _("from")),
        _status("to_status", _("to")),
        person("actor", _("person")),
        words("reason", _("reason")),
    )


@admin.register(Salon)
class SalonAdmin(NumberedAdmin):
    """The status moves by its own actions, along `operations.standing`; everything else is edited here."""

    form = SalonForm
    list_display = (
        code("slug", _("short name in addresses")),
        "name_ar",
        "name_en",
        name("city", _("city")),
        "audience",
        "status",
        "auto_confirm",
    )
    list_filter = ("status", "audience", "auto_confirm", "city")
    ordering = ("-id",)
    related = ("business", "city", "district")
    search_fields = ("slug__istartswith", "name_ar__icontains", "name_en__icontains")
    search_help_text = _("Name, short name or ID")
    autocomplete_fields = ("business", "district")
    actions = ("submit", "approve", "send_back", "suspend", "reinstate")
    action_form = ReasonForm
    inlines = (Standing,)
    fieldsets = (
        (None, {"fields": ("name", "slug", "status", "business", "audience", "description")}),
        (
            _("Where it is"),
            {
                "fields": (
                    "city",
                    "district",
                    "address",
                    "building_number",
                    "secondary_number",
                    "postal_code",
                    "unit_number",
                    "short_address",
                    "latitude",
                    "longitude",
                    "phone",
                    "timezone",
                )
            },
        ),
        (_("Licence"), {"fields": ("licence_number", "licence_expires_on")}),
        (
            _("How it is booked"),
            {
                "fields": (
                    "auto_confirm",
                    "grid_minutes",
                    "min_notice_minutes",
                    "horizon_days",
                    "respond_within_minutes",
                )
            },
        ),
        (
            _("Deposit and cancelling"),
            {
                "fields": (
                    "deposit_percent",
                    "free_cancel_hours",
                    "late_cancel_percent",
                    "max_reschedules",
                    "authorise_first",
                )
            },
        ),
        (
            _("Prayer"),
            {
                "fields": (
                    "prayer_pause",
                    "pause_prayers",
                    "prayer_pause_minutes",
                    "services_may_span_pauses",
                )
            },
        ),
        (_("Reminders"), {"fields": ("reminder_hours",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The address of a live salon is printed on its cards.
        return ("status", "slug") if obj and obj.status != SalonStatus.DRAFT else ("status",)

    def save_model(self, request: HttpRequest, obj: Salon, form: Any, change: bool) -> None:
        if change:
            lock_salon(obj)
        super().save_model(request, obj, form, change)

    def has_move_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "move")

    @admin.action(description=_("Send to review"), permissions=["move"])
    def submit(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        def act(salon: Salon) -> None:
            standing.submit(salon=salon, owner=request.user, version=salon.version, now=timezone.now())

        self.each(request, queryset, act, done="submit")

    @admin.action(description=_("Approve: put live"), permissions=["move"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, "approve")

    @admin.action(description=_("Send back, for the reason given"), permissions=["move"])
    def send_back(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, "send_back")

    @admin.action(description=_("Suspend, for the reason given"), permissions=["move"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, "suspend")

    @admin.action(description=_("Put live again"), permissions=["move"])
    def reinstate(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, "reinstate")

    def _move(self, request: HttpRequest, queryset: QuerySet[Salon], verb: str) -> None:
        reason = clean_name(request.POST.get("reason", ""))

        def act(salon: Salon) -> None:
            standing.move(
                salon=salon,
                verb=cast(standing.Verb, verb),
                actor=request.user,
                version=salon.version,
                now=timezone.now(),
                reason=reason,
            )

        self.each(request, queryset, act, done=verb)
