"""Group sessions in the console: written, sold and ended by salons and the clock, never here."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.bookings.models import Session
from backend.core.console import ReadOnlyAdmin, code, label, name

label(
    Session,
    _("group session"),
    _("group sessions"),
    choices=(N_("Draft"), N_("Published"), N_("Cancelled"), N_("Completed")),
    state=_("state"),
    salon=_("salon"),
    title_ar=_("title in Arabic"),
    title_en=_("title in English"),
    starts_at=_("starts"),
    ends_at=_("ends"),
    capacity=_("seats"),
    seats_taken=_("seats taken"),
    seats_confirmed=_("seats confirmed"),
    minimum_seats=_("least seats"),
    decide_by=_("to be decided by"),
    decided_at=_("decided"),
    is_closing=_("bookings are following"),
    ended_at=_("ended"),
    end_reason=_("reason"),
    version=_("version"),
)


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin[Session]):
    def name_of(self, obj: Session) -> str:
        return f"{obj.salon.name} {obj.starts_at:%F %R}"

    list_display = (
        "starts_at",
        name("salon", _("salon")),
        "title_ar",
        "state",
        "seats_taken",
        "capacity",
        "is_closing",
    )
    list_filter = ("state", "is_closing")
    ordering = ("-starts_at", "-id")
    related = ("salon",)
    search_fields = ("salon__slug__iexact", "bookings__reference__iexact")
    search_help_text = _("The salon's short name, or a booking's reference")
    fields = (
        name("salon", _("salon")),
        "title_ar",
        "title_en",
        "state",
        "starts_at",
        "ends_at",
        "capacity",
        "seats_taken",
        "seats_confirmed",
        "minimum_seats",
        "decide_by",
        "decided_at",
        "is_closing",
        "ended_at",
        "end_reason",
        "version",
        code("pk", _("ID")),
    )
