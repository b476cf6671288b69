"""Places on waiting lists in the console: joined, offered and answered by people and the clock, never here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.bookings.models import WaitlistEntry
from backend.core.console import ReadOnlyAdmin, code, column, label, ltr, name, person
from backend.salons.api.present import clock

label(
    WaitlistEntry,
    _("place on a waiting list"),
    _("places on waiting lists"),
    choices=(N_("Waiting"), N_("Offered"), N_("Accepted"), N_("Passed"), N_("Left"), N_("Expired")),
    state=_("state"),
    salon=_("salon"),
    customer=_("customer"),
    service=_("service"),
    staff_member=_("staff member"),
    date=_("day"),
    joined_at=_("joined"),
    offered_at=_("offered"),
    starts_at=_("start on offer"),
    expires_at=_("expires"),
    booking=_("booking"),
    version=_("version"),
)


def _clock(path: str, text: Any) -> Any:
    return column(path, text, lambda minute: ltr(clock(minute)))


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(ReadOnlyAdmin[WaitlistEntry]):
    def name_of(self, obj: WaitlistEntry) -> str:
        return f"{obj.salon.name} {obj.date.isoformat()}"

    list_display = (
        "date",
        name("salon", _("salon")),
        name("service", _("service")),
        person("customer", _("customer")),
        "state",
        "joined_at",
        "starts_at",
    )
    list_filter = ("state",)
    ordering = ("-joined_at", "-id")
    related = ("salon", "service", "customer", "staff_member", "offered_staff_member", "booking")
    search_fields = ("booking__reference__iexact", "salon__slug__iexact")
    search_help_text = _("The salon's short name, or the reference of the booking it became")
    fields = (
        "date",
        name("salon", _("salon")),
        name("service", _("service")),
        name("staff_member", _("staff member")),
        _clock("from_minute", _("earliest start")),
        _clock("to_minute", _("latest start")),
        person("customer", _("customer")),
        "state",
        "joined_at",
        "offered_at",
        "starts_at",
        name("offered_staff_member", _("on offer by")),
        "expires_at",
        code("booking.reference", _("booking")),
        code("pk", _("ID")),
    )
