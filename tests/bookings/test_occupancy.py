"""How full a salon is counts what sessions take of its people, and what it lets by itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from backend.bookings.operations.sessions import cancel_session
from backend.bookings.queries.figures import Rate, let_occupancy, occupancy
from backend.core.time import parse_moment
from backend.salons.models import Closure, WorkingWindow
from tests.bookings.renting import rent
from tests.bookings.sessions import on_sale
from tests.bookings.visits import visit
from tests.factories import (
    RentalFactory,
    ResourceFactory,
    ServiceFactory,
    UserFactory,
    employ,
    needing,
    open_salon,
    performed_by,
)
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db

NOW = "2026-11-22T13:07:00Z"
TUESDAY, WEDNESDAY = date(2026, 11, 24), date(2026, 11, 25)
OPEN = 12 * 60


@pytest.fixture(autouse=True)
def this_moment() -> Any:
    with freeze_time(NOW) as clock:
        yield clock


def at(time: str, day: date = TUESDAY) -> str:
    return f"{day}T{time}:00+03:00"


def of_people(salon: Any, first: date = TUESDAY, last: date = TUESDAY) -> list[Rate]:
    now = datetime.fromisoformat(NOW)
    return list(occupancy(salon, from_date=first, to_date=last, now=now).values())


def of_things(salon: Any, first: date = TUESDAY, last: date = TUESDAY) -> Rate:
    return let_occupancy(salon, from_date=first, to_date=last, now=datetime.fromisoformat(NOW))


def test_a_session_takes_its_peoples_time_until_it_is_called_off() -> None:
    salon, service, [noura, huda] = open_salon(deposit_percent=0, auto_confirm=True, staff=2)
    room = ResourceFactory.create(salon=salon)
    now = datetime.fromisoformat(NOW)
    session = on_sale(
        salon,
        *(noura, huda),
        starts_at=parse_moment(at("18:00")),
        now=now,
        resource_ids=[room.pk],
        deposit_percent=0,
    )
    ok(Api(UserFactory.create()).post(f"sessions/{session.pk}/seats", {"seats": 2}), 201)
    assert of_people(salon) == [Rate(2 * 120, 2 * OPEN)], "the room is nobody, and seats take no more"
    ok(Api(UserFactory.create()).post("bookings", visit(salon, service, at("12:00"))), 201)
    assert of_people(salon) == [Rate(2 * 120 + 45, 2 * OPEN)]
    desk = Api(employ(salon, "owner"))
    page = ok(desk.get(f"manage/salons/{salon.slug}/dashboard", **{"from": str(TUESDAY), "to": str(TUESDAY)}))
    assert page["occupancy"]["booked_minutes"] == 2 * 120 + 45
    cancel_session(salon=salon, session_id=session.pk, version=session.version, reason="", by=None, now=now)
    assert of_people(salon) == [Rate(45, 2 * OPEN)]


def test_a_session_after_midnight_counts_for_the_evening_before() -> None:
    salon, _, [noura] = open_salon(deposit_percent=0)
    WorkingWindow.objects.filter(salon=salon).update(opens_minute=20 * 60, closes_minute=26 * 60)
    on_sale(salon, noura, starts_at=parse_moment(at("00:00", WEDNESDAY)), now=datetime.fromisoformat(NOW))
    assert of_people(salon, TUESDAY, WEDNESDAY) == [Rate(120, 6 * 60), Rate(0, 6 * 60)]


def test_what_is_let_is_taken_by_rentals_and_visits_inside_the_salons_hours() -> None:
    salon, _, [noura] = open_salon(deposit_percent=0, auto_confirm=True, min_notice_minutes=0)
    assert of_things(salon) == Rate(0, 0), "nothing is let"
    room = ResourceFactory.create(salon=salon, kind="room")
    rental = RentalFactory.create(salon=salon, resource=room, auto_confirm=True, buffer_after_minutes=30)
    assert of_things(salon) == Rate(0, OPEN)
    rent(rental, at("20:00"), at("12:00", WEDNESDAY), by=UserFactory.create())
    assert of_things(salon) == Rate(120, OPEN), "the night is nobody's"
    assert of_things(salon, WEDNESDAY, WEDNESDAY) == Rate(150, OPEN)
    assert of_people(salon) == [Rate(0, OPEN)], "nobody serves what is let"
    massage = performed_by(ServiceFactory.create(salon=salon, duration_minutes=60), noura)
    needing(massage, "room")
    ok(Api(UserFactory.create()).post("bookings", visit(salon, massage, at("10:00"))), 201)
    assert of_things(salon, TUESDAY, WEDNESDAY) == Rate(120 + 60 + 150, 2 * OPEN)
    Closure.objects.create(
        salon=salon,
        resource=room,
        kind="moments",
        starts_at=parse_moment(at("12:00")),
        ends_at=parse_moment(at("14:00")),
    )
    assert of_things(salon).of == OPEN - 120
    ResourceFactory.create(salon=salon, kind="room")
    assert of_things(salon).of == OPEN - 120, "a room that is not let is no part of it"


def test_a_hold_that_has_run_out_takes_nothing(this_moment: Any) -> None:
    salon, _, _ = open_salon(min_notice_minutes=0, deposit_percent=20)
    rental = RentalFactory.create(salon=salon)
    rent(rental, at("12:00"), at("15:00"), by=UserFactory.create())
    now = datetime.fromisoformat(NOW)
    assert let_occupancy(salon, from_date=TUESDAY, to_date=TUESDAY, now=now).count >= 180
    later = now + timedelta(minutes=11)
    assert let_occupancy(salon, from_date=TUESDAY, to_date=TUESDAY, now=later).count == 0
