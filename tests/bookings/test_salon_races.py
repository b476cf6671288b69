"""Races for a room, for the last place of a day, for a new time, and between a booking and a closure.

Each has its witness: the same steps with the guard left out, ending in what the guard prevents.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from backend.bookings import availability, operations
from backend.bookings.models import Booking, Claim
from backend.bookings.operations.claiming import insert_claims, lock_calendars
from backend.bookings.queries import Wish, bookings_of, look_at, plan_visit, rules_of
from backend.core.time import RIYADH
from backend.salons.models import Closure, Salon, StaffMember
from tests.bookings.visits import claims_on, visit
from tests.factories import ResourceFactory, UserFactory, employ, needing, open_salon
from tests.support.api import Api, ok
from tests.support.race import race

pytestmark = pytest.mark.django_db(transaction=True)


def tomorrow_at(hour: int, minute: int = 0) -> datetime:
    day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True} | more)


def book(
    salon: Salon, service: Any, starts_at: datetime, *, staff: Any = None, customer: Any = None
) -> Booking:
    return operations.create_booking(
        customer=customer or UserFactory.create(),
        salon=salon,
        wishes=[Wish(service.pk, staff.pk if staff else None)],
        starts_at=starts_at,
        now=timezone.now(),
    )


def overlaps() -> int:
    """Counted the slow and obvious way, without the constraint's help."""
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


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def unguarded(salon: Salon, service: Any, together: threading.Barrier) -> Callable[..., bool]:
    """Booking without the calendars' locks: everybody looks, and only then everybody writes."""
    visit_rules = rules_of(Salon.objects.get(pk=salon.pk))

    def look_then_write(booking: Booking, staff: StaffMember) -> bool:
        planned = plan_visit(visit_rules, [Wish(service.pk, staff.pk)])
        slot, _ = look_at(planned, booking.starts_at, now=timezone.now())
        together.wait(20)
        if slot is None:
            return False
        with transaction.atomic():
            calendars = lock_calendars(staff_ids=[staff.pk], resource_ids=planned.resource_ids).ids
            insert_claims(
                booking_id=booking.pk,
                spans=[(c, booking.starts_at, booking.ends_at) for c in calendars.values()],
                expires_at=None,
                now=timezone.now(),
                business_date=booking.business_date,
                counted=[calendars[staff.pk]],
            )
        return True

    return look_then_write


def bare(salon: Salon, starts_at: datetime, number: int) -> Booking:
    """A booking that has no time yet."""
    return Booking.objects.create(
        reference=f"W{number}", state="confirmed", salon=salon, customer=UserFactory.create(), source="app",
        language="ar", starts_at=starts_at, ends_at=starts_at + timedelta(minutes=45),
        business_date=starts_at.date(), price_minor=0, deposit_minor=0, free_cancel_hours=0,
        late_cancel_percent=0, created_at=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def without_the_constraint() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bookings_claim DROP CONSTRAINT claim_no_overlap")
    yield
    Claim.objects.all().delete()
    constraint = next(c for c in Claim._meta.constraints if c.name == "claim_no_overlap")
    with connection.schema_editor() as editor:
        editor.add_constraint(Claim, constraint)


# One room


def test_people_racing_for_three_chairs_in_one_room_leave_one_booking() -> None:
    salon, facial, _ = open_now(staff=3)
    needing(facial, "room")
    room = ResourceFactory.create(salon=salon)
    phones = [Api(UserFactory.create()) for _ in range(8)]
    body = visit(salon, facial, tomorrow_at(12).isoformat())
    answers = race(*(partial(phone.post, "bookings", body) for phone in phones))
    assert Counter(a.status_code for a in answers) == {201: 1, 422: 7}
    assert {a.json()["code"] for a in answers if a.status_code == 422} == {"resource_unavailable"}
    assert claims_on(resource=room) == [("12:00", "12:45")]
    assert Booking.objects.count() == 1


def test_witness_without_lock_and_constraint_one_room_is_given_three_times(
    without_the_constraint: Any,
) -> None:
    salon, facial, people = open_now(staff=3)
    needing(facial, "room")
    room = ResourceFactory.create(salon=salon)
    look_then_write = unguarded(salon, facial, threading.Barrier(3))
    runners = [
        partial(look_then_write, bare(salon, tomorrow_at(12), n), person) for n, person in enumerate(people)
    ]
    assert race(*runners) == [True] * 3
    assert claims_on(resource=room) == [("12:00", "12:45")] * 3
    assert overlaps() == 3


# The last place of a day


def test_people_racing_for_the_last_place_of_a_day_leave_one_booking() -> None:
    """At different times, so that no two of them overlap: the constraint has nothing to say here."""
    salon, service, [noura] = open_now()
    StaffMember.objects.update(max_bookings_per_day=1)
    book(salon, service, tomorrow_at(12) + timedelta(days=1))  # what is made on first use is there
    phones = [Api(UserFactory.create()) for _ in range(8)]
    answers = race(
        *(
            partial(phone.post, "bookings", visit(salon, service, tomorrow_at(11 + n).isoformat()))
            for n, phone in enumerate(phones)
        )
    )
    assert Counter(a.status_code for a in answers) == {201: 1, 422: 7}
    assert {a.json()["code"] for a in answers if a.status_code == 422} == {"day_full"}
    assert len(claims_on(staff_member=noura)) == 2


def test_witness_without_the_lock_the_last_place_of_a_day_is_given_many_times() -> None:
    salon, service, [noura] = open_now()
    StaffMember.objects.update(max_bookings_per_day=1)
    look_then_write = unguarded(salon, service, threading.Barrier(4))
    runners = [partial(look_then_write, bare(salon, tomorrow_at(11 + n), n), noura) for n in range(4)]
    assert race(*runners) == [True] * 4
    assert len(claims_on(staff_member=noura)) == 4


# One new time for two bookings


def mover(booking: Booking, starts_at: datetime) -> Callable[[], Any]:
    return partial(
        operations.reschedule,
        bookings=bookings_of(booking.customer),
        booking_id=booking.pk,
        actor=operations.by_customer(booking.customer),
        version=booking.version,
        starts_at=starts_at,
        now=timezone.now(),
    )


def test_bookings_racing_into_one_new_time_leave_one_there_and_the_others_where_they_were() -> None:
    salon, service, [noura] = open_now()
    bookings = [book(salon, service, tomorrow_at(hour)) for hour in (10, 12, 14, 16)]
    outcomes = race(*(mover(booking, tomorrow_at(18)) for booking in bookings))
    assert kinds(outcomes) == {"Booking": 1, "SlotUnavailable": 3}
    assert overlaps() == 0
    assert len(claims_on(staff_member=noura)) == 4
    for booking, outcome in zip(bookings, outcomes, strict=True):
        row = Booking.objects.get(pk=booking.pk)
        moved = isinstance(outcome, Booking)
        assert (row.starts_at == tomorrow_at(18), row.version) == (moved, 2 if moved else 1)
        assert row.events.count() == row.version
        taken = {(c.starts_at, c.ends_at) for c in row.claims.filter(is_active=True)}
        assert taken == {(row.starts_at, row.ends_at)}


def test_bookings_that_change_places_and_cancellations_do_not_deadlock() -> None:
    salon, service, [noura, huda] = open_now(staff=2)
    for _ in range(4):
        here, there = (book(salon, service, tomorrow_at(h), staff=noura) for h in (12, 15))
        gone = book(salon, service, tomorrow_at(15), staff=huda)
        outcomes = race(
            mover(here, tomorrow_at(15)),
            mover(there, tomorrow_at(12)),
            partial(
                operations.cancel,
                bookings=Booking.objects.all(),
                booking_id=gone.pk,
                actor=operations.by_customer(gone.customer),
                version=1,
                now=timezone.now(),
            ),
        )
        assert set(kinds(outcomes)) <= {"Booking", "SlotUnavailable"}
        assert overlaps() == 0
        for booking in Booking.objects.filter(state="confirmed"):
            operations.cancel(
                bookings=Booking.objects.all(),
                booking_id=booking.pk,
                actor=operations.by_customer(booking.customer),
                version=booking.version,
                now=timezone.now(),
            )
        assert claims_on(staff_member=noura) == claims_on(staff_member=huda) == []


def test_witness_without_lock_and_constraint_two_moves_end_in_one_chair(without_the_constraint: Any) -> None:
    """The steps of a move, each looking before the other has written."""
    salon, service, [noura] = open_now()
    bookings = [book(salon, service, tomorrow_at(hour)) for hour in (12, 15)]
    planned = plan_visit(rules_of(Salon.objects.get(pk=salon.pk)), [Wish(service.pk)])
    looked = threading.Barrier(2)

    def move(booking: Booking) -> bool:
        slot, _ = look_at(planned, tomorrow_at(18), now=timezone.now(), moving=booking.pk)
        looked.wait(20)
        Claim.objects.filter(booking=booking, calendar__staff_member=noura).update(
            starts_at=tomorrow_at(18), ends_at=tomorrow_at(18, 45)
        )
        return slot is not None

    assert race(*(partial(move, booking) for booking in bookings)) == [True, True]
    assert claims_on(staff_member=noura) == [("18:00", "18:45")] * 2


# A rule that changes while somebody books


def test_a_closure_and_a_booking_that_meet_always_see_each_other() -> None:
    """Either the booking is refused, or the answer to the closure lists it."""
    salon, service, _ = open_now(staff=2)
    owner, customers = employ(salon, "owner"), UserFactory.create_batch(2)
    desk, phones = Api(owner), [Api(customer) for customer in customers]
    for hour in range(10, 20):
        starts, ends = tomorrow_at(hour), tomorrow_at(hour + 1)
        shut = {"kind": "moments", "starts_at": starts.isoformat(), "ends_at": ends.isoformat()}
        body = visit(salon, service, starts.isoformat())
        closed, *booked = race(
            partial(desk.post, f"manage/salons/{salon.slug}/closures", shut),
            *(partial(phone.post, "bookings", body) for phone in phones),
        )
        listed = {row["id"] for row in ok(closed, 201)["affected_bookings"]}
        accepted = {answer.json()["id"] for answer in booked if answer.status_code == 201}
        refusals = {answer.json()["code"] for answer in booked if answer.status_code != 201}
        assert accepted == listed
        assert refusals <= {"salon_closed"}
    assert Closure.objects.count() == 10


def test_witness_without_the_salon_held_a_booking_slips_past_a_closure() -> None:
    """The rules are read as an ordinary question reads them, and the closure comes before the claims."""
    salon, service, [noura] = open_now()
    desk = Api(employ(salon, "owner"))
    read, shut = threading.Event(), threading.Event()
    answers: list[Any] = []

    def close() -> None:
        assert read.wait(20)
        body = {
            "kind": "moments",
            "starts_at": tomorrow_at(12).isoformat(),
            "ends_at": tomorrow_at(13).isoformat(),
        }
        answers.append(ok(desk.post(f"manage/salons/{salon.slug}/closures", body), 201))
        shut.set()

    def take() -> bool:
        planned = plan_visit(rules_of(Salon.objects.get(pk=salon.pk)), [Wish(service.pk)])
        slot, _ = look_at(planned, tomorrow_at(12), now=timezone.now())
        read.set()
        assert shut.wait(20)
        with transaction.atomic():
            calendars = lock_calendars(staff_ids=planned.staff_ids).ids
            spans = [
                (calendars[who], availability.moment_of(span[0]), availability.moment_of(span[1]))
                for who, span in availability.claims(planned.steps, [[noura.pk]], slot.starts)  # type: ignore[union-attr]
            ]
            made = bare(salon, tomorrow_at(12), 1)
            insert_claims(booking_id=made.pk, spans=spans, expires_at=None, now=timezone.now())
        return True

    race(close, take)
    assert answers[0]["affected_bookings"] == []
    assert claims_on(staff_member=noura) == [("12:00", "12:45")]
