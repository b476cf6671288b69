"""Taking time: rules held still, calendars locked in one order, dead holds aside, the constraint has the last word."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from backend.bookings.models import LANES, LONGEST_CLAIM, Calendar, Claim
from backend.bookings.operations.expiring import clear_dead_claims
from backend.bookings.queries import SalonRules, rules_at
from backend.bookings.refusals import SalonNotLive, SlotUnavailable
from backend.core.postgres.base import Later, binary_cursor, later
from backend.core.postgres.rows import insert, insert_together
from backend.salons.models import SalonStatus

NO_OVERLAP = "claim_no_overlap"


_HOLD = """
    SELECT status, catalogue_version, nextval('bookings_reference') FROM salons_salon WHERE id = %s FOR SHARE
"""


def hold_rules(salon_id: uuid.UUID) -> SalonRules:
    """The salon's rules, which nobody can change until the transaction ends; other bookings pass.

    Whoever changes them locks the same row (`salons.operations.editing`), so a closure sees the bookings made before
    it and a booking the closures. Always the first lock. Raises SalonNotLive where nothing new may be booked.
    """
    return hold_rules_and_number(salon_id)[0]


def hold_rules_and_number(salon_id: uuid.UUID) -> tuple[SalonRules, int]:
    """The same, and the number of a booking to be (`reference.reference_of`). Raises SalonNotLive."""
    with binary_cursor() as cursor:
        cursor.execute(_HOLD, [salon_id])
        row = cursor.fetchone()
    if row is None or row[0] != SalonStatus.LIVE:
        raise SalonNotLive
    return rules_at(salon_id, version=row[1]), int(row[2])


@dataclass(frozen=True)
class Calendars:
    """Locked calendars: their ids by owner, and by (staff member, lane) those that take visits added on purpose.

    `last_taken` is when an owner was last booked, on whichever lane.
    """

    ids: Mapping[Any, int]
    lanes: dict[tuple[uuid.UUID, int], int]
    last_taken: Mapping[Any, datetime]


_WANTED = """(staff_member_id = ANY(%(staff)s::uuid[]) OR resource_id = ANY(%(resources)s::uuid[])
               OR customer_id = %(customer)s::uuid)"""
_LOCKING = f"""
    SELECT id, coalesce(staff_member_id, resource_id, customer_id), lane, last_taken_at FROM bookings_calendar
     WHERE {_WANTED} {{only}}
     ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608  our own words
_LOCK = _LOCKING.format(only="")
_LOCK_ALL_OR_NONE = _LOCKING.format(
    only=f"AND (SELECT count(*) FROM bookings_calendar WHERE lane = 0 AND {_WANTED}) = %(wanted)s"  # noqa: S608
)


@dataclass(frozen=True)
class Locking:
    """Calendars that are locked by the transaction's next statement, if every one of them exists."""

    wanted: Mapping[str, Any]
    answer: Later

    def calendars(self) -> Calendars | None:
        """The locked ones; None when one has never been used, and none is locked."""
        rows = self.answer.fetchall()
        return _calendars(rows) if rows or not self.wanted["wanted"] else None


def ask_for_calendars(
    *, staff_ids: Collection[uuid.UUID], resource_ids: Collection[uuid.UUID] = (), customer: Any = None
) -> Locking:
    """Have these people's and things' calendars locked before the transaction's next statement is answered."""
    wanted = {
        "staff": list(staff_ids),
        "resources": list(resource_ids),
        "customer": customer.pk if customer is not None else None,
        "wanted": len(set(staff_ids)) + len(set(resource_ids)) + (customer is not None),
    }
    return Locking(wanted, later(_LOCK_ALL_OR_NONE, wanted))


def lock_calendars(
    *, staff_ids: Collection[uuid.UUID], resource_ids: Collection[uuid.UUID] = (), customer: Any = None
) -> Calendars:
    """Lock these people's and things' calendars until the transaction ends.

    Overlapping inserts under an exclusion constraint deadlock against each other (seen: 31 of 300 rounds, losers
    wait for seconds). Whoever locks in id order first queues instead. Rows are made on first use, by somebody who
    holds none of them yet: two who need one old row and one new would else wait for each other.
    """
    asked = ask_for_calendars(staff_ids=staff_ids, resource_ids=resource_ids, customer=customer)
    return asked.calendars() or first_use(asked)


def first_use(asked: Locking) -> Calendars:
    """Make the calendars that do not exist yet, and lock all that were asked for."""
    with binary_cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bookings_calendar (staff_member_id, resource_id, customer_id)
            SELECT unnest(%(staff)s::uuid[]), NULL::uuid, NULL::uuid
            UNION ALL SELECT NULL, unnest(%(resources)s::uuid[]), NULL
            UNION ALL SELECT NULL, NULL, %(customer)s::uuid WHERE %(customer)s::uuid IS NOT NULL
            ORDER BY 1, 2, 3  -- in one order for everybody: two first uses wait for each other's new rows too
            ON CONFLICT DO NOTHING
            """,
            asked.wanted,
        )
        cursor.execute(_LOCK, asked.wanted)
        return _calendars(cursor.fetchall())


def _calendars(rows: Sequence[Any]) -> Calendars:
    last_taken: dict[Any, datetime] = {}
    for _, owner, _, at in rows:
        if at is not None:
            last_taken[owner] = max(at, last_taken.get(owner, at))
    return Calendars(
        ids={owner: calendar_id for calendar_id, owner, lane, _ in rows if lane == 0},
        lanes={(owner, lane): calendar_id for calendar_id, owner, lane, _ in rows if lane > 0},
        last_taken=last_taken,
    )


def lane_for(calendars: Calendars, staff_id: uuid.UUID, begins: datetime, ends: datetime) -> tuple[int, int]:
    """The first lane on which a person's calendar is free all that time, and its calendar. All are locked.

    Raises SlotUnavailable when none is left.
    """
    for lane in range(LANES + 1):
        calendar_id = calendars.ids[staff_id] if lane == 0 else calendars.lanes.get((staff_id, lane))
        if calendar_id is None:
            # Whoever had lane 0 before us may have made it while we waited; nobody makes it now.
            made, _ = Calendar.objects.get_or_create(staff_member_id=staff_id, lane=lane)
            calendar_id = calendars.lanes[staff_id, lane] = made.pk
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
    along: Sequence[Sequence[Model]] = (),
) -> None:
    """Take (calendar, start, end) spans for a booking, counting once for its day on each of the `counted` calendars.

    `along` are rows that are written with them, in the same statement: the booking itself, its items.

    Dead holds in the way are written down first. All of it or nothing: raises SlotUnavailable when one is already
    taken. The booking has no other claims on these calendars.
    """
    to_count = set(counted)
    claims = [
        Claim(
            calendar_id=calendar_id,
            booking_id=booking_id,
            starts_at=starts_at,
            ends_at=ends_at,
            business_date=_counted_once(calendar_id, business_date, to_count),
            expires_at=expires_at,
        )
        for calendar_id, starts_at, ends_at in _by_days(spans)
    ]
    calendars = list({claim.calendar_id for claim in claims})
    if insert_together(*along, ignoring_conflicts_of=claims, besides=(_TAKEN_NOW, [now, calendars])) < len(
        claims
    ):
        halves = Claim.objects.filter(booking_id=booking_id, calendar_id__in=calendars)
        halves.delete()
        begins, ends = min(claim.starts_at for claim in claims), max(claim.ends_at for claim in claims)
        clear_dead_claims(calendars, starts_at=begins, ends_at=ends, now=now)
        if insert(claims, ignore_conflicts=True) < len(claims):
            halves.delete()
            raise SlotUnavailable


_TAKEN_NOW = "UPDATE bookings_calendar SET last_taken_at = %s WHERE id = ANY(%s::bigint[])"


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
                   AND c.booking_id IS DISTINCT FROM own.booking_id
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
