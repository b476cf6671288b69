"""Offering time that came free to whoever waits for it: first come, first served, one person after the other."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from backend.accounts.operations import SessionRevoked
from backend.bookings import messages
from backend.bookings.availability import Slot, Span, ceil_minute, floor_minute, moment_of
from backend.bookings.models import Claim, FreedTime, WaitedDay, WaitlistEntry, WaitlistState
from backend.bookings.operations.claiming import hold_rules
from backend.bookings.operations.creating import check_audience
from backend.bookings.operations.expiring import clear_dead_claims
from backend.bookings.operations.freeing import by_day, end_wait
from backend.bookings.operations.opening import note_what_opened
from backend.bookings.operations.seating import Seating, lock_calendars_for, seating_of
from backend.bookings.operations.waitlist import lock_entry
from backend.bookings.queries import SalonRules, Visit, Wish, free_slots, look_at, plan_visit
from backend.bookings.refusals import MenOnly, SalonNotLive, WomenOnly
from backend.core.errors import NotFound, ValidationFailed
from backend.core.postgres.rows import insert
from backend.core.purge import purge
from backend.salons.timetable import instant

logger = logging.getLogger("mawid.bookings")

BATCH = 100
MOST_AT_ONCE = 1000
"""Of one round: what is left is taken up by the next."""
MOST_OVERTAKEN = 50
"""Likewise, where others are always quicker."""
SHORTEST_OFFER = timedelta(minutes=5)
KEPT_FOR = timedelta(days=90)
"""Since the day waited for."""
_OVER_EVERYWHERE = timedelta(days=2)


class _Overtaken(Exception):
    """What was free when it was looked at is taken now: give back all locks and look again."""


def offer_freed(now: datetime, *, salon_id: uuid.UUID | None = None) -> int:
    """Offer time that came free, at all salons or one; safe on many machines at once. Returns how many offers.

    Each offer is a transaction of its own. Freed time is offered until nobody who waits fits what is left of it, and
    then it is anybody's.
    """
    rows = FreedTime.objects.filter(due_at__lte=now).order_by("due_at", "id")
    if salon_id is not None:
        rows = rows.filter(salon=salon_id)
    made = overtaken = 0
    for _ in range(MOST_AT_ONCE):
        try:
            with transaction.atomic():
                freed = rows.select_related("salon").select_for_update(skip_locked=True, of=("self",)).first()
                if freed is None:
                    break
                due_at = by_day(freed.salon, now)
                if due_at > now:  # nothing ran before the night began
                    freed.due_at = due_at
                    freed.save(update_fields=["due_at"])
                elif _offer_once(freed, now):
                    made += 1
                else:
                    freed.delete()
        except _Overtaken:
            overtaken += 1
            if overtaken == MOST_OVERTAKEN:
                break
    return made


def offer_promptly(now: datetime, *, salon_id: uuid.UUID) -> None:
    """The same at one salon, as soon as time came free or hours changed; where this fails `finish_waitlist` follows."""
    try:
        note_what_opened(now, salon_id=salon_id)
        offer_freed(now, salon_id=salon_id)
    except Exception:
        logger.exception("offering freed time failed", extra={"salon_id": str(salon_id)})


def finish_waitlist(now: datetime) -> int:
    """Close offers that ran out and waits that are over, and offer what came free. Returns how many of all these."""
    closed = _close_offers(now) + _close_waits(now)
    note_what_opened(now)
    return closed + offer_freed(now)


def purge_waitlist(now: datetime) -> int:
    """Delete places on lists of days long gone, and the days that are over everywhere. Returns how many rows."""
    over = WaitedDay.objects.filter(date__lt=(now - _OVER_EVERYWHERE).date())
    return purge(WaitlistEntry.objects.filter(over_at__lt=now - KEPT_FOR)) + purge(over)


def _close_offers(now: datetime) -> int:
    total = 0
    while True:
        with transaction.atomic():
            lapsed = list(
                WaitlistEntry.objects.filter(state=WaitlistState.OFFERED, expires_at__lte=now)
                .select_related("salon")
                .order_by("pk")
                .select_for_update(skip_locked=True, no_key=True, of=("self",))[:BATCH]
            )
            for entry in lapsed:
                end_wait(entry, WaitlistState.PASSED, now=now)
        total += len(lapsed)
        if len(lapsed) < BATCH:
            return total


def _close_waits(now: datetime) -> int:
    total = 0
    while True:
        with transaction.atomic():
            over = list(
                WaitlistEntry.objects.filter(state=WaitlistState.WAITING, over_at__lte=now)
                .order_by("pk")
                .select_for_update(skip_locked=True, no_key=True)[:BATCH]
            )
            for entry in over:
                end_wait(entry, WaitlistState.EXPIRED, now=now)
        total += len(over)
        if len(over) < BATCH:
            return total


def _offer_once(freed: FreedTime, now: datetime) -> bool:
    """Offer some of this time to the first who wants it. False when nobody does."""
    try:
        rules = hold_rules(freed.salon_id)
    except SalonNotLive:
        return False
    zone = rules.salon.zone
    # A visit into the freed time may begin the evening before.
    days = (
        freed.starts_at.astimezone(zone).date() - timedelta(days=1),
        freed.ends_at.astimezone(zone).date(),
    )
    waiting = (
        WaitlistEntry.objects.filter(
            salon=freed.salon_id, state=WaitlistState.WAITING, over_at__gt=now, date__range=days
        )
        .select_related("customer")
        .order_by("joined_at", "id")
    )
    free = _Free(rules, freed, now)
    return any(
        _offer(entry, visit, start, freed, now)
        for entry in waiting.iterator(chunk_size=BATCH)
        for visit, start in free.starts_for(entry)
    )


@dataclass
class _Free:
    """What is free now, and takes of the freed time; each wish is looked up once."""

    rules: SalonRules
    freed: FreedTime
    now: datetime
    known: dict[tuple[uuid.UUID, uuid.UUID | None, date], tuple[Visit, Sequence[int]] | None] = field(
        default_factory=dict
    )

    def starts_for(self, entry: WaitlistEntry) -> Iterator[tuple[Visit, int]]:
        """The starts that suit an entry, those inside the freed time first, then the nearest before it."""
        wish = entry.service_id, entry.staff_member_id, entry.date
        if wish not in self.known:
            self.known[wish] = self._look(*wish)
        found = self.known[wish]
        if found is None:
            return
        visit, starts = found
        zone = self.rules.salon.zone
        first = instant(zone, entry.date, entry.from_minute or 0)
        over = floor_minute(entry.over_at)
        for start in starts:
            if first <= start < over:
                yield visit, start

    def _look(
        self, service_id: uuid.UUID, staff_id: uuid.UUID | None, day: date
    ) -> tuple[Visit, Sequence[int]] | None:
        try:
            visit = plan_visit(self.rules, [Wish(service_id, staff_id)])
        except ValidationFailed:
            return None  # no longer sold, or by somebody who has left
        slots = free_slots(visit, from_date=day, days=1, now=self.now)
        begins = floor_minute(self.freed.starts_at)
        starts = [slot.starts for slot in slots if takes_of(self.freed, visit, slot)]
        return visit, sorted(starts, key=lambda start: (start < begins, abs(start - begins)))


def takes_of(freed: FreedTime, visit: Visit, slot: Slot[uuid.UUID]) -> bool:
    """Whether whoever or whatever came free can serve the visit then, and would use some of the freed time."""
    [step] = visit.steps
    begins, ends = floor_minute(freed.starts_at), ceil_minute(freed.ends_at)
    return any(
        freed.owner in able and _meets(step.held(need.kind), slot.starts, begins, ends)
        for need, able in zip(step.needs, slot.able[0], strict=True)
    )


def _meets(held: Sequence[Span], start: int, begins: int, ends: int) -> bool:
    return any(start + since < ends and start + until > begins for since, until in held)


def _offer(entry: WaitlistEntry, visit: Visit, start: int, freed: FreedTime, now: datetime) -> bool:
    """Hold this start for an entry and tell its customer. False where it is not for them.

    Raises _Overtaken when somebody else took it, or the customer did something else, after it was looked at.
    """
    starts_at = moment_of(start)
    notice = timedelta(minutes=visit.notice_minutes)
    expires_at = min(now + timedelta(minutes=settings.WAITLIST_OFFER_MINUTES), starts_at - notice)
    if expires_at - now < SHORTEST_OFFER or not _is_for(entry, visit, starts_at, now):
        return False
    calendars = lock_calendars_for(visit, customer=entry.customer)
    try:
        locked = lock_entry(WaitlistEntry.objects.filter(state=WaitlistState.WAITING), entry.pk)
        slot, _ = look_at(visit, starts_at, now=now, customer=entry.customer)
    except (NotFound, SessionRevoked) as error:
        raise _Overtaken from error
    if slot is None or not takes_of(freed, visit, slot) or _holds_another(entry):
        raise _Overtaken
    seating = seating_of(visit, slot, lambda one: one != freed.owner)
    locked.state = WaitlistState.OFFERED
    locked.version += 1
    locked.offered_at, locked.expires_at = now, expires_at
    locked.starts_at, locked.ends_at = starts_at, moment_of(slot.ends)
    locked.offered_staff_member_id = seating.seats[0].staff_id
    locked.save(
        update_fields=[
            "state",
            "version",
            "offered_at",
            "expires_at",
            "starts_at",
            "ends_at",
            "offered_staff_member",
        ]
    )
    _hold(locked, seating, calendars.ids, business_date=slot.business_date, now=now)
    messages.tell_offer(locked, customer=entry.customer, now=now)
    return True


def _is_for(entry: WaitlistEntry, visit: Visit, starts_at: datetime, now: datetime) -> bool:
    """Whether this customer may be offered this start: they suit the salon, are free then, and hold no other offer."""
    try:
        check_audience(visit.salon, entry.customer)
        slot, _ = look_at(visit, starts_at, now=now, customer=entry.customer)
    except (WomenOnly, MenOnly, SessionRevoked):
        return False
    return slot is not None and not _holds_another(entry)


def _holds_another(entry: WaitlistEntry) -> bool:
    """Whether the customer holds an offer of this salon and day already: one at a time."""
    return WaitlistEntry.objects.filter(
        customer=entry.customer_id, salon=entry.salon_id, date=entry.date, state=WaitlistState.OFFERED
    ).exists()


def _hold(
    entry: WaitlistEntry,
    seating: Seating,
    calendar_ids: Mapping[uuid.UUID, int],
    *,
    business_date: date,
    now: datetime,
) -> None:
    """Claim the offered time on locked calendars; the customer's own stays free until they accept.

    Raises _Overtaken when the constraint knows better than the question did.
    """
    assert entry.expires_at is not None
    staff_id = seating.seats[0].staff_id
    to_count = True
    claims = []
    for owner, (begins, ends) in seating.taken:
        counts = to_count and owner == staff_id
        to_count = to_count and not counts
        claims.append(
            Claim(
                calendar_id=calendar_ids[owner],
                waitlist_entry=entry,
                starts_at=moment_of(begins),
                ends_at=moment_of(ends),
                business_date=business_date if counts else None,
                expires_at=entry.expires_at,
            )
        )
    clear_dead_claims(
        [claim.calendar_id for claim in claims],
        starts_at=min(claim.starts_at for claim in claims),
        ends_at=max(claim.ends_at for claim in claims),
        now=now,
    )
    if insert(claims, ignore_conflicts=True) < len(claims):
        raise _Overtaken
