"""The salon's day as its desk sees it, and guests who walk in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking, Claim
from backend.salons.models import Closure, Override, WorkingWindow
from tests.bookings.desk import NOW, TODAY, at, blocks, day_of, days_of, hours, walk_in
from tests.bookings.visits import item, visit
from tests.factories import (
    ResourceFactory,
    ServiceFactory,
    StaffMemberFactory,
    UserFactory,
    employ,
    needing,
    open_salon,
    performed_by,
)
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
TOMORROW = "2026-11-23"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time(NOW) as frozen:  # Sunday 16:07 in Riyadh
        yield frozen


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True, "min_notice_minutes": 0} | more)


def book(salon: Any, service: Any, starts_at: str, customer: Any = None, **more: Any) -> dict[str, Any]:
    phone = Api(customer or UserFactory.create())
    booking: dict[str, Any] = ok(phone.post("bookings", visit(salon, service, starts_at, **more)), 201)
    return booking


# The calendar


@pytest.mark.parametrize(
    ("language", "name", "label"), [("ar", "قص شعر", "مؤكد"), ("en", "Haircut", "Confirmed")]
)
def test_the_day_has_a_column_for_each_person_and_thing(language: str, name: str, label: str) -> None:
    salon, service, [noura, hind] = open_now(staff=2)
    needing(service, "room")
    room = ResourceFactory.create(salon=salon, kind="room", code="R7")
    service.buffer_before_minutes, service.buffer_after_minutes = 5, 10
    service.save()
    customer = UserFactory.create(name="ريم", phone="+966512345678")
    booking = book(salon, service, at("18:00"), customer, note="شعري طويل")
    desk = Api(employ(salon), language=language)

    day = day_of(desk, salon)

    assert (day["date"], day["closed"]) == (TODAY, False)
    assert [hours(span) for span in day["hours"]] == [("10:00", "22:00")]
    assert (day["pauses"], day["waiting"]) == ([], [])
    assert [column["id"] for column in day["staff"]] == [str(noura.pk), str(hind.pk)]
    assert [[hours(span) for span in column["working"]] for column in day["staff"]] == [
        [("10:00", "22:00")]
    ] * 2
    [resource] = day["resources"]
    assert {key: resource[key] for key in ("id", "code", "kind")} == {
        "id": str(room.pk),
        "code": "R7",
        "kind": "room",
    }
    assert [hours(span) for span in resource["available"]] == [("10:00", "22:00")]
    [block] = blocks(day, noura)
    assert block == {
        "booking_id": booking["id"],
        "starts_at": at("18:00"),
        "ends_at": at("18:45"),
        "services": [{"id": str(service.pk), "name": name, "starts_at": at("18:00"), "ends_at": at("18:45")}],
        "rental": None,
        "taken": [{"starts_at": at("17:55"), "ends_at": at("18:55")}],
        "lane": 0,
    }
    assert (blocks(day, room), blocks(day, hind)) == ([block], [])
    [shown] = day["bookings"]
    assert label in shown.pop("state_label")
    assert shown == {
        "id": booking["id"],
        "reference": booking["reference"],
        "version": 1,
        "state": "confirmed",
        "starts_at": at("18:00"),
        "ends_at": at("18:45"),
        "customer": {"name": "ريم", "phone_masked": "05•••••678", "is_guest": False},
        "note": "شعري طويل",
        "is_overbooked": False,
        "hold_expires_at": None,
        "respond_by": None,
        "attendance_confirmed_at": None,
        "arrived_at": None,
        "is_late": False,
        "allowed_actions": ["cancel", "reschedule", "check_in"],
    }


def test_without_a_date_it_is_the_business_day_that_is_running(clock: Any) -> None:
    salon, service, [noura] = open_now(opens=16 * 60, closes=26 * 60)
    clock.move_to("2026-11-22T21:30:00Z")  # half past midnight, the evening goes on
    desk = Api(employ(salon))
    written = ok(walk_in(desk, salon, service, at("00:30", TOMORROW)), 201)
    assert written["business_date"] == TODAY
    [day] = days_of(desk, salon)
    assert day["date"] == TODAY
    assert day["hours"] == [{"starts_at": at("16:00"), "ends_at": at("02:00", TOMORROW)}]
    assert [block["booking_id"] for block in blocks(day, noura)] == [written["id"]]
    clock.move_to("2026-11-22T23:00:00Z")
    desk = Api(employ(salon))
    assert days_of(desk, salon)[0]["date"] == TOMORROW
    assert blocks(day_of(desk, salon, TOMORROW), noura) == []


def test_a_visit_over_midnight_stands_on_both_days_where_the_salon_never_closes() -> None:
    salon, service, [noura] = open_now(opens=0, closes=24 * 60)
    night = ok(walk_in(Api(employ(salon)), salon, service, at("23:30")), 201)
    morning = ok(walk_in(Api(employ(salon)), salon, service, at("09:00", TOMORROW)), 201)
    today, tomorrow, after = days_of(Api(employ(salon)), salon, date=TODAY, days=3)
    assert [block["booking_id"] for block in blocks(today, noura)] == [night["id"]]
    assert [block["booking_id"] for block in blocks(tomorrow, noura)] == [night["id"], morning["id"]]
    assert blocks(after, noura) == []


def test_holds_and_requests_are_shown_until_they_end_though_no_job_runs(clock: Any) -> None:
    salon, service, [noura] = open_now(deposit_percent=20, respond_within_minutes=30)
    held = book(salon, service, at("18:00"))
    salon.deposit_percent, salon.auto_confirm = 0, False
    salon.save()
    clock.tick(timedelta(minutes=1))
    later, sooner = book(salon, service, at("19:00")), book(salon, service, at("20:00"))
    Booking.objects.filter(pk=later["id"]).update(respond_by=timezone.now() + timedelta(minutes=40))
    desk = Api(employ(salon))
    day = day_of(desk, salon)
    assert day["waiting"] == [sooner["id"], later["id"]]
    shown = {booking["id"]: booking for booking in day["bookings"]}
    assert shown[held["id"]]["state"] == "held"
    assert shown[held["id"]]["hold_expires_at"] == at("16:17")
    assert shown[sooner["id"]]["respond_by"] == at("16:38")
    assert shown[sooner["id"]]["allowed_actions"][:2] == ["confirm", "decline"]
    clock.tick(timedelta(minutes=30))

    day = day_of(Api(employ(salon)), salon)

    assert [booking["id"] for booking in day["bookings"]] == day["waiting"] == [later["id"]]
    assert [block["booking_id"] for block in blocks(day, noura)] == [later["id"]]
    assert set(Booking.objects.values_list("state", flat=True)) == {"held", "requested"}, (
        "nobody wrote it down"
    )


def test_what_ended_otherwise_is_gone_and_what_happened_stays() -> None:
    salon, service, [noura] = open_now()
    desk = Api(employ(salon))
    done, gone = (ok(walk_in(desk, salon, service, at(time)), 201) for time in ("15:00", "17:00"))
    ok(desk.post(f"manage/bookings/{done['id']}/complete", {"version": 1}))
    ok(desk.post(f"manage/bookings/{gone['id']}/cancel", {"version": 1}))
    assert [block["booking_id"] for block in blocks(day_of(desk, salon), noura)] == [done["id"]]


def test_who_should_be_there_is_late_until_they_arrive(clock: Any) -> None:
    salon, service, _ = open_now()
    receptionist = employ(salon)
    booking = book(salon, service, at("16:30"))

    def shown() -> tuple[bool, Any]:
        [row] = day_of(Api(receptionist), salon)["bookings"]
        return row["is_late"], row["arrived_at"]

    assert shown() == (False, None)
    clock.move_to("2026-11-22T13:30:00Z")
    assert shown() == (True, None)
    ok(Api(receptionist).post(f"manage/bookings/{booking['id']}/check-in", {"version": 1}))
    assert shown() == (False, at("16:30"))


def test_a_client_who_waits_leaves_the_person_free_and_keeps_the_chair() -> None:
    salon, colour, [noura] = open_now(service={"duration_minutes": 120})
    colour.processing_starts_minute, colour.processing_minutes = 30, 45
    colour.save()
    needing(colour, "chair")
    chair = ResourceFactory.create(salon=salon, kind="chair")
    cut = performed_by(ServiceFactory.create(salon=salon, duration_minutes=45), noura)
    book(salon, colour, at("17:00"))
    between = book(salon, cut, at("17:30"))
    day = day_of(Api(employ(salon)), salon)
    first, second = blocks(day, noura)
    assert hours(first) == ("17:00", "19:00")
    assert [hours(span) for span in first["taken"]] == [("17:00", "17:30"), ("18:15", "19:00")]
    assert second["booking_id"] == between["id"]
    assert [hours(span) for span in second["taken"]] == [("17:30", "18:15")]
    assert [hours(span) for block in blocks(day, chair) for span in block["taken"]] == [("17:00", "19:00")]


def test_a_visit_of_several_hands_has_a_block_for_each_stretch() -> None:
    salon, cut, [noura, hind] = open_now(staff=2, service={"duration_minutes": 30})
    desk = Api(employ(salon))
    body = {
        "items": [item(cut, noura), item(cut, noura), item(cut, hind), item(cut, noura)],
        "starts_at": at("17:00"),
        "guest": {"name": "هند"},
    }
    ok(desk.post(f"manage/salons/{salon.slug}/bookings", body), 201)
    day = day_of(desk, salon)
    assert [hours(block) for block in blocks(day, noura)] == [("17:00", "18:00"), ("18:30", "19:00")]
    assert [len(block["services"]) for block in blocks(day, noura)] == [2, 1]
    assert [[hours(s) for s in block["taken"]] for block in blocks(day, noura)] == [
        [("17:00", "18:00")],
        [("18:30", "19:00")],
    ]
    assert [hours(block) for block in blocks(day, hind)] == [("18:00", "18:30")]
    assert len(day["bookings"]) == 1


def test_hours_leave_and_things_out_of_use_are_shown_and_closed_days_too() -> None:
    salon, _, [noura, hind] = open_now(staff=2)
    room = ResourceFactory.create(salon=salon, kind="room")
    WorkingWindow.objects.create(
        salon=salon, staff_member=noura, weekday=7, opens_minute=12 * 60, closes_minute=20 * 60
    )
    Closure.objects.create(
        salon=salon, staff_member=hind, kind="moments", starts_at=at("13:00"), ends_at=at("14:00")
    )
    Closure.objects.create(
        salon=salon, resource=room, kind="moments", starts_at=at("21:00"), ends_at=at("23:00")
    )
    Override.objects.create(salon=salon, date=TOMORROW)
    today, tomorrow = days_of(Api(employ(salon)), salon, date=TODAY, days=2)
    assert [[hours(span) for span in column["working"]] for column in today["staff"]] == [
        [("12:00", "20:00")],
        [("10:00", "13:00"), ("14:00", "22:00")],
    ]
    assert [hours(span) for span in today["resources"][0]["available"]] == [("10:00", "21:00")]
    assert (tomorrow["closed"], tomorrow["hours"]) == (True, [])
    assert [column["working"] for column in tomorrow["staff"]] == [[], []]


def test_prayer_pauses_are_shown_within_the_hours() -> None:
    salon, _, _ = open_now(
        prayer_pause="chosen",
        pause_prayers=["maghrib"],
        prayer_pause_minutes=20,
        latitude=24.7,
        longitude=46.7,
    )
    [pause] = day_of(Api(employ(salon)), salon)["pauses"]
    assert "17:00" < pause["starts_at"][11:16] < "17:15"


def test_who_left_is_shown_while_something_of_theirs_is() -> None:
    salon, service, [noura, hind] = open_now(staff=2)
    booking = ok(walk_in(Api(employ(salon)), salon, service, at("18:00"), by=hind), 201)
    salon.staff.update(is_active=False)
    day = day_of(Api(employ(salon)), salon)
    assert [column["id"] for column in day["staff"]] == [str(hind.pk)]
    assert day_of(Api(employ(salon)), salon, TOMORROW)["staff"] == []
    assert blocks(day, hind)[0]["booking_id"] == booking["id"]
    assert noura.pk != hind.pk


def test_everybody_at_the_desk_sees_the_same_without_prices_and_presses_what_they_may() -> None:
    salon, service, _ = open_now()
    book(salon, service, at("18:00"))
    desks = {role: Api(employ(salon, role)) for role in ("staff", "receptionist", "manager", "owner")}
    seen = {role: day_of(desk, salon) for role, desk in desks.items()}
    pressed = {role: seen[role]["bookings"][0].pop("allowed_actions") for role in seen}
    assert pressed.pop("staff") == []
    assert set(map(tuple, pressed.values())) == {("cancel", "reschedule", "check_in")}
    assert seen["staff"] == seen["receptionist"] == seen["manager"] == seen["owner"]
    text = desks["staff"].get(f"manage/salons/{salon.slug}/calendar").content.decode()
    assert "price" not in text
    assert "minor" not in text


def test_another_salons_bookings_are_not_there() -> None:
    salon, _, _ = open_now()
    other, service, _ = open_now()
    book(other, service, at("18:00"))
    assert day_of(Api(employ(salon)), salon)["bookings"] == []
    refused(Api(employ(salon)).get(f"manage/salons/{other.slug}/calendar"), 403, "permission_denied")


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ({"date": "2026-02-30"}, "date", "date_invalid"),
        ({"date": "1448-06-11"}, "date", "date_out_of_range"),
        ({"days": "0"}, "days", "too_small"),
        ({"days": "15"}, "days", "too_large"),
        ({"days": "many"}, "days", None),
    ],
)
def test_a_wrong_question_is_explained(query: dict[str, str], parameter: str, code: str | None) -> None:
    salon, _, _ = open_now()
    problem = refused(
        Api(employ(salon)).get(f"manage/salons/{salon.slug}/calendar", **query), 400, "validation_failed"
    )
    [error] = problem["errors"]
    assert error["parameter"] == parameter
    assert code is None or error["code"] == code


def test_both_digit_sets_are_understood_to_the_end_of_the_tables() -> None:
    salon, _, _ = open_now()
    desk = Api(employ(salon))
    assert [day["date"] for day in days_of(desk, salon, date="٢٠٢٦-١١-٢٢", days="٢")] == [TODAY, TOMORROW]
    assert len(days_of(desk, salon, date="2100-12-31", days=14)) == 14
    assert len(days_of(desk, salon, date="2020-01-01", days=14)) == 14


def test_the_calendar_asks_the_database_as_often_for_much_as_for_little() -> None:
    salon, service, _ = open_now()
    needing(service, "room")
    ResourceFactory.create(salon=salon, kind="room")
    desk = Api(employ(salon))

    def asked(**query: Any) -> int:
        days_of(desk, salon, **query)  # the hours are compiled
        with CaptureQueriesContext(
            connection,
        ) as queries:
            days_of(desk, salon, **query)
        return len(queries)

    book(salon, service, at("18:00"))
    few = asked(date=TODAY)
    performed_by(service, *StaffMemberFactory.create_batch(4, salon=salon))
    ResourceFactory.create_batch(4, salon=salon, kind="room")
    for day in (TODAY, TOMORROW, "2026-11-30"):
        for _ in range(4):
            book(salon, service, at("19:00", day))
        ok(walk_in(desk, salon, [service, service], at("20:00", day)), 201)
    days = days_of(desk, salon, date=TODAY, days=14)
    assert sum(len(day["bookings"]) for day in days) == 16
    assert asked(date=TODAY, days=14) == few
    assert few <= 14


# Walk-ins


@pytest.mark.parametrize("time", ["16:07", "15:37", "10:00", "16:08", "21:15"])
def test_a_guest_is_written_down_at_any_minute_of_the_day_so_far_and_to_come(time: str) -> None:
    salon, service, [noura] = open_now(min_notice_minutes=120)
    written = ok(walk_in(Api(employ(salon)), salon, service, at(time)), 201)
    assert (written["state"], written["starts_at"], written["source"]) == ("confirmed", at(time), "desk")
    assert written["deposit"]["amount_minor"] == 0
    assert written["customer"] == {"name": "هند", "phone_masked": None, "is_guest": True}
    assert hours(blocks(day_of(Api(employ(salon)), salon), noura)[0])[0] == time


@pytest.mark.parametrize(
    ("time", "status", "code"),
    [
        ("16:07:30", 422, "not_on_grid"),
        ("03:07", 422, "past_time"),
        ("04:06", 422, "past_time"),
        ("04:07", 422, "outside_hours"),
        ("09:59", 422, "outside_hours"),
        ("21:16", 422, "outside_hours"),
    ],
)
def test_a_guest_is_not_written_down_where_nobody_was(time: str, status: int, code: str) -> None:
    salon, service, _ = open_now()
    refused(walk_in(Api(employ(salon)), salon, service, at(time)), status, code)
    assert not Booking.objects.exists()


def test_thirteen_hours_ago_is_past_and_twelve_are_not_where_the_salon_never_closes() -> None:
    salon, service, _ = open_now(opens=0, closes=24 * 60)
    desk = Api(employ(salon))
    refused(walk_in(desk, salon, service, at("03:07")), 422, "past_time")
    ok(walk_in(desk, salon, service, at("04:07")), 201)


def test_the_number_of_a_guest_may_be_given_in_any_digits_and_is_shown_masked() -> None:
    salon, service, _ = open_now()
    written = ok(
        walk_in(Api(employ(salon)), salon, service, at("17:00"), phone="٠٥١٢٣٤٥٦٧٨", note="أول مرة"), 201
    )
    assert written["customer"] == {"name": "هند", "phone_masked": "05•••••678", "is_guest": True}
    assert written["note"] == "أول مرة"
    assert Booking.objects.get().guest_phone == "+966512345678"
    [shown] = day_of(Api(employ(salon)), salon)["bookings"]
    assert shown["customer"] == written["customer"]


def test_staff_may_look_and_not_write() -> None:
    salon, service, _ = open_now()
    refused(walk_in(Api(employ(salon, "staff")), salon, service, at("17:00")), 403, "permission_denied")


# From one person to another


def test_the_desk_moves_a_visit_to_somebody_else_at_the_same_time_and_the_customer_is_told(sent: Any) -> None:
    salon, service, [noura, hind] = open_now(staff=2)
    customer, desk = UserFactory.create(), Api(employ(salon))
    booking = book(salon, service, at("18:00"), customer)
    told = len(sent(customer.phone))
    assert blocks(day_of(desk, salon), noura)

    moved = ok(
        desk.post(
            f"manage/bookings/{booking['id']}/reschedule",
            {
                "version": 1,
                "starts_at": at("18:00"),
                "staff_member_id": str(hind.pk),
                "reason": "نورة في إجازة",
            },
        )
    )

    assert (moved["starts_at"], moved["version"]) == (at("18:00"), 2)
    assert moved["items"][0]["staff_member"]["id"] == str(hind.pk)
    day = day_of(desk, salon)
    assert (blocks(day, noura), len(blocks(day, hind))) == ([], 1)
    assert len(sent(customer.phone)) == told + 1
    event = Booking.objects.get().events.last()
    assert event is not None
    assert event.changes == {"staff": [[str(noura.pk)], [str(hind.pk)]]}
    assert set(Claim.objects.filter(calendar__staff_member=noura)) == set()


def test_nobody_is_moved_to_who_is_taken_or_away() -> None:
    salon, service, [noura, hind] = open_now(staff=2)
    desk = Api(employ(salon))
    first, second = (ok(walk_in(desk, salon, service, at("18:00"), by=by), 201) for by in (noura, hind))
    body = {"version": 1, "starts_at": at("18:00"), "staff_member_id": str(hind.pk)}
    refused(desk.post(f"manage/bookings/{first['id']}/reschedule", body), 409, "slot_unavailable")
    ok(desk.post(f"manage/bookings/{second['id']}/cancel", {"version": 1}))
    ok(desk.post(f"manage/bookings/{first['id']}/reschedule", body))
