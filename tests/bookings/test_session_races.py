"""Many people want the last seats at once, and a session wants whom somebody books. Real threads, a connection each."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.bookings import operations
from backend.bookings.models import TAKING_STATES, Booking, Claim, Session
from backend.bookings.operations import counting, seats
from backend.bookings.operations.seats import take_seats
from backend.bookings.operations.sessions import add_session, cancel_session, publish_session
from backend.bookings.queries import Wish
from backend.core.errors import DomainError
from backend.core.time import RIYADH
from tests.bookings.sessions import on_sale
from tests.factories import ResourceFactory, UserFactory, open_salon
from tests.support.api import Api
from tests.support.race import race


def in_two_days_at(hour: int) -> datetime:
    day = timezone.now().astimezone(RIYADH) + timedelta(days=2)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def sold(session: Session) -> int:
    """Counted the plain way."""
    bookings = Booking.objects.filter(session=session, state__in=TAKING_STATES)
    return bookings.aggregate(all=Sum("seats"))["all"] or 0


def on_sale_now(**more: Any) -> Session:
    salon, _, [noura] = open_salon(deposit_percent=more.pop("deposit", 0), auto_confirm=True)
    return on_sale(salon, noura, starts_at=in_two_days_at(18), now=timezone.now(), **more)


@pytest.mark.django_db(transaction=True)
def test_sixteen_callers_for_the_last_three_seats_leave_three() -> None:
    session = on_sale_now(capacity=3)
    phones = [Api(UserFactory.create()) for _ in range(16)]
    answers = race(*(partial(phone.post, f"sessions/{session.pk}/seats", {"seats": 1}) for phone in phones))
    assert Counter(one.status_code for one in answers) == {201: 3, 409: 13}
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"seats_unavailable"}
    session.refresh_from_db()
    assert (session.seats_taken, session.seats_confirmed, sold(session)) == (3, 3, 3)


@pytest.mark.django_db(transaction=True)
def test_the_last_seats_are_sold_once_though_dead_holds_stand_on_them() -> None:
    session = on_sale_now(capacity=3, deposit=20)
    before = timezone.now()
    for customer in UserFactory.create_batch(3):
        take_seats(customer=customer, session_id=session.pk, seats=1, now=before)
    later = before + timedelta(minutes=11)
    customers = UserFactory.create_batch(8)
    outcomes = race(
        *(partial(take_seats, customer=one, session_id=session.pk, seats=1, now=later) for one in customers),
        partial(operations.expire_dead, later),
        partial(operations.expire_dead, later),
    )
    assert Counter(type(one).__name__ for one in outcomes[:8]) == {"Booking": 3, "SeatsUnavailable": 5}
    session.refresh_from_db()
    assert (session.seats_taken, session.seats_confirmed, sold(session)) == (3, 0, 3)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_and_the_constraint_seats_are_sold_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The witness: the same race, with the guards taken away, is lost."""

    def unlocked(session_id: Any) -> Session:
        return Session.objects.get(pk=session_id)

    monkeypatch.setattr(counting, "lock_session", unlocked)
    monkeypatch.setattr(seats, "lock_session", unlocked)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bookings_session DROP CONSTRAINT session_never_oversold")
    try:
        for _ in range(20):
            session = on_sale_now(capacity=1)
            customers = UserFactory.create_batch(6)
            race(
                *(
                    partial(take_seats, customer=one, session_id=session.pk, seats=1, now=timezone.now())
                    for one in customers
                )
            )
            if sold(session) > 1:
                break
        assert sold(session) > 1, "the race was never seen: the test proves nothing"
    finally:
        Booking.objects.filter(session__isnull=False).delete()
        Session.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE bookings_session ADD CONSTRAINT session_never_oversold CHECK (seats_taken <= capacity)"
            )


@pytest.mark.django_db
def test_the_database_sells_no_seat_that_is_not_there() -> None:
    session = on_sale_now(capacity=1)
    with pytest.raises(IntegrityError, match="session_never_oversold"):
        Session.objects.filter(pk=session.pk).update(seats_taken=2)


@pytest.mark.django_db(transaction=True)
def test_a_session_and_a_visit_never_have_the_same_person() -> None:
    for _ in range(10):
        salon, service, [noura] = open_salon(deposit_percent=0, auto_confirm=True)
        room, now, starts = ResourceFactory.create(salon=salon), timezone.now(), in_two_days_at(18)
        drafts = [
            add_session(
                salon=salon,
                values={
                    "title_ar": "حناء",
                    "staff_ids": [noura.pk],
                    "resource_ids": [room.pk],
                    "starts_at": starts,
                    "ends_at": starts + timedelta(hours=2),
                    "capacity": 3,
                    "price_minor": 100,
                },
                now=now,
            )
            for _ in range(2)
        ]
        outcomes = race(
            *(
                partial(publish_session, salon=salon, session_id=draft.pk, version=1, now=now)
                for draft in drafts
            ),
            *(
                partial(
                    operations.create_booking,
                    customer=UserFactory.create(),
                    salon=salon,
                    wishes=[Wish(service.pk)],
                    starts_at=starts + timedelta(minutes=30 * ahead),
                    now=now,
                )
                for ahead in range(-1, 3)
            ),
        )
        claims = list(
            Claim.objects.filter(is_active=True, calendar__staff_member=noura).order_by("starts_at")
        )
        assert all(one.ends_at <= two.starts_at for one, two in pairwise(claims))
        won = [type(one).__name__ for one in outcomes if not isinstance(one, DomainError)]
        assert won.count("Session") + won.count("Booking") == len(claims) >= 1
        assert {type(one).__name__ for one in outcomes if isinstance(one, DomainError)} <= {
            "SlotUnavailable",
            "ResourceUnavailable",
        }


@pytest.mark.django_db(transaction=True)
def test_who_joins_while_it_is_called_off_is_refused_or_told() -> None:
    for _ in range(5):
        session = on_sale_now(capacity=20)
        customers = UserFactory.create_batch(6)
        salon = session.salon
        race(
            *(
                partial(take_seats, customer=one, session_id=session.pk, seats=1, now=timezone.now())
                for one in customers
            ),
            partial(
                cancel_session,
                salon=salon,
                session_id=session.pk,
                version=session.version,
                reason="x",
                by=None,
                now=timezone.now(),
            ),
        )
        session.refresh_from_db()
        live = Booking.objects.filter(session=session, state__in=("held", "confirmed"))
        assert (session.state, session.is_closing, live.count(), session.seats_taken) == (
            "cancelled",
            False,
            0,
            0,
        )


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["join", "leave", "pay", "wait", "guest", "expire"]), st.integers(1, 4)),
        max_size=14,
    )
)
def test_whatever_people_do_the_counts_are_the_sum(steps: list[tuple[str, int]]) -> None:
    session = on_sale_now(capacity=6, deposit=20)
    now = timezone.now()
    made: list[Booking] = []
    for what, number in steps:
        live = [one for one in made if one.state in ("held", "confirmed")]
        chosen = live[number % len(live)] if live else None
        try:
            match what:
                case "join":
                    made.append(
                        take_seats(
                            customer=UserFactory.create(), session_id=session.pk, seats=number, now=now
                        )
                    )
                case "guest":
                    made.append(
                        seats.write_guest_seats(
                            staff_user=None, session_id=session.pk, seats=number, now=now, guest_name="ريم"
                        )
                    )
                case "leave" if chosen is not None and chosen.customer is not None:
                    operations.cancel(
                        bookings=Booking.objects.filter(pk=chosen.pk),
                        booking_id=chosen.pk,
                        actor=operations.by_customer(chosen.customer),
                        version=chosen.version,
                        now=now,
                    )
                case "pay" if made:
                    operations.deposit_paid(made[number % len(made)].pk, now=now)
                case "wait":
                    now += timedelta(minutes=4 * number)
                case "expire":
                    operations.expire_dead(now)
        except DomainError:
            pass
        for one in made:
            one.refresh_from_db()
        session.refresh_from_db()
        confirmed = sum(one.seats or 0 for one in made if one.state == "confirmed")
        assert (session.seats_taken, session.seats_confirmed) == (sold(session), confirmed)
        assert session.seats_taken <= session.capacity
