"""A change of hours answers with the bookings it collides with, and what to offer the people who come."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import PlatformRole
from backend.bookings import affected as effects
from backend.bookings import operations
from backend.bookings.affected import at_odds_now, change_hours, moved_by_sighting, offering
from backend.bookings.models import Booking, BookingItem, Calendar, Claim, ItemResource
from backend.bookings.queries import Wish, rules_of
from backend.core.errors import DomainError
from backend.core.hijri import hijri_of
from backend.core.time import RIYADH
from backend.salons.models import (
    Closure,
    HijriShift,
    Override,
    Resource,
    Salon,
    Season,
    Service,
    ServiceNeed,
    StaffMember,
    WorkingWindow,
)
from backend.salons.operations import hours
from backend.salons.timetable import WeeklyWindow
from tests.factories import (
    ResourceFactory,
    ServiceFactory,
    UserFactory,
    employ,
    needing,
    open_salon,
    performed_by,
    variant,
)
from tests.support.api import Api, ok, refused
from tests.support.race import race

NOW = "2026-11-19T18:30:00Z"  # a Thursday, 21:30 in Riyadh
FRIDAY = date(2026, 11, 20)
SATURDAY, SUNDAY = FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=2)


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOW) as frozen:
        yield frozen


frozen_time = pytest.mark.usefixtures("clock")


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=RIYADH) + timedelta(hours=hour, minutes=minute)


class World:
    """A salon that confirms by itself, an owner's phone, and customers who book."""

    def __init__(self, *, language: str = "ar", **salon: Any) -> None:
        self.salon, self.service, self.staff = open_salon(
            **{"deposit_percent": 0, "auto_confirm": True, "horizon_days": 366} | salon
        )
        self.api = Api(employ(self.salon, "owner"), language=language)
        self.path = f"manage/salons/{self.salon.slug}"

    def book(self, starts_at: datetime, staff: StaffMember | None = None, **more: Any) -> Booking:
        return operations.create_booking(
            customer=more.pop("customer", None) or UserFactory.create(),
            salon=Salon.objects.get(pk=self.salon.pk),
            wishes=[Wish(self.service.pk, staff.pk if staff else None)],
            starts_at=starts_at,
            now=timezone.now(),
        )

    def close(self, body: dict[str, Any], **query: Any) -> Any:
        return ok(
            self.api.send("POST", f"{self.path}/closures", body=body, query=query), 200 if query else 201
        )


def days(first: date, last: date | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": "days", "first_date": str(first), "last_date": str(last or first)} | more


def names(answer: Any, key: str = "affected_bookings") -> dict[str, list[str]]:
    """Reasons by reference."""
    return {row["reference"]: [r["code"] for r in row["reasons"]] for row in answer[key]}


@pytest.mark.django_db
@frozen_time
@pytest.mark.parametrize(("language", "words"), [("ar", "الصالون مغلق"), ("en", "The salon is closed")])
def test_a_closure_answers_with_who_is_affected_why_and_what_to_offer(language: str, words: str) -> None:
    world = World(language=language)
    customer = UserFactory.create(name="سارة")
    booking = world.book(at(FRIDAY, 16), customer=customer)
    world.book(at(SATURDAY, 16))
    answer = world.close(days(FRIDAY))
    assert answer["affected_total"] == 1
    [row] = answer["affected_bookings"]
    assert (row["id"], row["reference"]) == (str(booking.pk), booking.reference)
    assert (row["state"], row["version"]) == ("confirmed", 1)
    assert row["starts_at"] == "2026-11-20T16:00:00+03:00"
    assert row["business_date"] == "2026-11-20"
    assert row["customer"]["name"] == "سارة"
    assert row["customer"]["phone_masked"].endswith(str(customer.phone)[-3:])
    assert str(customer.phone) not in str(answer)
    assert [reason["code"] for reason in row["reasons"]] == ["salon_closed"]
    assert words in row["reasons"][0]["detail"]
    assert [offer["starts_at"] for offer in row["offers"]] == [
        "2026-11-21T10:00:00+03:00",
        "2026-11-21T10:30:00+03:00",
        "2026-11-21T11:00:00+03:00",
    ]
    assert all(offer["same_staff"] for offer in row["offers"])
    assert row["offers"][0]["staff_member_ids"] == [str(world.staff[0].pk)]


@pytest.mark.django_db
@frozen_time
def test_each_offer_can_be_booked() -> None:
    world = World(staff=2)
    for hour in (10, 11, 12):
        world.book(at(SATURDAY, hour), world.staff[0])
    booking = world.book(at(FRIDAY, 21), world.staff[0])
    [row] = world.close(days(FRIDAY))["affected_bookings"]
    operations.cancel(
        bookings=Booking.objects.all(), booking_id=booking.pk, actor=operations.by_customer(booking.customer),
        version=1, now=timezone.now(),
    )  # fmt: skip
    for offer in row["offers"]:
        person = StaffMember.objects.get(pk=offer["staff_member_ids"][0])
        with transaction.atomic():
            made = world.book(datetime.fromisoformat(offer["starts_at"]), person)
            assert made.business_date == date.fromisoformat(offer["business_date"])
            transaction.set_rollback(True)  # offers may overlap: one of them is taken


@pytest.mark.django_db
@frozen_time
@pytest.mark.parametrize("salon", ["live", "suspended"])
@pytest.mark.parametrize("state", ["confirmed", "requested", "held"])
def test_times_are_offered_only_where_the_desk_can_move_the_booking(state: str, salon: str) -> None:
    world = World(deposit_percent=20 if state == "held" else 0, auto_confirm=state == "confirmed")
    booking = world.book(at(FRIDAY, 16))
    assert booking.state == state
    Salon.objects.filter(pk=world.salon.pk).update(status=salon)
    [row] = world.close(days(FRIDAY))["affected_bookings"]

    def move(starts_at: str) -> Any:
        path, body = f"manage/bookings/{booking.pk}/reschedule", {"version": 1, "starts_at": starts_at}
        return world.api.post(path, body)

    if row["offers"]:
        assert ok(move(row["offers"][0]["starts_at"]))["starts_at"] == row["offers"][0]["starts_at"]
    else:
        assert move(at(SATURDAY, 12).isoformat()).status_code in (409, 422)
    assert bool(row["offers"]) is (salon == "live" and state != "held")


@pytest.mark.django_db
@frozen_time
def test_the_same_person_is_offered_first_and_others_when_they_are_away() -> None:
    world = World(staff=2)
    noura, huda = world.staff
    world.book(at(FRIDAY, 16), noura)
    leave = days(FRIDAY, FRIDAY + timedelta(days=20), staff_member_id=str(noura.pk))
    [row] = world.close(leave)["affected_bookings"]
    assert [reason["code"] for reason in row["reasons"]] == ["staff_unavailable"]
    assert row["offers"][0] == {
        "starts_at": "2026-11-20T16:00:00+03:00",
        "ends_at": "2026-11-20T16:45:00+03:00",
        "business_date": "2026-11-20",
        "staff_member_ids": [str(huda.pk)],
        "same_staff": False,
    }
    world = World(staff=2)
    world.book(at(FRIDAY, 16), world.staff[0])
    leave = days(FRIDAY, staff_member_id=str(world.staff[0].pk))
    [row] = world.close(leave)["affected_bookings"]
    assert all(offer["same_staff"] for offer in row["offers"])


@pytest.mark.django_db
@frozen_time
def test_an_offer_avoids_other_bookings_full_days_and_the_customers_own_visits() -> None:
    world = World(opens=10 * 60, closes=12 * 60)
    [noura] = world.staff
    customer = UserFactory.create()
    world.book(at(FRIDAY, 10), customer=customer)
    world.book(at(SATURDAY, 10))
    elsewhere = World()
    elsewhere.book(at(SUNDAY, 10), customer=customer)
    monday = SUNDAY + timedelta(days=1)
    [row] = world.close(days(FRIDAY), preview="true")["affected_bookings"]
    assert [offer["starts_at"][5:16] for offer in row["offers"]] == [
        "11-21T11:00",
        "11-22T11:00",
        "11-23T10:00",
    ]
    StaffMember.objects.filter(pk=noura.pk).update(max_bookings_per_day=1)
    [row] = world.close(days(FRIDAY))["affected_bookings"]
    assert [offer["business_date"] for offer in row["offers"]] == [
        str(SUNDAY),
        str(monday),
        str(monday),
    ]


@pytest.mark.django_db
@frozen_time
def test_a_room_out_of_use_affects_who_was_given_it_and_another_is_offered() -> None:
    world = World(staff=2)
    one, two = (
        Resource.objects.create(salon=world.salon, kind="room", code=code, name_ar=code, position=n)
        for n, code in enumerate("12")
    )
    ServiceNeed.objects.create(service=world.service, kind="room")
    booking = world.book(at(FRIDAY, 16), world.staff[0])
    item = booking.items.get()
    ItemResource.objects.filter(item=item).delete()
    ItemResource.objects.create(item=item, resource=one)
    assert world.close(days(FRIDAY, resource_id=str(two.pk)))["affected_total"] == 0
    Closure.objects.all().delete()
    answer = world.close(days(FRIDAY, resource_id=str(one.pk)))
    assert names(answer) == {booking.reference: ["resource_unavailable"]}
    offer = answer["affected_bookings"][0]["offers"][0]
    assert (offer["starts_at"], offer["same_staff"]) == ("2026-11-20T16:00:00+03:00", True)
    Closure.objects.all().delete()
    Closure.objects.create(salon=world.salon, resource=two, kind="days", first_date=FRIDAY, last_date=FRIDAY)
    [row] = world.close(days(FRIDAY, resource_id=str(one.pk)))["affected_bookings"]
    assert row["offers"][0]["business_date"] == str(SATURDAY)


@pytest.mark.django_db
@frozen_time
class TestEveryWriteTells:
    @pytest.fixture
    def world(self) -> World:
        world = World()
        world.booking = world.book(at(FRIDAY, 16))  # type: ignore[attr-defined]
        return world

    def check(self, world: Any, method: str, path: str, body: Any, reasons: list[str], **query: Any) -> Any:
        """The preview tells the same as the change that follows, and writes nothing."""
        version = Salon.objects.get(pk=world.salon.pk).catalogue_version
        send = partial(world.api.send, method, f"{world.path}/{path}", body=body)
        seen = send(query=query | {"preview": "true"}).json()
        assert Salon.objects.get(pk=world.salon.pk).catalogue_version == version
        done = send(query=query)
        assert done.status_code in (200, 201), done.json()
        assert names(done.json()) == names(seen) == ({world.booking.reference: reasons} if reasons else {})
        assert done.json()["affected_total"] == seen["affected_total"] == bool(reasons)
        return done.json()

    def test_a_week_replaced(self, world: World) -> None:
        windows = [{"day": "saturday", "opens": "10:00", "closes": "22:00"}]
        self.check(world, "PUT", "working-windows", {"windows": windows}, ["salon_closed"])

    def test_a_window_shortened_moved_and_removed(self, world: World) -> None:
        window = WorkingWindow.objects.get(salon=world.salon, weekday=5)
        path = f"working-windows/{window.pk}"
        self.check(world, "PATCH", path, {"version": 1, "closes": "17:00"}, [])
        self.check(world, "PATCH", path, {"version": 2, "closes": "16:30"}, ["outside_hours"])
        ok(world.api.send("PATCH", f"{world.path}/{path}", body={"version": 3, "closes": "17:00"}))
        self.check(world, "DELETE", path, None, ["salon_closed"], version=4)

    def test_a_staff_members_own_week(self, world: World) -> None:
        windows = [{"day": "friday", "opens": "10:00", "closes": "16:00"}]
        body = {"windows": windows, "staff_member_id": str(world.staff[0].pk)}
        self.check(world, "PUT", "working-windows", body, ["staff_unavailable"])

    def test_one_more_window_may_be_a_staff_members_first(self, world: World) -> None:
        body = {
            "day": "monday",
            "opens": "10:00",
            "closes": "12:00",
            "staff_member_id": str(world.staff[0].pk),
        }
        self.check(world, "POST", "working-windows", body, ["staff_unavailable"])

    def test_an_override_added_changed_and_removed(self, world: World) -> None:
        body: dict[str, Any] = {"date": str(FRIDAY), "windows": [{"opens": "10:00", "closes": "17:00"}]}
        row = self.check(world, "POST", "overrides", body, [])["override"]
        path = f"overrides/{row['id']}"
        body = {"version": 1, "windows": [{"opens": "17:00", "closes": "18:00"}]}
        row = self.check(world, "PATCH", path, body, ["outside_hours"])["override"]
        ok(
            world.api.send(
                "PATCH", f"{world.path}/{path}", body={"version": row["version"], "date": str(SATURDAY)}
            )
        )
        WorkingWindow.objects.filter(salon=world.salon, weekday=6).delete()
        body = {"version": row["version"] + 1, "date": str(FRIDAY), "windows": []}
        row = self.check(world, "PATCH", path, body, ["salon_closed"])["override"]
        self.check(world, "DELETE", path, None, [], version=row["version"])

    def test_removing_the_override_a_booking_stands_on(self, world: World) -> None:
        late = {"date": str(SATURDAY), "windows": [{"opens": "22:00", "closes": "01:00"}]}
        row = ok(world.api.send("POST", f"{world.path}/overrides", body=late), 201)["override"]
        world.booking = world.book(at(SATURDAY, 24))  # type: ignore[attr-defined]
        answer = self.check(world, "DELETE", f"overrides/{row['id']}", None, ["outside_hours"], version=1)
        assert answer["affected_bookings"][0]["business_date"] == str(SATURDAY)
        assert answer["affected_bookings"][0]["starts_at"] == "2026-11-22T00:00:00+03:00"

    @pytest.mark.parametrize(
        ("body", "reasons"),
        [
            (days(FRIDAY), ["salon_closed"]),
            (days(SATURDAY), []),
            (
                {
                    "kind": "moments",
                    "starts_at": "2026-11-20T16:44:00+03:00",
                    "ends_at": "2026-11-20T18:00:00+03:00",
                },
                ["salon_closed"],
            ),
            (
                {
                    "kind": "moments",
                    "starts_at": "2026-11-20T16:45:00+03:00",
                    "ends_at": "2026-11-20T18:00:00+03:00",
                },
                [],
            ),
            ({"kind": "weekly", "day": "friday", "opens": "15:00", "closes": "16:01"}, ["salon_closed"]),
            (
                {
                    "kind": "weekly", "day": "friday", "opens": "15:00", "closes": "17:00",
                    "first_date": "2026-11-21",
                },
                [],
            ),
        ],
    )  # fmt: skip
    def test_a_closure_of_each_kind(self, world: World, body: Any, reasons: list[str]) -> None:
        self.check(world, "POST", "closures", body, reasons)

    def test_a_closure_changed(self, world: World) -> None:
        row = self.check(world, "POST", "closures", days(SATURDAY), [])["closure"]
        body = {"version": 1, "first_date": str(FRIDAY)}
        self.check(world, "PATCH", f"closures/{row['id']}", body, ["salon_closed"])

    def test_a_season_added_changed_and_removed(self, world: World) -> None:
        body = {
            "name": {"en": "Autumn"},
            "dates": {"first_date": str(FRIDAY), "last_date": str(SATURDAY)},
            "windows": [{"day": "friday", "opens": "10:00", "closes": "17:00"}],
        }
        row = self.check(world, "POST", "seasons", body, [])["season"]
        path = f"seasons/{row['id']}"
        windows = [{"day": "saturday", "opens": "22:00", "closes": "02:00"}]
        change = {"version": row["version"], "windows": windows}
        row = self.check(world, "PATCH", path, change, ["salon_closed"])["season"]
        world.booking = world.book(at(SATURDAY, 24, 30))  # type: ignore[attr-defined]
        self.check(world, "DELETE", path, None, ["outside_hours"], version=row["version"])


@pytest.mark.django_db
@frozen_time
def test_only_live_bookings_to_come_that_fitted_before_are_listed() -> None:
    world = World(staff=4)
    confirmed = world.book(at(FRIDAY, 16), world.staff[0])
    requested, held, cancelled = (world.book(at(FRIDAY, 16), person) for person in world.staff[1:])
    soon, past = timezone.now() + timedelta(minutes=5), timezone.now() - timedelta(minutes=5)
    Booking.objects.filter(pk=requested.pk).update(state="requested", respond_by=soon)
    Booking.objects.filter(pk=held.pk).update(state="held", hold_expires_at=soon)
    Booking.objects.filter(pk=cancelled.pk).update(state="cancelled")
    live_ones = {confirmed.reference, requested.reference, held.reference}
    assert names(world.close(days(FRIDAY), preview="true")).keys() == live_ones
    Booking.objects.filter(pk=requested.pk).update(respond_by=past)
    Booking.objects.filter(pk=held.pk).update(hold_expires_at=past)
    assert names(world.close(days(FRIDAY), preview="true")).keys() == {confirmed.reference}
    assert names(world.close(days(FRIDAY))).keys() == {confirmed.reference}
    assert names(world.close(days(FRIDAY))) == {}, "closed already: it is not this closure's doing"
    world = World()
    booking = world.book(at(FRIDAY, 16))

    def hours_off(first: int, last: int) -> dict[str, Any]:
        return {"kind": "weekly", "day": "friday", "opens": f"{first}:00", "closes": f"{last}:00"}

    assert names(world.close(hours_off(16, 17))).keys() == {booking.reference}
    assert names(world.close(hours_off(15, 18))) == {}, "it did not fit before this one either"


@pytest.mark.django_db
def test_a_visit_that_has_begun_stays(clock: Any) -> None:
    world = World()
    world.book(at(FRIDAY, 16))
    clock.move_to(at(FRIDAY, 15, 59).astimezone(UTC).replace(tzinfo=None))
    assert _close(world, SATURDAY)[1].total == 0
    with transaction.atomic():
        assert _close(world, FRIDAY)[1].total == 1
        transaction.set_rollback(True)
    clock.move_to(at(FRIDAY, 16).astimezone(UTC).replace(tzinfo=None))
    assert _close(world, FRIDAY)[1].total == 0


@pytest.mark.django_db
@frozen_time
def test_notice_horizon_and_grid_are_none_of_the_hours_business() -> None:
    world = World()
    world.book(at(FRIDAY, 16))
    Salon.objects.filter(pk=world.salon.pk).update(
        min_notice_minutes=60 * 24 * 30, horizon_days=0, grid_minutes=50
    )
    assert world.close(days(SATURDAY))["affected_total"] == 0
    [row] = world.close(days(FRIDAY))["affected_bookings"]
    assert row["offers"] == [], "but what is offered keeps to them"


@pytest.mark.django_db
@frozen_time
def test_all_that_does_not_fit_is_listed_page_by_page_for_the_desk() -> None:
    world = World(staff=2)
    made = [world.book(at(FRIDAY, hour), person) for hour in (12, 13, 14) for person in world.staff]
    Closure.objects.create(salon=world.salon, kind="days", first_date=FRIDAY, last_date=FRIDAY)
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = ok(world.api.get(f"{world.path}/affected-bookings", limit=4, **cursor))
        assert page["total"] == 6
        found += names(page, "items")
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(found) == sorted(booking.reference for booking in made)
    refused(world.api.get(f"{world.path}/affected-bookings", cursor="x"), 400, "validation_failed")
    other = World()
    refused(other.api.get(f"{world.path}/affected-bookings"), 403, "permission_denied")


@pytest.mark.django_db
@frozen_time
def test_the_answer_is_bounded_and_says_how_many_there_are(monkeypatch: Any) -> None:
    monkeypatch.setattr(effects.changing._page, "__kwdefaults__", {"limit": 2, "after": None})
    world = World()
    for hour in (12, 14, 16):
        world.book(at(FRIDAY, hour))
    answer = world.close(days(FRIDAY))
    assert (len(answer["affected_bookings"]), answer["affected_total"]) == (2, 3)


@pytest.mark.django_db
@frozen_time
def test_the_number_of_queries_does_not_grow_with_the_bookings() -> None:
    world = World(staff=3)
    StaffMember.objects.filter(salon=world.salon).update(max_bookings_per_day=50)
    send = partial(world.close, days(FRIDAY), preview="true")
    world.book(at(FRIDAY, 12))
    send()
    with CaptureQueriesContext(connection) as one:
        assert send()["affected_total"] == 1
    for hour in range(13, 21):
        for person in world.staff:
            world.book(at(FRIDAY, hour), person)
    with CaptureQueriesContext(connection) as many:
        assert send()["affected_total"] == 25
    assert len(many) == len(one)


RAMADAN = {"hijri_from_month": 9, "hijri_from_day": 1, "hijri_to_month": 9, "hijri_to_day": 30}
LAST_TEN = {"hijri_from_month": 9, "hijri_from_day": 20, "hijri_to_month": 9, "hijri_to_day": 30}


class Slow:
    """The slow and obvious answer to a sighting: the day's weekly hours, minute by minute, before and after."""

    def __init__(self, month: tuple[int, int], before: dict[Any, int], after: dict[Any, int]) -> None:
        self.month, self.before, self.after = month, before, after
        self.seasons = {
            salon: list(Season.objects.filter(salon=salon).order_by("pk")) for salon in Salon.objects.all()
        }
        self.windows = list(WorkingWindow.objects.all())

    def affected(self) -> set[str]:
        return {
            booking.reference
            for booking in Booking.objects.filter(state="confirmed").select_related("salon")
            if self.fits(booking, self.before) and not self.fits(booking, self.after)
        }

    def fits(self, booking: Booking, shifts: dict[Any, int]) -> bool:
        minute = booking.starts_at
        while minute < booking.ends_at:
            if not self.is_open(booking.salon, minute.astimezone(RIYADH), shifts):
                return False
            minute += timedelta(minutes=1)
        return True

    def is_open(self, salon: Salon, moment: datetime, shifts: dict[Any, int]) -> bool:
        for back in (0, 1):
            day = moment.date() - timedelta(days=back)
            minute = moment.hour * 60 + moment.minute + back * 1440
            if any(opens <= minute < closes for opens, closes in self.week(salon, day, shifts)):
                return True
        return False

    def week(self, salon: Salon, day: date, shifts: dict[Any, int]) -> list[tuple[int, int]]:
        hijri = hijri_of(day, shifts)
        season = None
        for row in self.seasons[salon]:
            begins = (row.hijri_from_month, row.hijri_from_day)
            ends = (row.hijri_to_month, row.hijri_to_day)
            if begins <= (hijri.month, min(hijri.day, 30)) <= ends:
                season = row
        return [
            (w.opens_minute, w.closes_minute)
            for w in self.windows
            if (w.salon_id, w.season_id, w.weekday) == (salon.pk, season and season.pk, day.isoweekday())
        ]


def season(salon: Salon, opens: int, closes: int, **when: Any) -> None:
    row = Season.objects.create(salon=salon, name_ar="رمضان", **when)
    WorkingWindow.objects.bulk_create(
        WorkingWindow(salon=salon, season=row, weekday=weekday, opens_minute=opens, closes_minute=closes)
        for weekday in range(1, 8)
    )


def write_down(salon: Salon, person: StaffMember, service: Any, starts_at: datetime, number: int) -> None:
    booking = Booking.objects.create(
        reference=f"R{number:05d}", state="confirmed", salon=salon, customer=None, guest_name="ضيفة", source="desk",
        language="ar", starts_at=starts_at, ends_at=starts_at + timedelta(minutes=45),
        business_date=(starts_at.astimezone(RIYADH) - timedelta(hours=3)).date(), price_minor=0, deposit_minor=0,
        free_cancel_hours=0, late_cancel_percent=0, created_at=timezone.now(),
    )  # fmt: skip
    BookingItem.objects.create(
        booking=booking, position=0, service=service, staff_member=person, service_name_ar="قص",
        service_name_en="Cut", starts_at=starts_at, ends_at=booking.ends_at, price_minor=0,
    )  # fmt: skip


@pytest.mark.django_db
@frozen_time
@pytest.mark.parametrize("shift", [-1, 1])
@pytest.mark.parametrize("month", [(1448, 9), (1448, 10)])
def test_a_sighting_lists_exactly_what_brute_force_finds(month: tuple[int, int], shift: int) -> None:
    """Ramadan at night, in two shifts with other hours in the last ten days, all day and all night, or not at all."""
    kinds: list[list[tuple[int, int, dict[str, int]]]] = [
        [(21 * 60, 26 * 60, RAMADAN)],
        [(13 * 60, 17 * 60, RAMADAN), (20 * 60, 27 * 60, LAST_TEN)],
        [(0, 24 * 60, RAMADAN)],
        [],
    ]
    number = 0
    turns = [date(2027, 2, 8), date(2027, 2, 27), date(2027, 3, 9)]
    for seasons in kinds:
        salon, service, [person] = open_salon(horizon_days=366, closes=24 * 60)
        for opens, closes, when in seasons:
            season(salon, opens, closes, **when)
        for turn in turns:
            for ahead in (-2, -1, 0, 1):
                for hour in (0, 1, 2, 11, 14, 16, 20, 21, 22, 23):
                    number += 1
                    starts_at = at(turn + timedelta(days=ahead), hour, 45)
                    write_down(salon, person, service, starts_at, number)
    after = {month: shift}
    found = moved_by_sighting(month=month, before={}, after=after, now=timezone.now(), limit=10_000)
    slow = Slow(month, {}, after).affected()
    assert {one.booking.reference for one in found.collisions} == slow
    assert found.total == len(slow) > 0


@pytest.mark.django_db
@frozen_time
def test_the_platform_pages_through_a_preview_then_shifts_and_desks_see_their_own(
    django_assert_max_num_queries: Any,
) -> None:
    first_day, eve = date(2027, 2, 8), date(2027, 2, 7)
    worlds = [World() for _ in range(3)]
    for world in worlds:
        season(world.salon, 20 * 60, 26 * 60, **RAMADAN)
    made = {world.book(at(first_day, 21)).reference for world in worlds}
    evening = worlds[0].book(at(eve, 12))
    admin = UserFactory.create()
    PlatformRole.objects.create(user=admin, role="platform_admin")
    api = Api(admin, language="en")

    def put(body: dict[str, Any], **query: Any) -> Any:
        return ok(api.send("PUT", "platform/hijri-months/1448/9", body=body, query=query))

    # Ordinary hours on the first day end at 22:00, so 21:00 still fits; Ramadan on its eve begins at 20:00.
    assert put({"days": 1, "preview": True})["affected_total"] == 0
    WorkingWindow.objects.filter(season=None).update(closes_minute=18 * 60)
    pages = [put({"days": 1, "preview": True}, limit=2)]
    pages.append(put({"days": 1, "preview": True}, limit=2, cursor=pages[0]["next_cursor"]))
    assert [page["affected_total"] for page in pages] == [3, 3]
    assert {ref for page in pages for ref in names(page)} == made
    assert pages[1]["next_cursor"] is None
    assert all(row["customer"] is None for page in pages for row in page["affected_bookings"])
    assert all(row["offers"] for page in pages for row in page["affected_bookings"])
    assert not HijriShift.objects.exists()
    assert names(put({"days": -1, "preview": True})) == {evening.reference: ["outside_hours"]}

    done = put({"days": 1})
    assert names(done).keys() == made
    assert put({"days": 1})["affected_total"] == 0, "the second time nothing changes"
    own = ok(worlds[1].api.get(f"{worlds[1].path}/affected-bookings"))
    assert own["total"] == 1
    assert own["items"][0]["customer"]["name"]


@pytest.mark.django_db
@frozen_time
def test_a_sighting_moves_isha_for_salons_that_pause_for_it() -> None:
    """On 8 February 2027 isha in Riyadh is called about 19:14, and half an hour later in Ramadan."""
    world = World(latitude="24.71360", longitude="46.67530", prayer_pause="chosen", pause_prayers=["isha"])
    eve = date(2027, 2, 7)
    Salon.objects.filter(pk=world.salon.pk).update(grid_minutes=5)
    booking = world.book(at(eve, 19, 45))
    now = timezone.now()
    found = moved_by_sighting(month=(1448, 9), before={}, after={(1448, 9): -1}, now=now)
    assert [one.booking.pk for one in found.collisions] == [booking.pk]
    assert [str(reason) for reason in found.collisions[0].reasons] == ["prayer_break"]
    assert moved_by_sighting(month=(1448, 9), before={}, after={(1448, 9): 1}, now=now).total == 0


@pytest.mark.django_db
@frozen_time
def test_a_sighting_costs_the_same_for_one_salon_and_for_many() -> None:
    def world() -> None:
        made = World()
        season(made.salon, 20 * 60, 26 * 60, **RAMADAN)
        WorkingWindow.objects.filter(salon=made.salon, season=None).update(closes_minute=18 * 60)
        made.book(at(date(2027, 2, 8), 21))

    ask = partial(moved_by_sighting, month=(1448, 9), before={}, after={(1448, 9): 1}, now=timezone.now())
    world()
    with CaptureQueriesContext(connection) as one:
        assert ask().total == 1
    for _ in range(5):
        world()
    with CaptureQueriesContext(connection) as many:
        assert ask().total == 6
    assert len(many) == len(one)


def tomorrow_at(hour: int) -> datetime:
    day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def _close(world: World, day: date) -> Any:
    """The closure and what it says is affected, as an owner's phone asks for it."""
    return change_hours(
        salon=world.salon,
        change=lambda: hours.add_closure(
            salon=world.salon, staff_member_id=None, resource_id=None, reason={"ar": ""},
            form={"kind": "days", "first_date": day, "last_date": day}, now=timezone.now(),
        ),
        now=timezone.now(),
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_booking_and_a_closure_at_once_end_with_the_booking_refused_or_listed() -> None:
    world = World(staff=4)
    day = tomorrow_at(12).date()
    for _ in range(6):
        Closure.objects.all().delete()
        Booking.objects.all().update(state="cancelled")
        Claim.objects.all().update(is_active=False)

        def book() -> Booking | DomainError:
            return world.book(tomorrow_at(12))

        *booked, [_closure, affected] = race(book, book, book, partial(_close, world, day))
        made = {one.pk for one in booked if isinstance(one, Booking)}
        assert {one.booking.pk for one in affected.collisions} == made
        assert at_odds_now(salon=world.salon, now=timezone.now()).total == len(made)


@pytest.mark.django_db(transaction=True)
def test_witness_a_booking_that_does_not_hold_the_salon_slips_past_the_closure() -> None:
    """The same two, where the booking looked before the closure and writes after it without the salon's lock."""
    world = World()
    looked, closed = threading.Event(), threading.Event()

    def book_without_lock() -> Booking:
        with transaction.atomic():
            looked.set()
            assert closed.wait(20)
            write_down(world.salon, world.staff[0], world.service, tomorrow_at(12), 1)
        return Booking.objects.get()

    def close() -> Any:
        assert looked.wait(20)
        try:
            return _close(world, tomorrow_at(12).date())
        finally:
            closed.set()

    booking, (_closure, affected) = race(book_without_lock, close)
    assert affected.total == 0
    late = at_odds_now(salon=world.salon, now=timezone.now())
    assert [one.booking.pk for one in late.collisions] == [booking.pk], (
        "nobody was told, and only a look shows it"
    )


@pytest.mark.django_db(transaction=True)
def test_a_closure_waits_for_whoever_holds_the_salon_shared() -> None:
    """What a booking does first: hold the salon's row `FOR SHARE`. The closure then sees what it wrote."""
    world = World()
    holding = threading.Event()

    def book() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM salons_salon WHERE id = %s FOR SHARE", [world.salon.pk])
            holding.set()
            write_down(world.salon, world.staff[0], world.service, tomorrow_at(12), 1)

    def close() -> Any:
        assert holding.wait(20)
        return _close(world, tomorrow_at(12).date())

    _, (_closure, affected) = race(book, close)
    assert affected.total == 1


@pytest.mark.django_db
@frozen_time
def test_a_preview_leaves_the_hours_of_this_process_alone() -> None:
    """A version that was rolled back is somebody else's next: nothing of it may be remembered."""
    world = World()
    world.close(days(FRIDAY), preview="true")
    Override.objects.create(salon=world.salon, date=SATURDAY)
    listed = ok(
        Api().get(
            f"salons/{world.salon.slug}/availability", service_ids=str(world.service.pk), date=str(FRIDAY)
        )
    )
    assert listed["days"][0]["slots"]


@pytest.mark.django_db
@frozen_time
def test_a_refused_change_leaves_everything_as_it_was() -> None:
    world = World()
    world.book(at(FRIDAY, 16))
    with pytest.raises(DomainError):
        change_hours(
            salon=world.salon,
            change=lambda: hours.replace_week(
                salon=world.salon,
                staff_member_id=None,
                season_id=None,
                windows=[WeeklyWindow(1, 600, 700), WeeklyWindow(1, 650, 800)],
            ),
            now=timezone.now(),
        )
    assert WorkingWindow.objects.filter(salon=world.salon).count() == 7


@pytest.mark.django_db
@frozen_time
def test_a_visit_of_several_services_is_offered_as_one_to_the_same_people() -> None:
    world = World(staff=2, service={"duration_minutes": 30})
    noura, huda = world.staff
    colour = ServiceFactory.create(salon=world.salon, duration_minutes=60)
    colour.staff.add(huda)
    booking = operations.create_booking(
        customer=UserFactory.create(),
        salon=world.salon,
        wishes=[Wish(world.service.pk, noura.pk), Wish(colour.pk, huda.pk)],
        starts_at=at(FRIDAY, 16),
        now=timezone.now(),
    )
    # Noura is away while Huda colours: the visit still fits.
    away = {
        "kind": "moments",
        "starts_at": "2026-11-20T16:30:00+03:00",
        "ends_at": "2026-11-20T17:30:00+03:00",
    }
    assert world.close(away | {"staff_member_id": str(noura.pk)})["affected_total"] == 0
    answer = world.close(away | {"staff_member_id": str(huda.pk)})
    assert names(answer) == {booking.reference: ["staff_unavailable"]}
    offer = answer["affected_bookings"][0]["offers"][0]
    assert offer["staff_member_ids"] == [str(noura.pk), str(huda.pk)]
    assert offer["starts_at"] == "2026-11-20T15:00:00+03:00"
    assert offer["ends_at"] == "2026-11-20T16:30:00+03:00"


@pytest.mark.django_db
@frozen_time
def test_offers_rest_on_the_same_price_list_as_bookings() -> None:
    """Read for many salons at once, and yet line by line what a process keeps of each."""
    world = World(staff=3)
    plain, gone = (ServiceFactory.create(salon=world.salon, position=n) for n in (1, 2))
    above = ServiceFactory.create(salon=world.salon, min_notice_minutes=5, horizon_days=9)
    long, short = (variant(above, position=n) for n in (3, 4))
    for number, service in enumerate((plain, above, gone)):
        performed_by(service, *world.staff[number:])
        needing(service, *("room", "chair")[: number + 1])
    for number, kind in enumerate(("room", "chair", "room", "room")):
        ResourceFactory.create(salon=world.salon, kind=kind, position=9 - number, is_active=number != 3)
    for number, service in enumerate((world.service, plain, above, long, short, gone)):
        write_down(world.salon, world.staff[0], service, tomorrow_at(12 + number), number)
    StaffMember.objects.filter(pk=world.staff[0].pk).update(position=7)
    StaffMember.objects.filter(pk=world.staff[1].pk).update(is_active=False)
    Service.objects.filter(pk__in=(gone.pk, short.pk)).update(is_active=False)
    bookings = Booking.objects.select_related("salon").prefetch_related("items__service__variant_of")
    rules = rules_of(Salon.objects.get(pk=world.salon.pk))
    assert offering._lines(list(bookings)) == rules.lines
    assert set(rules.lines) == {row.pk for row in (world.service, plain, above, long)}


@pytest.mark.django_db
def test_calendars_are_not_needed_to_judge() -> None:
    """A booking written down without claims is judged like any other: hours alone decide."""
    salon, service, [person] = open_salon(weekdays=())
    write_down(salon, person, service, tomorrow_at(12), 7)
    assert not Calendar.objects.exists()
    assert at_odds_now(salon=salon, now=timezone.now()).total == 1
