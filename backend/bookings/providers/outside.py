"""Reading somebody's own calendar where it is kept: an iCal address, or a CalDAV collection (RFC 4791)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from django.conf import settings

from backend.bookings.availability import Span
from backend.bookings.providers.ical import CalendarTooBusy, CalendarUnreadable, busy_times
from backend.core.fetching import Fetched, FetchFailed, fetch

LONGEST_VALIDATOR = 200
_UTC_STAMP = "%Y%m%dT%H%M%SZ"
_CALENDAR_DATA = "{urn:ietf:params:xml:ns:caldav}calendar-data"
_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
  <D:prop><C:calendar-data/></D:prop>
  <C:filter>
    <C:comp-filter name="VCALENDAR">
      <C:comp-filter name="VEVENT"><C:time-range start="{begins}" end="{ends}"/></C:comp-filter>
    </C:comp-filter>
  </C:filter>
</C:calendar-query>
"""


class ReadFailed(Exception):
    """The calendar could not be read. `code` is one of `backend.bookings.models.ReadError`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Place:
    """Where a calendar is kept, and what opens it. Never logged, never shown whole."""

    url: str
    is_caldav: bool = False
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Place({urlsplit(self.url).hostname!r})"


@dataclass(frozen=True)
class Reading:
    """`spans` are absolute minutes, in order and apart; None where the calendar is as it was read before."""

    spans: list[Span] | None
    etag: str = ""
    last_modified: str = ""


def own_host() -> str:
    """What the UIDs of our own feeds end in: those events are never read back."""
    return urlsplit(settings.PUBLIC_BASE_URL).hostname or "mawid"


def read(
    place: Place,
    *,
    begins: datetime,
    ends: datetime,
    zone: ZoneInfo,
    etag: str = "",
    last_modified: str = "",
) -> Reading:
    """When a calendar is busy in [begins, ends). `etag` and `last_modified` are those of what is already known.

    Raises ReadFailed.
    """
    try:
        answer = _report(place, begins, ends) if place.is_caldav else _get(place, etag, last_modified)
        if answer.status == 304 and (etag or last_modified):
            return Reading(None, etag, last_modified)
        _refuse_status(answer.status)
        data = _calendars_in(answer) if place.is_caldav else answer.body
        known = {} if place.is_caldav else answer.headers
        return Reading(
            # A collection without events has nothing to say, while a file has at least its own frame.
            []
            if place.is_caldav and not data
            else busy_times(data, zone=zone, begins=begins, ends=ends, own_host=own_host()),
            etag=_short(known.get("etag")),
            last_modified=_short(known.get("last-modified")),
        )
    except FetchFailed as error:
        raise ReadFailed(error.code) from error
    except CalendarUnreadable as error:
        raise ReadFailed("calendar_unreadable") from error
    except CalendarTooBusy as error:
        raise ReadFailed("calendar_too_busy") from error


def _get(place: Place, etag: str, last_modified: str) -> Fetched:
    conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return _fetch(place, headers={name: value for name, value in conditions.items() if value})


def _report(place: Place, begins: datetime, ends: datetime) -> Fetched:
    query = _QUERY.format(begins=_stamp(begins), ends=_stamp(ends))
    headers = {"Depth": "1", "Content-Type": 'application/xml; charset="utf-8"'}
    return _fetch(place, method="REPORT", body=query.encode(), headers=headers)


def _fetch(place: Place, *, headers: Mapping[str, str], method: str = "GET", body: bytes = b"") -> Fetched:
    return fetch(
        place.url,
        method=method,
        body=body,
        headers=headers,
        credentials=(place.username, place.password) if place.username else None,
        allow_loopback=settings.OUTSIDE_CALENDARS_ALLOW_LOOPBACK,
    )


def _refuse_status(status: int) -> None:
    if status in (401, 403):
        raise ReadFailed("sign_in_refused")
    if status in (404, 410):
        raise ReadFailed("calendar_gone")
    if status not in (200, 207):
        raise ReadFailed("answer_refused")


def _calendars_in(answer: Fetched) -> bytes:
    """The calendars of a multistatus, one after another."""
    try:
        root = fromstring(answer.body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise CalendarUnreadable from error
    if root.tag != "{DAV:}multistatus":
        raise CalendarUnreadable
    return "\r\n".join((found.text or "").strip() for found in root.iter(_CALENDAR_DATA)).strip().encode()


def _short(header: str | None) -> str:
    """A validator worth keeping. Without one the calendar is read whole each time."""
    return header if header and len(header) <= LONGEST_VALIDATOR and header.isascii() else ""


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_UTC_STAMP)
