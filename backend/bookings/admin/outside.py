"""Calendars elsewhere in the console: how reading them goes. Addresses are shown to nobody."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from backend.bookings.models import OutsideCalendar
from backend.core.console import ReadOnlyAdmin, code, label, name

label(
    OutsideCalendar,
    _("calendar elsewhere"),
    _("calendars elsewhere"),
    staff_member=_("staff member"),
    is_caldav=_("CalDAV"),
    host=_("server"),
    created_at=_("given at"),
    tried_at=_("last attempt"),
    read_at=_("last success"),
    covered_until=_("read up to"),
    failures=_("failures in a row"),
    error=_("fault"),
    conflicts=_("conflicts"),
    next_read_at=_("next attempt"),
)


@admin.register(OutsideCalendar)
class OutsideCalendarAdmin(ReadOnlyAdmin[OutsideCalendar]):
    def name_of(self, obj: OutsideCalendar) -> str:
        return obj.host

    list_display = (
        code("host", _("server")),
        name("staff_member.salon", _("salon")),
        name("staff_member", _("staff member")),
        "failures",
        "error",
        "read_at",
        "conflicts",
    )
    list_filter = ("error",)
    ordering = ("-failures", "pk")
    related = ("staff_member__salon",)
    search_fields = ("host__iexact", "staff_member__salon__slug__iexact")
    search_help_text = _("The server, or the salon's short name")
    fields = (
        code("host", _("server")),
        "is_caldav",
        name("staff_member.salon", _("salon")),
        name("staff_member", _("staff member")),
        "created_at",
        "tried_at",
        "read_at",
        "covered_until",
        "failures",
        "error",
        "conflicts",
        "next_read_at",
        code("pk", _("ID")),
    )
