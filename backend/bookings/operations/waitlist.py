"""Joining and leaving the waiting list, and answering its offers."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from backend.accounts.operations import SessionRevoked
from backend.accounts.queries import is_gone
from backend.bookings.availability import NeedKind, Reason, moment_of
from backend.bookings.models import WAITING_STATES, Booking, Claim, WaitlistEntry, WaitlistState
from backend.bookings.operations.claiming import hold_rules, lock_calendars
from backend.bookings.operations.creating import check_audience, create_booking
from backend.bookings.operations.freeing import end_wait
from backend.bookings.operations.opening import served_on, watch_day
from backend.bookings.operations.seating import lock_calendars_for
from backend.bookings.queries import SalonRules, Wish, plan_visit, with_rules
from backend.bookings.refusals import NoOffer, OfferExpired, ServiceUnavailable, WaitlistFull, refusal
from backend.core.errors import NotFound, ValidationFailed, VersionConflict
from backend.salons.models import Salon
from backend.salons.timetable import instant

MOST_WAITING = 10
"""Places one person may have at a time."""
_DAY_ENDS = 24 * 60


def join_waitlist(
    *,
    customer: Any,
    salon: Salon,
    wish: Wish,
    day: date,
    now: datetime,
    from_minute: int | None = None,
    to_minute: int | None = None,
) -> tuple[WaitlistEntry, bool]:
    """Wait for time at a live salon on a calendar day there; the entry, and whether it is new.

    Earliest and latest start are minutes after midnight. Somebody who waits for the same already keeps their place.
    Raises WaitlistFull, WomenOnly or MenOnly, ServiceUnavailable where nobody chosen performs the service, PastTime,
    TooSoon and TooFar where no start of that day could be booked any more or yet, and what `plan_visit` raises.
    """
    over_at, served = with_rules(
        salon,
        lambda rules: (
            _over_at(rules, customer, wish, day=day, to_minute=to_minute, now=now),
            served_on(rules, day),
        ),
    )
    with transaction.atomic():
        # One person's joining queues here, and behind it whoever deletes the account.
        lock_calendars(staff_ids=(), customer=customer)
        if is_gone(customer):
            raise SessionRevoked
        waiting = WaitlistEntry.objects.filter(customer=customer, state__in=WAITING_STATES, over_at__gt=now)
        entry = WaitlistEntry(
            salon=salon,
            customer=customer,
            service_id=wish.service_id,
            staff_member_id=wish.staff_member_id,
            date=day,
            from_minute=from_minute,
            to_minute=to_minute,
            over_at=over_at,
            joined_at=now,
        )
        live = list(waiting.order_by("joined_at", "id").select_for_update(no_key=True)[: MOST_WAITING + 1])
        for known in live:
            if _wish_of(known) == _wish_of(entry):
                if not known.is_lapsed(now):
                    return known, False
                end_wait(known, WaitlistState.PASSED, now=now)
                live.remove(known)
                break
        if len(live) >= MOST_WAITING:
            raise WaitlistFull(most=MOST_WAITING)
        entry.save(force_insert=True)
        watch_day(salon, day, served)
    return entry, True


def leave_waitlist(*, entries: QuerySet[WaitlistEntry], entry_id: uuid.UUID, now: datetime) -> None:
    """Give up a place, and with it an open offer. What has ended stays as it is. Raises NotFound."""
    with transaction.atomic():
        entry = lock_entry(entries, entry_id)
        if entry.state in WAITING_STATES:
            lapsed = entry.is_lapsed(now)
            end_wait(entry, WaitlistState.PASSED if lapsed else WaitlistState.LEFT, now=now)


def decline_offer(
    *, entries: QuerySet[WaitlistEntry], entry_id: uuid.UUID, now: datetime, version: int | None = None
) -> WaitlistEntry:
    """Let an offer pass to the next at once. Raises NotFound, VersionConflict, or NoOffer where there was none."""
    with transaction.atomic():
        entry = lock_entry(entries, entry_id)
        if entry.state == WaitlistState.PASSED:
            return entry
        if version is not None and entry.version != version:
            raise VersionConflict
        if entry.state != WaitlistState.OFFERED:
            raise NoOffer
        end_wait(entry, WaitlistState.PASSED, now=now)
        return entry


def accept_offer(
    *,
    entries: QuerySet[WaitlistEntry],
    entry_id: uuid.UUID,
    now: datetime,
    version: int | None = None,
    note: str = "",
    expected_total_minor: int | None = None,
) -> Booking:
    """Book the offered time: the claims of the offer become the booking's, in one transaction.

    Everything else is as `create_booking` decides and raises. Raises NotFound, VersionConflict, NoOffer, OfferExpired,
    and ServiceUnavailable where the salon sells it no more.
    """
    seen = entries.select_related("customer", "salon").filter(pk=entry_id).first()
    if seen is None:
        raise NotFound
    _check_open(seen, version=version, now=now)
    wish = Wish(seen.service_id, seen.offered_staff_member_id)
    with transaction.atomic():
        rules = hold_rules(seen.salon_id)
        try:
            visit = plan_visit(rules, [wish])
        except ValidationFailed as error:
            raise ServiceUnavailable from error
        lock_calendars_for(visit, customer=seen.customer)
        entry = lock_entry(entries, entry_id)
        _check_open(entry, version=version, now=now)
        Claim.objects.filter(waitlist_entry=entry, is_active=True).update(is_active=False)
        assert entry.starts_at is not None
        booking = create_booking(
            customer=seen.customer,
            salon=seen.salon,
            wishes=[wish],
            starts_at=entry.starts_at,
            note=note,
            expected_total_minor=expected_total_minor,
            now=now,
        )
        entry.state, entry.booking = WaitlistState.ACCEPTED, booking
        entry.version += 1
        entry.save(update_fields=["state", "booking", "version"])
    return booking


def lock_entry(entries: QuerySet[WaitlistEntry], entry_id: uuid.UUID) -> WaitlistEntry:
    """One of `entries`, locked until the transaction ends. Raises NotFound."""
    found = (
        entries.order_by()
        .select_related("salon")
        .select_for_update(no_key=True, of=("self",))
        .filter(pk=entry_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _check_open(entry: WaitlistEntry, *, version: int | None, now: datetime) -> None:
    if entry.state == WaitlistState.PASSED or entry.is_lapsed(now):
        raise OfferExpired
    if entry.state != WaitlistState.OFFERED:
        raise NoOffer
    if version is not None and entry.version != version:
        raise VersionConflict


def _wish_of(entry: WaitlistEntry) -> tuple[Any, ...]:
    return (
        entry.salon_id,
        entry.service_id,
        entry.staff_member_id,
        entry.date,
        entry.from_minute,
        entry.to_minute,
    )


def _over_at(
    rules: SalonRules, customer: Any, wish: Wish, *, day: date, to_minute: int | None, now: datetime
) -> datetime:
    """The moment after the latest start that could suit. Raises as `join_waitlist` says."""
    check_audience(rules.salon, customer)
    visit = plan_visit(rules, [wish])
    if not visit.candidates(NeedKind.STAFF):
        raise ServiceUnavailable
    zone = rules.salon.zone
    over_at = moment_of(instant(zone, day, _DAY_ENDS if to_minute is None else to_minute + 1))
    notice = visit.notice_minutes * 60
    ahead = (day - now.astimezone(zone).date()).days
    if over_at <= now:
        reason = Reason.PAST_TIME
    elif (over_at - now).total_seconds() <= notice:
        reason = Reason.TOO_SOON
    elif ahead > visit.horizon_days:
        reason = Reason.TOO_FAR
    else:
        return over_at
    raise refusal([reason], decided_by=rules.version)
