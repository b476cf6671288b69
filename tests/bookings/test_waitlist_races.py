"""Real threads at one offer: whoever answers, whoever else wants the time, and many who free time at once."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from backend.bookings import operations
from backend.bookings.models import Booking, Calendar, Claim, FreedTime, WaitlistEntry
from backend.bookings.operations import offering
from backend.bookings.operations.claiming import Calendars
from backend.bookings.operations.offering import finish_waitlist, offer_freed
from backend.bookings.operations.waitlist import accept_offer, decline_offer
from backend.core.time import RIYADH
from backend.notifications.models import Message
from tests.bookings.test_races import overlaps
from tests.bookings.waiting import taken_at, waits
from tests.factories import open_salon
from tests.support.race import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def day_and_night(settings: Any) -> None:
    settings.WAITLIST_OFFER_HOURS = (time(0), time(23, 59, 59, 999999))


def tomorrow_at(hour: int, minute: int = 0) -> datetime:
    day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def tomorrow() -> date:
    return tomorrow_at(12).date()


def place(**rules: Any) -> tuple[Any, Any]:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True, min_notice_minutes=0, **rules)
    return salon, service


def cancel(booking: Booking) -> None:
    operations.cancel(
        bookings=Booking.objects.all(),
        booking_id=booking.pk,
        actor=operations.SYSTEM,
        version=booking.version,
        now=timezone.now(),
    )


def on_offer(salon: Any, service: Any) -> WaitlistEntry:
    """Somebody with an open offer of tomorrow noon."""
    booking = taken_at(salon, service, tomorrow_at(12), now=timezone.now())
    entry = waits(salon, service, day=tomorrow(), now=timezone.now())
    cancel(booking)
    entry.refresh_from_db()
    assert (entry.state, entry.starts_at) == ("offered", tomorrow_at(12))
    return entry


def accept(entry: WaitlistEntry, *, now: datetime | None = None) -> Booking:
    entries = WaitlistEntry.objects.filter(customer=entry.customer_id)
    return accept_offer(entries=entries, entry_id=entry.pk, now=now or timezone.now())


def names(outcomes: list[Any]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_two_taps_of_yes_make_one_booking() -> None:
    salon, service = place()
    entry = on_offer(salon, service)
    assert names(race(*[partial(accept, entry)] * 4)) == ["Booking", "NoOffer", "NoOffer", "NoOffer"]
    assert Booking.objects.filter(state="confirmed").count() == 1
    assert overlaps() == 0


def test_a_yes_and_the_end_of_the_offer_agree_on_one_end() -> None:
    for _ in range(5):
        salon, service = place()
        entry = on_offer(salon, service)
        assert entry.expires_at is not None
        race(
            partial(accept, entry, now=entry.expires_at - timedelta(seconds=1)),
            partial(finish_waitlist, entry.expires_at),
        )
        entry.refresh_from_db()
        booked = Booking.objects.filter(salon=salon, state="confirmed").count()
        assert (entry.state, booked) in {("accepted", 1), ("passed", 0)}
        assert Claim.objects.filter(waitlist_entry=entry, is_active=True).count() == 0
    assert overlaps() == 0


def test_a_yes_a_no_and_somebody_passing_by_leave_one_booking_at_most() -> None:
    salon, service = place()
    entry = on_offer(salon, service)
    own = WaitlistEntry.objects.filter(customer=entry.customer_id)
    outcomes = race(
        partial(accept, entry),
        partial(decline_offer, entries=own, entry_id=entry.pk, now=timezone.now()),
        *[partial(taken_at, salon, service, tomorrow_at(12), now=timezone.now())] * 3,
    )
    assert Counter(names(outcomes))["Booking"] <= 1
    assert overlaps() == 0


def test_who_accepts_while_booking_elsewhere_at_that_time_sits_in_one_chair() -> None:
    salon, service = place()
    elsewhere, their_service = place()
    entry = on_offer(salon, service)
    outcomes = race(
        partial(accept, entry),
        partial(
            taken_at,
            elsewhere,
            their_service,
            tomorrow_at(12),
            now=timezone.now(),
            customer=entry.customer,
        ),
    )
    assert names(outcomes) == ["Booking", "BookingOverlap"]
    assert overlaps() == 0


def test_many_who_free_time_at_once_reach_everybody_once_and_in_order() -> None:
    salon, service = place(staff=4)
    bookings = [taken_at(salon, service, tomorrow_at(12), now=timezone.now()) for _ in range(4)]
    began = timezone.now()
    entries = [waits(salon, service, day=tomorrow(), now=began + timedelta(milliseconds=n)) for n in range(6)]
    race(*(partial(cancel, booking) for booking in bookings))
    finish_waitlist(timezone.now())
    in_order = list(
        Claim.objects.filter(waitlist_entry__isnull=False)
        .order_by("id")
        .values_list("waitlist_entry", flat=True)
    )
    offered = [entry.pk for entry in entries if entry.pk in in_order]
    assert offered == [entry.pk for entry in entries][: len(offered)]
    assert in_order == offered
    assert len(offered) >= 4
    assert Message.objects.filter(kind="waitlist_offer").count() == len(offered)
    assert (overlaps(), FreedTime.objects.count()) == (0, 0)


def test_many_who_offer_at_once_offer_a_time_once() -> None:
    salon, service = place()
    booking = taken_at(salon, service, tomorrow_at(12), now=timezone.now())
    for _ in range(4):
        waits(salon, service, day=tomorrow(), now=timezone.now())
    with transaction.atomic():
        cancel(booking)
        FreedTime.objects.update(due_at=timezone.now() + timedelta(hours=1))
    FreedTime.objects.update(due_at=timezone.now())
    race(*[partial(offer_freed, timezone.now())] * 6)
    starts = list(WaitlistEntry.objects.filter(state="offered").values_list("starts_at", flat=True))
    assert len(starts) == len(set(starts))
    assert overlaps() == 0


def unlocked(visit: Any, *, customer: Any) -> Calendars:
    """The calendars as they would be locked."""
    rows = Calendar.objects.filter(lane=0, staff_member__in=visit.staff_ids)
    return Calendars(ids=dict(rows.values_list("staff_member", "id")), lanes={}, last_taken={})


def test_witness_without_the_second_look_one_place_is_offered_two_times(monkeypatch: Any) -> None:
    """The same with the entry's lock and the look under it taken away: two who offer see her wait, and both do.

    Seen once is enough: on a busy machine one of the two may come when the other has given up waiting.
    """
    looked = threading.Barrier(2)

    def look_and_wait(entries: Any, entry_id: Any) -> WaitlistEntry:
        found = WaitlistEntry.objects.get(pk=entry_id)
        looked.wait(8)
        return found

    monkeypatch.setattr(offering, "lock_entry", look_and_wait)
    monkeypatch.setattr(offering, "_holds_another", lambda entry: False)
    monkeypatch.setattr(offering, "lock_calendars_for", unlocked)
    held = 0
    for _ in range(6):
        looked.reset()
        salon, service = place(staff=2)
        bookings = [taken_at(salon, service, tomorrow_at(12), now=timezone.now()) for _ in range(2)]
        entry = waits(salon, service, day=tomorrow(), now=timezone.now())
        race(*(partial(cancel, booking) for booking in bookings))
        held = max(held, Claim.objects.filter(waitlist_entry=entry, is_active=True).count())
        if held == 2:
            break
    assert held == 2
