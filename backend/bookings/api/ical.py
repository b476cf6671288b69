"""Visits as iCalendar text (RFC 5545): what calendar apps subscribe to, and what one visit is added by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta

from django.utils.translation import get_language
from icalendar import Calendar, Event

from backend.bookings.api.vtimezone import vtimezone
from backend.bookings.providers.outside import own_host
from backend.bookings.queries.diary import Entry
from backend.salons.models import Salon

REFRESH = timedelta(minutes=30)
CONTENT_TYPE = "text/calendar; charset=utf-8"


def as_calendar(entries: Sequence[Entry], *, salon: Salon, name: str, for_customer: bool = False) -> bytes:
    """A calendar in the active language, the same bytes as long as nothing has changed.

    Times are in the salon's zone, which is described in the file. Somebody of the salon reads services and first
    names, a customer the services and the salon's name.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Mawid//Mawid//AR")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("x-wr-timezone", salon.timezone)
    if not for_customer:
        calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", REFRESH)
    if entries:
        years = [entry.starts_at.year for entry in entries]
        calendar.add_component(vtimezone(salon.timezone, min(years) - 1, max(years) + 1))
    place = _place(salon)
    for entry in entries:
        calendar.add_component(_event(entry, salon, place, for_customer=for_customer))
    return bytes(calendar.to_ical())


def _event(entry: Entry, salon: Salon, place: str, *, for_customer: bool) -> Event:
    in_arabic = (get_language() or "ar").startswith("ar")
    services = ("، " if in_arabic else ", ").join(entry.services_ar if in_arabic else entry.services_en)
    whom = salon.name if for_customer else entry.who
    event = Event()
    event.add("uid", f"{entry.id}@{own_host()}")
    event.add("sequence", entry.version)
    event.add("dtstamp", entry.changed_at.astimezone(UTC))
    event.add("last-modified", entry.changed_at.astimezone(UTC))
    event.add("dtstart", entry.starts_at.astimezone(salon.zone))
    event.add("dtend", entry.ends_at.astimezone(salon.zone))
    event.add("status", entry.status)
    event.add("summary", f"{services} - {whom}" if whom else services)
    event.add("location", place)
    event.add("transp", "TRANSPARENT" if entry.status == "CANCELLED" else "OPAQUE")
    return event


def _place(salon: Salon) -> str:
    parts = [salon.name, salon.address, salon.district.name if salon.district else "", salon.city.name]
    separator = "، " if (get_language() or "ar").startswith("ar") else ", "
    return separator.join(part for part in parts if part)
