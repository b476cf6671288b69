"""A salon in numbers, from what its bookings say. Each question is one statement, whatever there is.

Days are business dates. A visit took place when the salon completed it, or when it was confirmed and its time is over
with nobody saying otherwise, as in the client book.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet

from backend.bookings.availability import floor_minute, moment_of
from backend.bookings.models import Booking, BookingState
from backend.bookings.queries.calendar import present_within
from backend.bookings.queries.standing import CANCELLED_LATE, MISSED, with_cancelling
from backend.salons.models import Rental, Salon, StaffMember
from backend.salons.queries.timetables import timetable_of
from backend.salons.timetable.minutes import without

BOOKED_AGAIN_WITHIN = timedelta(days=60)
"""Long enough for a colour to grow out."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rate:
    """So many of so many."""

    count: int
    of: int

    @property
    def basis_points(self) -> int | None:
        """Hundredths of a percent, half rounded up; None of nothing."""
        return (self.count * 20_000 + self.of) // (2 * self.of) if self.of else None


@dataclass(frozen=True)
class Arrivals:
    """Of one day: who has come, and who is confirmed, has not come, and whose time is not over."""

    arrived: int
    expected: int
    next_at: datetime | None


@dataclass(frozen=True)
class VisitFigures:
    """`no_shows` of the visits that were due, `late_cancellations` of those and what was cancelled late.

    Clients are accounts, and guests known by a number, with a visit that took place: `new_clients` had none here
    before their first of these days. `rebooked` have another booking, neither cancelled, declined nor expired, that
    starts after that first visit and was made before it ended or within BOOKED_AGAIN_WITHIN after.
    """

    took_place: int
    no_shows: Rate
    late_cancellations: Rate
    new_clients: int
    returning_clients: int
    rebooked: Rate


def arrivals_on(salon: Salon, day: date, *, now: datetime) -> Arrivals:
    """Who comes on a business date."""
    expected = Q(state=BookingState.CONFIRMED, arrived_at=None, ends_at__gt=now)
    counted = _on(salon, day, day).aggregate(
        arrived=Count("pk", filter=Q(arrived_at__isnull=False)),
        expected=Count("pk", filter=expected),
        next_at=Min("starts_at", filter=expected & Q(starts_at__gt=now)),
    )
    return Arrivals(**counted)


def visit_figures(salon: Salon, *, from_date: date, to_date: date, now: datetime) -> VisitFigures:
    """What became of the visits of these days, both included, and of their clients: two questions."""
    took_place = Q(state=BookingState.COMPLETED) | Q(state=BookingState.CONFIRMED, ends_at__lte=now)
    counted = with_cancelling(_on(salon, from_date, to_date)).aggregate(
        took_place=Count("pk", filter=took_place),
        missed=Count("pk", filter=MISSED),
        late=Count("pk", filter=CANCELLED_LATE),
    )
    due = counted["took_place"] + counted["missed"]
    begins, ends = _around(salon, from_date, to_date)
    with connection.cursor() as cursor:
        cursor.execute(
            _CLIENTS,
            {
                "salon": salon.pk,
                "begins": begins,
                "ends": ends,
                "from": from_date,
                "to": to_date,
                "now": now,
                "days": BOOKED_AGAIN_WITHIN.days,
            },
        )
        clients, new, rebooked = cursor.fetchone()
    return VisitFigures(
        took_place=counted["took_place"],
        no_shows=Rate(counted["missed"], due),
        late_cancellations=Rate(counted["late"], due + counted["late"]),
        new_clients=new,
        returning_clients=clients - new,
        rebooked=Rate(rebooked, clients),
    )


_CLIENTS = """
WITH client AS (
    SELECT customer_id, CASE WHEN customer_id IS NULL THEN guest_phone END AS guest,
           min(starts_at) AS first_at, min(ends_at) AS first_ends_at
      FROM bookings_booking
     WHERE salon_id = %(salon)s AND starts_at >= %(begins)s AND starts_at < %(ends)s
       AND business_date BETWEEN %(from)s AND %(to)s
       AND (state = 'completed' OR state = 'confirmed' AND ends_at <= %(now)s)
       AND (customer_id IS NOT NULL OR guest_phone <> '')
     GROUP BY 1, 2
)
SELECT count(*),
       count(*) FILTER (WHERE NOT CASE WHEN guest IS NULL
           THEN EXISTS (SELECT FROM bookings_booking b WHERE b.customer_id = client.customer_id AND {earlier})
           ELSE EXISTS (SELECT FROM bookings_booking b WHERE {guest} AND {earlier}) END),
       count(*) FILTER (WHERE CASE WHEN guest IS NULL
           THEN EXISTS (SELECT FROM bookings_booking b WHERE b.customer_id = client.customer_id AND {again})
           ELSE EXISTS (SELECT FROM bookings_booking b WHERE {guest} AND {again}) END)
  FROM client
""".format(  # noqa: S608  our own words
    guest="b.customer_id IS NULL AND b.guest_phone = client.guest AND b.guest_phone <> ''",
    earlier="b.salon_id = %(salon)s AND b.starts_at < client.first_at"
    " AND (b.state = 'completed' OR b.state = 'confirmed' AND b.ends_at <= %(now)s)",
    again="b.salon_id = %(salon)s AND b.starts_at > client.first_at"
    " AND b.created_at <= client.first_ends_at + make_interval(days => %(days)s)"
    " AND (b.state IN ('confirmed', 'completed', 'no_show')"
    " OR b.state = 'requested' AND b.respond_by > %(now)s"
    " OR b.state = 'held' AND b.hold_expires_at > %(now)s)",
)


def occupancy(salon: Salon, *, from_date: date, to_date: date, now: datetime) -> Mapping[date, Rate]:
    """Minutes of the salon's people that bookings and sessions take, of those in which they can be booked.

    Each of the days, in order; buffers count. What can be booked is reckoned as the engine does, by the rules of today
    and for the people of today: hours without closures, pauses for prayer and absences. More than all is taken on a
    day on which visits were added on purpose, or whose hours were changed since.
    """
    begins, ends = _around(salon, from_date, to_date)
    asked: dict[str, Any] = {
        "salon": salon.pk,
        "begins": begins,
        "ends": ends,
        "from": from_date,
        "to": to_date,
        "now": now,
    }
    timetable = timetable_of(salon)
    taken: Counter[date] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, asked)
        taken.update(dict(cursor.fetchall()))
        cursor.execute(_TAKEN_BY_SESSIONS, asked)
        for starts_at, minutes in cursor.fetchall():
            taken[timetable.business_date(floor_minute(starts_at))] += minutes
    people = StaffMember.objects.filter(salon=salon, is_active=True).values_list("pk", flat=True)
    staff = list(people)
    found = {}
    day = from_date
    while day <= to_date:
        hours = timetable.openings(day)
        if not timetable.services_may_span_pauses:
            hours = tuple(without(hours, [p for span in hours for p in timetable.pauses(*span)]))
        present = (span for who in staff for span in present_within(hours, who, timetable))
        found[day] = Rate(taken[day], sum(ends - starts for starts, ends in present))
        day += _DAY
    return found


def let_occupancy(salon: Salon, *, from_date: date, to_date: date, now: datetime) -> Rate:
    """Minutes of what the salon lets by itself that are taken, by rentals, visits or sessions, of those it is there.

    Inside the salon's hours of these days, by the rules of today: the nights that a rental lasts are on neither side.
    """
    timetable = timetable_of(salon)
    let = Rental.objects.filter(salon=salon, is_active=True, resource__is_active=True)
    things = list(let.values_list("resource", flat=True))
    days = ((to_date - from_date).days + 1) if things else 0
    hours = [span for ahead in range(days) for span in timetable.openings(from_date + ahead * _DAY)]
    present = (span for thing in things for day in hours for span in present_within((day,), thing, timetable))
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKEN_OF_THINGS,
            {
                "begins": [moment_of(begins) for begins, _ in hours],
                "ends": [moment_of(ends) for _, ends in hours],
                "things": things,
                "now": now,
            },
        )
        taken = cursor.fetchone()[0]
    return Rate(taken, sum(ends - begins for begins, ends in present))


_TAKEN = """
SELECT b.business_date, (sum(extract(epoch FROM c.ends_at - c.starts_at)) / 60)::bigint
  FROM bookings_booking b
  JOIN bookings_claim c ON c.booking_id = b.id
  JOIN bookings_calendar k ON k.id = c.calendar_id
 WHERE b.salon_id = %(salon)s AND b.starts_at >= %(begins)s AND b.starts_at < %(ends)s
   AND b.business_date BETWEEN %(from)s AND %(to)s AND k.staff_member_id IS NOT NULL
   AND c.is_active AND (c.expires_at IS NULL OR c.expires_at > %(now)s)
 GROUP BY 1
"""
_TAKEN_BY_SESSIONS = """
SELECT s.starts_at, (sum(extract(epoch FROM c.ends_at - c.starts_at)) / 60)::bigint
  FROM bookings_session s
  JOIN bookings_claim c ON c.session_id = s.id
  JOIN bookings_calendar k ON k.id = c.calendar_id
 WHERE s.salon_id = %(salon)s AND s.starts_at >= %(begins)s AND s.starts_at < %(ends)s
   AND k.staff_member_id IS NOT NULL AND c.is_active
 GROUP BY s.id
"""
_TAKEN_OF_THINGS = """
SELECT coalesce(
           sum(extract(epoch FROM least(c.ends_at, h.ends) - greatest(c.starts_at, h.begins))) / 60, 0)::bigint
  FROM unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS h (begins, ends)
  JOIN bookings_calendar k ON k.resource_id = ANY (%(things)s::uuid[])
  JOIN bookings_claim c ON c.calendar_id = k.id
 WHERE c.is_active AND (c.expires_at IS NULL OR c.expires_at > %(now)s)
   AND c.starts_at < h.ends AND c.ends_at > h.begins
   AND c.ends_at < h.ends + interval '24 hours'  -- no claim is longer, so the index is not read to its end
"""


def _on(salon: Salon, first: date, last: date) -> QuerySet[Booking]:
    begins, ends = _around(salon, first, last)
    return Booking.objects.filter(
        salon=salon, starts_at__gte=begins, starts_at__lt=ends, business_date__range=(first, last)
    )


def _around(salon: Salon, first: date, last: date) -> tuple[datetime, datetime]:
    """An end of the index by which a salon's bookings are found: a business date reaches into the next day."""
    zone: Any = salon.zone
    return (
        datetime.combine(first - _DAY, time(), tzinfo=zone),
        datetime.combine(last + 2 * _DAY, time(), tzinfo=zone),
    )
