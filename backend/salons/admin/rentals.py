"""What is let by itself."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from backend.core.console import amount, label, label_translated, name
from backend.salons.admin.shared import SALON, CatalogueAdmin, OfSalonAdmin, OfSalonForm
from backend.salons.models import Rental

label(
    Rental,
    _("rental"),
    _("rentals"),
    salon=_("salon"),
    resource=_("resource"),
    name=_("name"),
    description=_("description"),
    price_per_hour_minor=_("price per hour"),
    price_per_day_minor=_("price per day"),
    step_minutes=_("step in minutes"),
    min_minutes=_("minutes at least"),
    max_minutes=_("minutes at most"),
    buffer_before_minutes=_("minutes kept free before"),
    buffer_after_minutes=_("minutes kept free after"),
    min_notice_minutes=_("minutes of notice at least"),
    horizon_days=_("days that can be booked ahead"),
    deposit_percent=_("deposit (%)"),
    deposit_minor=_("deposit"),
    damage_minor=_("held against damage"),
    auto_confirm=_("confirms bookings by itself"),
    is_active=_("on offer"),
    position=_("position in lists"),
)
label_translated(Rental, "name", "description")


class RentalForm(OfSalonForm):
    rules = {
        "rental_has_a_price": _("A price by the hour or by the day is needed."),
        "rental_lengths_are_sensible": _("It is let for one step at least and seven days at most."),
        "rental_lengths_are_in_steps": _("The length must be a multiple of the step."),
        "rental_buffers_are_sensible": _("At most 720 minutes are kept free."),
        "rental_deposit_is_one": _("A deposit is a percentage or an amount, not both."),
        "rental_horizon_is_sensible": _("At most 366 days ahead."),
    }


@admin.register(Rental)
class RentalAdmin(OfSalonAdmin, CatalogueAdmin):
    form = RentalForm
    list_display = (
        "name_ar",
        "name_en",
        SALON,
        amount("price_per_hour_minor", _("price per hour")),
        amount("price_per_day_minor", _("price per day")),
        "is_active",
    )
    list_filter = ("is_active", "auto_confirm")
    ordering = ("-id",)
    related = ("salon", "resource")
    autocomplete_fields = ("salon", "resource")
    set_once = (("salon", SALON), ("resource", name("resource", _("resource"))))
    search_fields = ("name_ar__icontains", "name_en__icontains", "salon__slug__iexact")
    search_help_text = _("Name, the salon's short name or ID")
    fields = (
        "salon",
        "resource",
        "name",
        "description",
        "price_per_hour_minor",
        "price_per_day_minor",
        "step_minutes",
        "min_minutes",
        "max_minutes",
        "buffer_before_minutes",
        "buffer_after_minutes",
        "min_notice_minutes",
        "horizon_days",
        "deposit_percent",
        "deposit_minor",
        "damage_minor",
        "auto_confirm",
        "is_active",
        "position",
    )
