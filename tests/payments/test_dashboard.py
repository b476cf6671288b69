"""The owner's page: today, how full the days are, and who comes again. Its money is in `test_ledger`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from backend.accounts.models import User
from backend.bookings.models import Booking
from backend.bookings.queries.figures import Rate
from backend.core.time import parse_moment
from backend.salons.models import Closure, Override, Salon, WorkingWindow
from tests.bookings.visits import item, visit
from tests.factories import RentalFactory, UserFactory, employ, open_salon
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db
SUNDAY, MONDAY = "2026-11-22", "2026-11-23"


class Place:
    """A salon open from 10 to 22 with two people, which confirms by itself and asks for nothing."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.salon: Salon
        self.salon, self.service, self.people = open_salon(staff=2, deposit_percent=0, auto_confirm=True)
        self.owner, self.desk = employ(self.salon, "owner"), employ(self.salon)

    def book(self, customer: User, starts_at: str) -> Any:
        return ok(Api(customer).post("bookings", visit(self.salon, self.service, starts_at)), 201)

    def guest(self, starts_at: str, phone: str) -> Any:
        body = {
            "items": [item(self.service)],
            "starts_at": starts_at,
            "guest": {"name": "هند", "phone": phone},
        }
        return ok(Api(self.desk).post(f"manage/salons/{self.salon.slug}/bookings", body), 201)

    def act(self, booking: Any, verb: str, *, by: User | None = None) -> Any:
        phone, door = (Api(by), "bookings") if by else (Api(self.desk), "manage/bookings")
        version = Booking.objects.get(pk=booking["id"]).version
        return ok(phone.post(f"{door}/{booking['id']}/{verb}", {"version": version}))

    def at(self, moment: str) -> None:
        self.clock.move_to(parse_moment(moment))

    def page(self, first: str = SUNDAY, last: str = SUNDAY, language: str = "en") -> Any:
        phone = Api(self.owner, language=language)
        return ok(phone.get(f"manage/salons/{self.salon.slug}/dashboard", **{"from": first, "to": last}))


@pytest.fixture
def place() -> Any:
    with freeze_time("2026-11-19T18:30:00Z") as clock:  # Thursday 21:30 in Riyadh
        yield Place(clock)


def at(time: str, day: str = SUNDAY) -> str:
    return f"{day}T{time}:00+03:00"


def test_today_says_who_came_and_who_is_to_come(place: Place) -> None:
    came, late, gone = (place.book(UserFactory.create(), at(time)) for time in ("11:00", "12:00", "10:00"))
    place.book(UserFactory.create(), at("17:00"))
    place.book(UserFactory.create(), at("17:00", MONDAY))
    place.at(at("12:20"))
    place.act(came, "check-in")
    today = place.page()["today"]
    assert (today["arrived"], today["expected"]) == (1, 2), "one is late, one comes, one is over"
    assert today["next_arrival_at"] == at("17:00")
    place.at(at("20:00"))
    assert place.page()["today"]["next_arrival_at"] is None
    assert {late["state"], gone["state"]} == {"confirmed"}


@pytest.mark.parametrize("language", ["ar", "en"])
def test_visits_are_what_took_place_was_missed_and_was_cancelled_late(place: Place, language: str) -> None:
    people = [UserFactory.create() for _ in range(6)]
    times = ("10:00", "11:00", "12:00", "13:00", "14:00", "15:00")
    done, missed, late, early, over, _to_come = (
        place.book(who, at(time)) for who, time in zip(people, times, strict=True)
    )
    place.act(early, "cancel", by=people[3])
    place.at(at("10:30"))
    place.act(late, "cancel", by=people[2])
    place.at(at("14:50"))
    place.act(done, "complete")
    place.act(missed, "no-show")
    visits = place.page(language=language)["visits"]
    assert (visits["from"], visits["to"], visits["took_place"]) == (SUNDAY, SUNDAY, 2)
    assert over["state"] == "confirmed", "over with nobody saying otherwise"
    assert visits["no_shows"] == {"count": 1, "of": 3, "basis_points": 3333}
    assert visits["late_cancellations"] == {"count": 1, "of": 4, "basis_points": 2500}
    empty = place.page("2026-12-01", "2026-12-01")["visits"]
    assert (empty["took_place"], empty["no_shows"]["basis_points"]) == (0, None)


def test_clients_are_new_once_and_booked_again_when_they_have_something_more(place: Place) -> None:
    old, faithful, fickle, new = (UserFactory.create() for _ in range(4))
    number = "0512345678"
    place.book(old, at("10:00", "2026-11-20"))
    place.guest(at("11:00", "2026-11-20"), number)
    place.at(at("09:00"))
    for hour, who in enumerate((old, faithful, fickle, new)):
        place.book(who, at(f"{10 + hour}:00"))
    place.guest(at("15:00"), number)
    place.guest(at("16:00"), "0512345679")
    place.at(at("20:00"))
    ahead = place.book(faithful, at("10:00", "2026-11-30"))
    place.act(place.book(fickle, at("11:00", "2026-11-30")), "cancel", by=fickle)
    clients = place.page()["visits"]["clients"]
    assert (clients["new"], clients["returning"]) == (4, 2)
    assert clients["rebooked"] == {"count": 1, "of": 6, "basis_points": 1667}
    Booking.objects.filter(pk=ahead["id"]).update(created_at=parse_moment(at("10:45")) + timedelta(days=61))
    assert place.page()["visits"]["clients"]["rebooked"]["count"] == 0, "too late to be again"
    both = place.page("2026-11-20", SUNDAY)["visits"]["clients"]
    assert (both["new"], both["returning"], both["rebooked"]["count"]) == (6, 0, 2), "old and the first guest"


def test_occupancy_is_of_the_minutes_the_engine_offers(place: Place) -> None:
    whole = place.page()["occupancy"]
    assert whole["open_minutes"] == 2 * 12 * 60
    noura, _ = place.people
    WorkingWindow.objects.create(
        salon=place.salon, staff_member=noura, weekday=7, opens_minute=600, closes_minute=840
    )
    Override.objects.create(salon=place.salon, date=MONDAY)
    Closure.objects.create(
        salon=place.salon,
        kind="moments",
        starts_at=parse_moment(at("20:00")),
        ends_at=parse_moment(at("22:00")),
    )
    place.book(UserFactory.create(), at("15:00"))
    place.act(cancelled := place.book(UserFactory.create(), at("16:00")), "cancel")
    assert cancelled["state"] == "confirmed"
    occupancy = place.page(SUNDAY, MONDAY)["occupancy"]
    sunday, monday = occupancy["by_day"]
    assert (sunday["date"], monday["date"]) == (SUNDAY, MONDAY)
    assert sunday["open_minutes"] == 4 * 60 + 10 * 60, "one until 14:00, one until the salon closes at 20:00"
    assert (sunday["booked_minutes"], sunday["basis_points"]) == (45, 536)
    assert (monday["open_minutes"], monday["booked_minutes"], monday["basis_points"]) == (0, 0, None)
    assert {name: occupancy[name] for name in ("booked_minutes", "open_minutes")} == {
        "booked_minutes": 45,
        "open_minutes": 14 * 60,
    }


def test_what_is_let_has_an_occupancy_of_its_own(place: Place) -> None:
    assert place.page()["occupancy"]["rentals"] == {
        "booked_minutes": 0,
        "open_minutes": 0,
        "basis_points": None,
    }
    rental = RentalFactory.create(salon=place.salon, auto_confirm=True)
    lease = {"rental_id": str(rental.pk), "starts_at": at("20:00"), "ends_at": at("11:00", MONDAY)}
    ok(Api(UserFactory.create()).post("rentals", lease), 201)
    occupancy = place.page()["occupancy"]
    assert occupancy["rentals"] == {"booked_minutes": 120, "open_minutes": 720, "basis_points": 1667}
    assert occupancy["booked_minutes"] == 0, "nobody serves it"


def test_a_pause_for_prayer_is_no_open_time_unless_services_go_on_through_it(place: Place) -> None:
    friday = "2026-11-27"
    before = place.page(friday, friday)["occupancy"]["open_minutes"]
    Salon.objects.filter(pk=place.salon.pk).update(
        prayer_pause="friday", prayer_pause_minutes=40, latitude="24.71", longitude="46.68"
    )
    assert before - place.page(friday, friday)["occupancy"]["open_minutes"] == 2 * 40
    Salon.objects.filter(pk=place.salon.pk).update(services_may_span_pauses=True)
    assert place.page(friday, friday)["occupancy"]["open_minutes"] == before


def test_a_visit_after_midnight_counts_for_the_evening_before(place: Place) -> None:
    WorkingWindow.objects.filter(salon=place.salon).update(opens_minute=20 * 60, closes_minute=26 * 60)
    Salon.objects.filter(pk=place.salon.pk).update(prayer_pause="none")
    place.book(UserFactory.create(), at("01:00", MONDAY))
    assert place.page(SUNDAY, SUNDAY)["occupancy"]["booked_minutes"] == 45
    assert place.page(MONDAY, MONDAY)["occupancy"]["booked_minutes"] == 0
    place.at(at("01:50", MONDAY))
    assert place.page(SUNDAY, SUNDAY)["visits"]["took_place"] == 1


def test_another_salons_visits_are_not_counted(place: Place) -> None:
    other, service, _ = open_salon(business=place.salon.business, deposit_percent=0, auto_confirm=True)
    ok(Api(UserFactory.create()).post("bookings", visit(other, service, at("12:00"))), 201)
    place.at(at("14:00"))
    body = place.page()
    assert body["visits"]["took_place"] == body["occupancy"]["booked_minutes"] == 0


@pytest.mark.parametrize(("first", "last"), [(SUNDAY, SUNDAY), ("2026-06-01", "2026-11-30")])
def test_the_page_asks_a_fixed_number_of_questions_whatever_there_is(
    place: Place, first: str, last: str
) -> None:
    def questions() -> int:
        phone = Api(place.owner)
        with CaptureQueriesContext(connection) as queries:
            ok(phone.get(f"manage/salons/{place.salon.slug}/dashboard", **{"from": first, "to": last}))
        return len(queries)

    place.book(UserFactory.create(), at("10:00"))
    questions()
    few = questions()
    for hour in range(11, 20):
        place.book(UserFactory.create(), at(f"{hour}:00"))
        place.guest(at(f"{hour}:00"), f"05123456{hour}")
    place.at(at("21:00"))
    for booking in Booking.objects.filter(salon=place.salon, customer__isnull=False):
        place.act({"id": str(booking.pk)}, "complete" if booking.starts_at.minute == 0 else "no-show")
    assert questions() - few in (0, 2), "names of services and people are read once something was earned"


def test_a_rate_is_rounded_and_of_nothing_there_is_none() -> None:
    assert [Rate(count, of).basis_points for count, of in ((1, 3), (2, 3), (1, 1), (0, 7), (0, 0))] == [
        3333,
        6667,
        10000,
        0,
        None,
    ]
