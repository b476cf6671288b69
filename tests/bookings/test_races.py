"""Many people want the same time at the same moment. Real threads, a connection each, one winner."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from backend.bookings import availability, operations
from backend.bookings.models import Booking, Calendar, Claim
from backend.bookings.operations.claiming import insert_claims, lock_calendars
from backend.bookings.operations.paying import deposit_paid
from backend.bookings.queries import Wish, bookings_of, plan_visit, question, rules_of
from backend.core.time import RIYADH
from backend.salons.models import Salon, StaffService
from tests.factories import ServiceFactory, UserFactory, employ, open_salon
from tests.support.api import Api
from tests.support.race import race

pytestmark = pytest.mark.django_db(transaction=True)


def tomorrow_at(hour: int, minute: int = 0) -> datetime:
    day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def overlaps() -> int:
    """Counted the slow and obvious way, by the database, without the constraint's help."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM bookings_claim a JOIN bookings_claim b
                ON a.id < b.id AND a.calendar_id = b.calendar_id AND a.is_active AND b.is_active
               AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
            """
        )
        row = cursor.fetchone()
    return int(row[0])


def test_twenty_people_racing_for_one_slot_leave_one_booking() -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    body = {
        "salon_id": str(salon.id),
        "items": [{"service_id": str(service.id)}],
        "starts_at": tomorrow_at(12).isoformat(),
    }
    phones = [Api(UserFactory.create()) for _ in range(20)]
    answers = race(*(partial(phone.post, "bookings", body) for phone in phones))
    assert Counter(a.status_code for a in answers) == {201: 1, 409: 19}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"slot_unavailable"}
    assert Booking.objects.count() == 1
    assert overlaps() == 0


def test_any_staff_gives_three_chairs_to_three_of_twenty() -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True, staff=3)
    book = partial(
        operations.create_booking, salon=salon, wishes=[Wish(service.id)], starts_at=tomorrow_at(12)
    )
    customers = UserFactory.create_batch(20)
    outcomes = race(*(partial(book, customer=c, now=timezone.now()) for c in customers))
    assert Counter(type(o).__name__ for o in outcomes) == {"Booking": 3, "SlotUnavailable": 17}
    assert overlaps() == 0


def test_crossing_chains_do_not_deadlock() -> None:
    """Two services in opposite orders want the same two people from both ends."""
    salon, cut, staff = open_salon(
        deposit_percent=0, auto_confirm=True, staff=2, service={"duration_minutes": 30}
    )
    colour = ServiceFactory.create(salon=salon, duration_minutes=30)
    StaffService.objects.create(staff_member=staff[1], service=colour)
    one, two = Wish(cut.id, staff[0].id), Wish(colour.id, staff[1].id)
    runners = [
        partial(
            operations.create_booking,
            customer=customer,
            salon=salon,
            wishes=[one, two] if index % 2 else [two, one],
            starts_at=tomorrow_at(12 + index % 3, 30 * (index % 2)),
            now=timezone.now(),
        )
        for index, customer in enumerate(UserFactory.create_batch(16))
    ]
    kinds = {type(outcome).__name__ for outcome in race(*runners)}
    assert kinds <= {"Booking", "SlotUnavailable"}
    assert overlaps() == 0


def test_the_same_key_twenty_times_at_once_books_once() -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True, staff=5)
    phone = Api(UserFactory.create())
    body = {
        "salon_id": str(salon.id),
        "items": [{"service_id": str(service.id)}],
        "starts_at": tomorrow_at(12).isoformat(),
    }
    key = "0b5f3c0e-9f5e-4a55-8a55-0d6a1c2b3d4e"
    answers = race(*(partial(phone.post, "bookings", body, key=key) for _ in range(20)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1
    assert Booking.objects.count() == 1


def test_a_confirming_desk_and_a_cancelling_customer_agree_on_one_end() -> None:
    salon, service, _ = open_salon(deposit_percent=0)
    desk, customer = employ(salon), UserFactory.create()
    wishes = [Wish(service.id)]
    for hour in range(11, 19):
        booking = operations.create_booking(
            customer=customer, salon=salon, wishes=wishes, starts_at=tomorrow_at(hour), now=timezone.now()
        )
        change: dict[str, Any] = {"booking_id": booking.pk, "version": 1, "now": timezone.now()}
        everything = Booking.objects.all()
        outcomes = race(
            partial(
                operations.act, bookings=everything, verb="confirm", actor=operations.by_salon(desk), **change
            ),
            partial(
                operations.cancel,
                bookings=bookings_of(customer),
                actor=operations.by_customer(customer),
                **change,
            ),
        )
        assert sorted(type(o).__name__ for o in outcomes) == ["Booking", "VersionConflict"]
        booking.refresh_from_db()
        assert booking.version == 2
        assert booking.events.count() == 2
        assert booking.claims.filter(is_active=True).exists() is (booking.state == "confirmed")


def test_an_expiring_hold_and_its_payment_agree_on_one_end() -> None:
    salon, service, _ = open_salon(auto_confirm=True)
    for hour in range(11, 17):
        booking = operations.create_booking(
            customer=UserFactory.create(),
            salon=salon,
            wishes=[Wish(service.id)],
            starts_at=tomorrow_at(hour),
            now=timezone.now(),
        )
        late = timezone.now() + timedelta(minutes=11)

        def pay(booking: Booking = booking, late: datetime = late) -> bool:
            with transaction.atomic():
                return deposit_paid(booking.pk, now=late)

        paid, _ = race(pay, partial(operations.expire_dead, late))
        booking.refresh_from_db()
        assert paid is True
        assert booking.state == "confirmed"
        assert booking.claims.filter(is_active=True, expires_at=None).count() == 2
    assert overlaps() == 0


def test_witness_without_lock_and_constraint_one_slot_is_sold_many_times() -> None:
    """The same steps with both guards taken away: everybody looks, everybody sees it free, everybody writes."""
    salon, service, [person] = open_salon(deposit_percent=0)
    visit = plan_visit(rules_of(Salon.objects.get(pk=salon.pk)), [Wish(service.id)])
    start = availability.floor_minute(tomorrow_at(12))
    calendar = Calendar.objects.create(staff_member=person)
    empty = [
        Booking.objects.create(
            reference=f"W{n}", state="confirmed", salon=salon, customer=UserFactory.create(), source="app",
            language="ar", starts_at=tomorrow_at(12), ends_at=tomorrow_at(13), business_date="2026-11-20",
            price_minor=0, deposit_minor=0, free_cancel_hours=0, late_cancel_percent=0, created_at=timezone.now(),
        )
        for n in range(4)
    ]  # fmt: skip
    looked = threading.Barrier(4)

    def look_then_write(booking: Booking) -> bool:
        free = availability.offer(question(visit, starts=(start, start + 1), now=timezone.now()), start)
        looked.wait(20)
        if free is None:
            return False
        insert_claims(
            booking_id=booking.pk,
            spans=[(calendar.pk, tomorrow_at(12), tomorrow_at(13))],
            expires_at=None,
            now=timezone.now(),
        )
        return True

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bookings_claim DROP CONSTRAINT claim_no_overlap")
    try:
        assert race(*(partial(look_then_write, booking) for booking in empty)) == [True] * 4
        assert overlaps() == 6
    finally:
        Claim.objects.all().delete()
        constraint = next(c for c in Claim._meta.constraints if c.name == "claim_no_overlap")
        with connection.schema_editor() as editor:
            editor.add_constraint(Claim, constraint)


def test_the_constraint_alone_still_sells_a_slot_once() -> None:
    """A path that forgot the lock is refused by the database."""
    salon, _, [person] = open_salon(deposit_percent=0)
    calendar = Calendar.objects.create(staff_member=person)
    with transaction.atomic():
        customers = UserFactory.create_batch(2)
    bookings = [
        Booking.objects.create(
            reference=f"C{n}", state="confirmed", salon=salon, customer=customer, source="app", language="ar",
            starts_at=tomorrow_at(12), ends_at=tomorrow_at(13), business_date="2026-11-20", price_minor=0,
            deposit_minor=0, free_cancel_hours=0, late_cancel_percent=0, created_at=timezone.now(),
        )
        for n, customer in enumerate(customers)
    ]  # fmt: skip
    span = (calendar.pk, tomorrow_at(12), tomorrow_at(13))

    def insert(booking: Booking) -> str:
        try:
            insert_claims(booking_id=booking.pk, spans=[span], expires_at=None, now=timezone.now())
        except OperationalError:
            return "deadlock"  # what the lock is there to spare us: one waits for the other inside the index
        return "taken"

    outcomes = race(*(partial(insert, booking) for booking in bookings))
    assert outcomes.count("taken") == 1
    assert Claim.objects.count() == 1


def test_calendars_are_made_in_one_order_whatever_order_they_are_asked_for_in() -> None:
    """Two first uses in opposite orders would wait for each other's new rows: a deadlock nobody locked for."""
    _, _, people = open_salon(staff=6)
    wanted = sorted(person.pk for person in people)
    with transaction.atomic():
        made = lock_calendars(staff_ids=wanted[::-1]).ids
    assert sorted(made, key=made.__getitem__) == wanted


def test_what_takes_longer_than_a_day_is_several_claims_without_a_hole() -> None:
    salon, _, [person] = open_salon(deposit_percent=0)
    calendar = Calendar.objects.create(staff_member=person)
    booking = Booking.objects.create(
        reference="LONG", state="confirmed", salon=salon, customer=UserFactory.create(), source="app",
        language="ar", starts_at=tomorrow_at(12), ends_at=tomorrow_at(13), business_date="2026-11-20",
        price_minor=0, deposit_minor=0, free_cancel_hours=0, late_cancel_percent=0, created_at=timezone.now(),
    )  # fmt: skip
    until = tomorrow_at(12) + timedelta(days=2, hours=5)
    insert_claims(
        booking_id=booking.pk,
        spans=[(calendar.pk, tomorrow_at(12), until)],
        expires_at=None,
        now=timezone.now(),
    )
    pieces = list(booking.claims.order_by("starts_at").values_list("starts_at", "ends_at"))
    assert len(pieces) == 3
    assert (pieces[0][0], pieces[-1][1]) == (tomorrow_at(12), until)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(pieces))
    with pytest.raises(IntegrityError, match="claim_at_most_a_day"):
        booking.claims.filter(starts_at=tomorrow_at(12)).update(starts_at=tomorrow_at(12) - timedelta(days=1))
