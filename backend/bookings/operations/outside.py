"""A staff member's calendar elsewhere: read now and then, its busy times taken like any other time (ADR 0024).

Its times stand in `OutsideTime` as the calendar tells them. What of them nobody else has is claimed, under the same
lock and the same constraint as a booking; what somebody has already is a conflict, for people to settle.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q

from backend.bookings import messages
from backend.bookings.availability import Span, ceil_minute, floor_minute, moment_of
from backend.bookings.models import (
    FAILING_AFTER,
    LONGEST_CLAIM,
    CalendarFeed,
    Claim,
    OutsideCalendar,
    OutsideTime,
    ReadError,
)
from backend.bookings.operations.claiming import lock_calendars
from backend.bookings.operations.expiring import clear_dead_claims
from backend.bookings.operations.freeing import by_day, note_opened
from backend.bookings.providers import outside
from backend.bookings.providers.outside import Place, ReadFailed, Reading
from backend.core.errors import NotFound, ValidationFailed
from backend.core.fetching import FetchFailed, checked_url
from backend.core.sealing import SealBroken, seal, unseal
from backend.salons.models import Salon, Service, StaffMember
from backend.salons.timetable.minutes import joined, without

LEASE = timedelta(minutes=1)
"""Longer than one reading can take; whoever dies while reading lets others in after it."""
LOOKS_BACK = timedelta(days=1)
MARGIN = timedelta(days=7)
"""Beyond the last day that can be booked: for so long an unchanged calendar need not be read again."""
LONGEST_WAIT = timedelta(hours=6)
"""Between two attempts at a calendar that keeps failing."""
TOLD_AFTER = timedelta(hours=6)
"""Without a reading, when people are told; at night the next failure by day tells them."""
MOST_AT_ONCE, SECONDS_AT_ONCE = 50, 40.0
"""Calendars of one round, and how long it may take: the other jobs of a tick wait behind it."""


def connect(
    *,
    staff_member: StaffMember,
    url: str,
    is_caldav: bool,
    username: str,
    password: str,
    now: datetime,
) -> OutsideCalendar:
    """Keep where a staff member's own calendar is, in place of what was known before. It is due at once.

    Times of another address stay taken until the new one has been read. Raises ValidationFailed for an address that
    cannot be used, and a password without a name.
    """
    try:
        url = checked_url(url, allow_loopback=settings.OUTSIDE_CALENDARS_ALLOW_LOOPBACK)
    except FetchFailed as error:
        code = "address_refused" if error.code == "address_refused" else "url_invalid"
        raise ValidationFailed.at("/url", code) from error
    if password and not username:
        raise ValidationFailed.at("/username", "field_required")
    kept = {
        "user_id": staff_member.user_id,
        "is_caldav": is_caldav,
        "host": (urlsplit(url).hostname or "")[:255],
        "sealed": seal(json.dumps({"url": url, "username": username, "password": password})),
        "etag": "",
        "last_modified": "",
        "created_at": now,
        "tried_at": None,
        "read_at": None,
        "covered_until": None,
        "failures": 0,
        "error": "",
        "next_read_at": now,
        "leased_until": None,
    }
    calendar, _ = OutsideCalendar.objects.update_or_create(
        staff_member=staff_member,
        defaults={**kept, "version": F("version") + 1},
        create_defaults={**kept, "version": 1},
    )
    calendar.refresh_from_db()
    return calendar


def disconnect(*, staff_member: StaffMember, now: datetime) -> None:
    """Forget a staff member's calendar and give back what it took. Nothing happens where there is none."""
    with transaction.atomic():
        calendar = _locked(Q(staff_member=staff_member))
        if calendar is not None:
            calendar.times.all().delete()
            _merge(calendar, now=now)
            calendar.delete()


def read_calendar(calendar_id: uuid.UUID, *, now: datetime) -> bool:
    """Read one calendar and take its busy times. False when somebody else is reading it or it is gone.

    Whatever goes wrong is written down on the calendar, and the times it told before stay taken. The network is used
    outside of any transaction.
    """
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    if not OutsideCalendar.objects.filter(free, pk=calendar_id).update(leased_until=now + LEASE):
        return False
    calendar = OutsideCalendar.objects.filter(pk=calendar_id).select_related("staff_member__salon").first()
    if calendar is None:
        return False
    salon = calendar.staff_member.salon
    needed = now + timedelta(days=_horizon(salon))
    known = calendar.covered_until is not None and calendar.covered_until >= needed
    try:
        reading = outside.read(
            _place(calendar),
            begins=now - LOOKS_BACK,
            ends=needed + MARGIN,
            zone=salon.zone,
            etag=calendar.etag if known else "",
            last_modified=calendar.last_modified if known else "",
        )
    except ReadFailed as failure:
        _write_failure(calendar, failure.code, now=now)
    else:
        _write_reading(calendar, reading, covers=needed + MARGIN, now=now)
    return True


_LEFT = Q(user__isnull=False) & (Q(staff_member__user=None) | ~Q(staff_member__user=F("user")))
"""Given by somebody whose account is no longer the staff member's: the address goes with them."""


def read_due(now: datetime) -> int:
    """Read the calendars whose turn it is, and take what has become free of those with conflicts."""
    began, done = time.monotonic(), 0
    for row in OutsideCalendar.objects.filter(_LEFT).select_related("staff_member"):
        disconnect(staff_member=row.staff_member, now=now)
    due = (
        OutsideCalendar.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now))
        .filter(next_read_at__lte=now, staff_member__is_active=True)
        .order_by("next_read_at", "pk")
    )
    for calendar_id in list(due.values_list("pk", flat=True)[:MOST_AT_ONCE]):
        if time.monotonic() - began > SECONDS_AT_ONCE:
            break
        done += read_calendar(calendar_id, now=now)
    claim_what_came_free(OutsideCalendar.objects.all(), now=now)
    return done


def claim_what_came_free(calendars: Any, *, now: datetime) -> None:
    """Take the time that these calendars' owners are busy at and somebody else has given back by now."""
    conflicting = calendars.filter(conflicts__gt=0).order_by("pk").values_list("pk", flat=True)
    for calendar_id in list(conflicting[:MOST_AT_ONCE]):
        with transaction.atomic():
            calendar = _locked(Q(pk=calendar_id))
            if calendar is not None:
                _merge(calendar, now=now)


def forget_calendars(person: Any, *, now: datetime) -> int:
    """Close the feeds and forget the calendars of somebody who leaves. Returns how many they were."""
    own = Q(user=person) | Q(staff_member__user=person)
    members = StaffMember.objects.filter(outside_calendar__in=OutsideCalendar.objects.filter(own))
    given = list(members.order_by("pk"))
    for member in given:
        disconnect(staff_member=member, now=now)
    return len(given) + CalendarFeed.objects.filter(own).delete()[0]


def calendar_of(staff_member: StaffMember) -> OutsideCalendar:
    """Raises NotFound."""
    found = OutsideCalendar.objects.filter(staff_member=staff_member).first()
    if found is None:
        raise NotFound
    return found


def _locked(wanted: Q) -> OutsideCalendar | None:
    rows = OutsideCalendar.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("staff_member__salon").filter(wanted).first()


def _horizon(salon: Salon) -> int:
    """Days ahead that anything at the salon can be booked."""
    longest = Service.objects.filter(salon=salon, is_active=True).aggregate(days=Max("horizon_days"))["days"]
    return max(salon.horizon_days, longest or 0) + 1


def _place(calendar: OutsideCalendar) -> Place:
    """Raises ReadFailed where the server's key has changed since the address was written down."""
    try:
        kept = json.loads(unseal(calendar.sealed))
    except SealBroken as error:
        raise ReadFailed(ReadError.SECRET_LOST) from error
    return Place(is_caldav=calendar.is_caldav, **kept)


def _write_failure(calendar: OutsideCalendar, code: str, *, now: datetime) -> None:
    wait = min(settings.OUTSIDE_CALENDARS_EVERY * 2 ** min(calendar.failures, 10), LONGEST_WAIT)
    since = calendar.read_at or calendar.created_at
    with transaction.atomic():
        written = OutsideCalendar.objects.filter(pk=calendar.pk, version=calendar.version).update(
            error=code,
            failures=F("failures") + 1,
            tried_at=now,
            next_read_at=now + max(wait, settings.OUTSIDE_CALENDARS_EVERY),
            leased_until=None,
        )
        is_day = by_day(calendar.staff_member.salon, now) == now
        if written and is_day and calendar.failures + 1 >= FAILING_AFTER and now - since >= TOLD_AFTER:
            messages.tell_calendar_failing(calendar, since=since, now=now)


def _write_reading(calendar: OutsideCalendar, reading: Reading, *, covers: datetime, now: datetime) -> None:
    with transaction.atomic():
        locked = _locked(Q(pk=calendar.pk, version=calendar.version))
        if locked is None:
            return  # taken away, or another address has come in its place
        if reading.spans is not None:
            _replace_times(locked, reading.spans)
            locked.covered_until = covers
        locked.etag, locked.last_modified = reading.etag, reading.last_modified
        locked.read_at = locked.tried_at = now
        locked.failures, locked.error = 0, ""
        locked.next_read_at = now + settings.OUTSIDE_CALENDARS_EVERY
        locked.leased_until = None
        locked.save(
            update_fields=[
                *("covered_until", "etag", "last_modified", "read_at", "tried_at"),
                *("failures", "error", "next_read_at", "leased_until"),
            ]
        )
        _merge(locked, now=now)


def _replace_times(calendar: OutsideCalendar, spans: Sequence[Span]) -> None:
    """Most readings bring what is known: only the difference is written."""
    wanted = set(spans)
    known = {_span(row): row.pk for row in calendar.times.all()}
    calendar.times.filter(pk__in=[pk for span, pk in known.items() if span not in wanted]).delete()
    OutsideTime.objects.bulk_create(
        OutsideTime(calendar=calendar, starts_at=moment_of(begins), ends_at=moment_of(ends))
        for begins, ends in sorted(wanted - known.keys())
    )


def _merge(calendar: OutsideCalendar, *, now: datetime) -> None:
    """Make the claims of a locked calendar what its times say, as far as nobody else has that time."""
    staff_id = calendar.staff_member_id
    calendar_id = lock_calendars(staff_ids=[staff_id]).ids[staff_id]
    busy = [_span(row) for row in calendar.times.filter(ends_at__gt=now).order_by("starts_at")]
    others = _taken_by_others(calendar, calendar_id, busy, now=now)
    wanted = set(_by_days(without(busy, others)))
    claims = {_span(claim): claim.pk for claim in calendar.claims.all()}
    gone = claims.keys() - wanted
    Claim.objects.filter(pk__in=[claims[span] for span in gone]).delete()
    Claim.objects.bulk_create(
        [
            Claim(
                calendar_id=calendar_id,
                outside_calendar=calendar,
                starts_at=moment_of(begins),
                ends_at=moment_of(ends),
            )
            for begins, ends in sorted(wanted - claims.keys())
        ],
        ignore_conflicts=True,
    )
    calendar.conflicts = sum(any(_meet(span, other) for other in others) for span in busy)
    calendar.save(update_fields=["conflicts"])
    minute = ceil_minute(now)
    freed = without(joined((max(begins, minute), ends) for begins, ends in gone), joined(wanted))
    if freed:
        note_opened(calendar.staff_member.salon, [(staff_id, span) for span in freed], now=now)


def _taken_by_others(
    calendar: OutsideCalendar, calendar_id: int, busy: Sequence[Span], *, now: datetime
) -> list[Span]:
    """What bookings and offers have of the time around `busy`, once those that have run out are written down."""
    if not busy:
        return []
    begins, ends = moment_of(busy[0][0]), moment_of(busy[-1][1])
    clear_dead_claims([calendar_id], starts_at=begins, ends_at=ends, now=now)
    claims = Claim.objects.filter(
        calendar_id=calendar_id, is_active=True, outside_calendar=None, starts_at__lt=ends, ends_at__gt=begins
    )
    return joined(_span(claim) for claim in claims)


def _span(row: OutsideTime | Claim) -> Span:
    return floor_minute(row.starts_at), ceil_minute(row.ends_at)


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


_DAY = int(LONGEST_CLAIM.total_seconds() // 60)


def _by_days(spans: Sequence[Span]) -> Iterator[Span]:
    """Claims are a day long at most. Cut where the days of the calendar are, so that a later look cuts alike."""
    for begins, ends in spans:
        while begins < ends:
            cut = min(ends, (begins // _DAY + 1) * _DAY)
            yield begins, cut
            begins = cut
