"""Taking time: rules held still, calendars locked in one order, dead holds aside, the constraint has the last word."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from backend.bookings.models import LANES, LONGEST_CLAIM, Calendar, Claim
from backend.bookings.queries import SalonRules, rules_of
from backend.bookings.refusals import SalonNotLive, SlotUnavailable
from backend.salons.models import Salon, SalonStatus

NO_OVERLAP = "claim_no_overlap"


def hold_rules(salon_id: uuid.UUID) -> SalonRules:
    """The salon's rules, which nobody can change until the transaction ends; other bookings pass.

    Whoever changes them locks the same row (`salons.operations.editing`), so a closure sees the bookings made before
    it and a booking the closures. Always the first lock. Raises SalonNotLive where nothing new may be booked.
    """
    rows = Salon.objects.raw("SELECT * FROM salons_salon WHERE id = %s FOR SHARE", [salon_id])
    salon = next(iter(rows), None)
    if salon is None or salon.status != SalonStatus.LIVE:
        raise SalonNotLive
    return rules_of(salon)


@dataclass(frozen=True)
class Calendars:
    """Locked calendars: their ids by owner, and by (staff member, lane) those that take visits added on purpose."""

    ids: Mapping[Any, int]
    lanes: dict[tuple[uuid.UUID, int], int]
    last_taken: Mapping[int, datetime]

    def owners(self) -> dict[int, Any]:
        """Whose each calendar is, lanes included."""
        whose = {calendar_id: owner for owner, calendar_id in self.ids.items()}
        return whose | {calendar_id: owner for (owner, _lane), calendar_id in self.lanes.items()}


def lock_calendars(
    *, staff_ids: Collection[uuid.UUID], resource_ids: Collection[uuid.UUID] = (), customer: Any = None
) -> Calendars:
    """Lock these people's and things' calendars until the transaction ends.

    Overlapping inserts under an exclusion constraint deadlock against each other (seen: 31 of 300 rounds, losers
    wait for seconds). Whoever locks in id order first queues instead. Rows are made on first use.
    """
    with connection.cursor() as cursor:
        parameters = {
            "staff": list(staff_ids),
            "resources": list(resource_ids),
            "customer": customer.pk if customer is not None else None,
        }
        select = """
            SELECT id, coalesce(staff_member_id, resource_id, customer_id), lane, last_taken_at FROM bookings_calendar
             WHERE staff_member_id = ANY(%(staff)s) OR resource_id = ANY(%(resources)s)
                OR customer_id = %(customer)s::uuid
             ORDER BY id FOR NO KEY UPDATE
        """
        cursor.execute(select, parameters)
        rows = cursor.fetchall()
        wanted = len(set(staff_ids)) + len(set(resource_ids)) + (customer is not None)
        if sum(lane == 0 for _, _, lane, _ in rows) < wanted:
            cursor.execute(
                """
                INSERT INTO bookings_calendar (staff_member_id, resource_id, customer_id)
                SELECT unnest(%(staff)s::uuid[]), NULL::uuid, NULL::uuid
                UNION ALL SELECT NULL, unnest(%(resources)s::uuid[]), NULL
                UNION ALL SELECT NULL, NULL, %(customer)s::uuid WHERE %(customer)s::uuid IS NOT NULL
                ORDER BY 1, 2, 3  -- in one order for everybody: two first uses wait for each other's new rows too
                ON CONFLICT DO NOTHING
                """,
                parameters,
            )
            cursor.execute(select, parameters)
            rows = cursor.fetchall()
    return Calendars(
        ids={owner: calendar_id for calendar_id, owner, lane, _ in rows if lane == 0},
        lanes={(owner, lane): calendar_id for calendar_id, owner, lane, _ in rows if lane > 0},
        last_taken={calendar_id: at for calendar_id, _, _, at in rows if at is not None},
    )


def lane_for(calendars: Calendars, staff_id: uuid.UUID, begins: datetime, ends: datetime) -> tuple[int, int]:
    """The first lane on which a person's calendar is free all that time, and its calendar. All are locked.

    Raises SlotUnavailable when none is left.
    """
    for lane in range(LANES + 1):
        calendar_id = calendars.ids[staff_id] if lane == 0 else calendars.lanes.get((staff_id, lane))
        if calendar_id is None:
            # Whoever else wants this person's lanes waits for lane 0.
            calendar_id = Calendar.objects.create(staff_member_id=staff_id, lane=lane).pk
            calendars.lanes[staff_id, lane] = calendar_id
            return lane, calendar_id
        taken = Claim.objects.filter(
            calendar_id=calendar_id, is_active=True, starts_at__lt=ends, ends_at__gt=begins
        )
        if not taken.exists():
            return lane, calendar_id
    raise SlotUnavailable


def lock_calendars_of(booking_id: uuid.UUID) -> None:
    """Lock the calendars a booking stands on, in the same order."""
    list(
        Calendar.objects.filter(pk__in=Claim.objects.filter(booking_id=booking_id).values("calendar_id"))
        .order_by("pk")
        .select_for_update(no_key=True)
    )


def insert_claims(
    *,
    booking_id: uuid.UUID,
    spans: Sequence[tuple[int, datetime, datetime]],
    expires_at: datetime | None,
    now: datetime,
    business_date: date | None = None,
    counted: Collection[int] = (),
) -> None:
    """Take (calendar, start, end) spans for a booking, counting once for its day on each of the `counted` calendars.

    Raises SlotUnavailable when one is already taken.
    """
    to_count = set(counted)
    try:
        with transaction.atomic():
            Claim.objects.bulk_create(
                Claim(
                    calendar_id=calendar_id,
                    booking_id=booking_id,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    business_date=_counted_once(calendar_id, business_date, to_count),
                    expires_at=expires_at,
                )
                for calendar_id, starts_at, ends_at in _by_days(spans)
            )
            Calendar.objects.filter(pk__in={calendar_id for calendar_id, _, _ in spans}).update(
                last_taken_at=now
            )
    except IntegrityError as error:
        if violated_constraint(error) != NO_OVERLAP:
            raise
        raise SlotUnavailable from error


def _by_days(spans: Iterable[tuple[int, datetime, datetime]]) -> Iterator[tuple[int, datetime, datetime]]:
    """The same time in claims of a day at most."""
    for calendar_id, starts_at, ends_at in spans:
        while ends_at - starts_at > LONGEST_CLAIM:
            yield calendar_id, starts_at, starts_at + LONGEST_CLAIM
            starts_at += LONGEST_CLAIM
        yield calendar_id, starts_at, ends_at


def _counted_once(calendar_id: int, day: date | None, to_count: set[int]) -> date | None:
    if calendar_id not in to_count:
        return None
    to_count.remove(calendar_id)
    return day


def retake_claims(booking_id: uuid.UUID) -> bool:
    """Take a dead booking's own time again, when nobody else has it. Its calendars are locked by the caller."""
    try:
        with transaction.atomic():
            Claim.objects.filter(booking_id=booking_id).update(is_active=True, expires_at=None)
    except IntegrityError as error:
        if violated_constraint(error) != NO_OVERLAP:
            raise
        return False
    return True


_FULL = """
    SELECT EXISTS (
        SELECT FROM bookings_claim own
          JOIN bookings_calendar k ON k.id = own.calendar_id
          JOIN salons_staffmember s ON s.id = k.staff_member_id
         WHERE own.booking_id = %(booking)s
           AND s.max_bookings_per_day <= (
                SELECT count(*) FROM bookings_claim c
                 WHERE c.calendar_id = own.calendar_id AND c.business_date = own.business_date
                   AND c.booking_id <> own.booking_id
                   AND c.is_active AND (c.expires_at IS NULL OR c.expires_at > %(now)s)
                   -- All of a business date, and an end of the index.
                   AND c.ends_at BETWEEN own.starts_at - interval '48 hours' AND own.starts_at + interval '72 hours'))
"""


def is_day_full(booking_id: uuid.UUID, *, now: datetime) -> bool:
    """Whether somebody who serves a booking has as many others on its day as they take. Its calendars are locked."""
    with connection.cursor() as cursor:
        cursor.execute(_FULL, {"booking": booking_id, "now": now})
        return bool(cursor.fetchone()[0])


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that refused a row."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)
