"""Variants, processing gaps, rooms and devices: what a service takes, from the list of times to the ticket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from backend.bookings.models import Booking, Claim
from backend.salons.models import Closure, StaffService
from tests.bookings.visits import ask, claims_on, item, offered, visit, why
from tests.factories import (
    ResourceFactory,
    ServiceFactory,
    StaffMemberFactory,
    UserFactory,
    employ,
    needing,
    open_salon,
    performed_by,
    variant,
)
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
SUNDAY = "2026-11-22"
NOON = f"{SUNDAY}T12:00:00+03:00"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time("2026-11-19T18:30:00Z") as frozen:  # Thursday 21:30 in Riyadh
        yield frozen


def somebody(**more: Any) -> Api:
    return Api(UserFactory.create(), **more)


def open_now(**more: Any) -> Any:
    return open_salon(deposit_percent=0, auto_confirm=True, **more)


# Variants


@pytest.mark.parametrize(("language", "name"), [("ar", "صبغة – شعر طويل"), ("en", "Colour – Long hair")])
def test_a_variant_is_booked_by_its_own_id_at_its_own_price_length_and_buffers(
    language: str, name: str
) -> None:
    salon, colour, [noura] = open_now(
        service={"name_ar": "صبغة", "name_en": "Colour", "duration_minutes": 60, "price_minor": 20000}
    )
    long = variant(
        colour, duration_minutes=90, price_minor=35000, buffer_before_minutes=10, buffer_after_minutes=5
    )
    phone = somebody(language=language)
    quoted = ok(phone.post("quotes", visit(salon, long, NOON)))
    booked = ok(phone.post("bookings", visit(salon, long, NOON, expected_total_minor=35000)), 201)
    for shown in (quoted, booked):
        [line] = shown["items"]
        assert line["service"] == {"id": str(long.pk), "name": name}
        assert (line["starts_at"], line["ends_at"]) == (NOON, f"{SUNDAY}T13:30:00+03:00")
        assert line["price"]["amount_minor"] == shown["price"]["amount_minor"] == 35000
    assert claims_on(staff_member=noura) == [("11:50", "13:35")]


def test_a_variant_without_words_in_one_language_is_named_in_the_other() -> None:
    salon, colour, _ = open_now(service={"name_ar": "صبغة", "name_en": ""})
    short = variant(colour, name_ar="شعر قصير", name_en="", price_minor=1)
    [line] = ok(somebody(language="en").post("quotes", visit(salon, short, NOON)))["items"]
    assert line["service"]["name"] == "صبغة – شعر قصير"


def test_a_service_with_active_variants_is_not_booked_itself() -> None:
    salon, colour, _ = open_now()
    long = variant(colour, price_minor=35000)
    phone = somebody(language="en")
    told = refused(
        phone.get(f"salons/{salon.slug}/availability", service_ids=str(colour.pk)), 400, "validation_failed"
    )
    assert [(e["code"], e["parameter"]) for e in told["errors"]] == [("variant_required", "service_ids")]
    for path in ("quotes", "bookings"):
        for index, services in enumerate([[colour, long], [long, colour]]):
            told = refused(phone.post(path, visit(salon, services, NOON)), 400, "validation_failed")
            assert [(e["code"], e["pointer"]) for e in told["errors"]] == [
                ("variant_required", f"/items/{index}/service_id")
            ]
            assert told["errors"][0]["detail"] == "Please choose one of the options of this service."
    long.is_active = False
    long.save(update_fields=["is_active"])
    ok(phone.post("bookings", visit(salon, colour, NOON)), 201)


@pytest.mark.parametrize("off", ["parent", "variant"])
def test_a_variant_is_gone_when_it_or_its_service_is_switched_off(off: str) -> None:
    salon, colour, _ = open_now()
    long = variant(colour, price_minor=35000)
    assert offered(salon, long, date=SUNDAY)
    row = colour if off == "parent" else long
    row.is_active = False
    row.save(update_fields=["is_active"])
    phone = somebody()
    told = refused(
        phone.get(f"salons/{salon.slug}/availability", service_ids=str(long.pk)), 400, "validation_failed"
    )
    assert [(e["code"], e["parameter"]) for e in told["errors"]] == [("not_found", "service_ids")]
    for path in ("quotes", "bookings"):
        told = refused(phone.post(path, visit(salon, long, NOON)), 400, "validation_failed")
        assert [(e["code"], e["pointer"]) for e in told["errors"]] == [("not_found", "/items/0/service_id")]


def test_a_variant_has_the_people_needs_notice_horizon_and_deposit_of_its_service() -> None:
    salon, colour, [noura] = open_salon(
        deposit_percent=20,
        service={"min_notice_minutes": 24 * 60, "horizon_days": 5, "deposit_percent": 50},
    )
    long = variant(colour, price_minor=30000, min_notice_minutes=0, horizon_days=300, deposit_percent=0)
    StaffMemberFactory.create(salon=salon)  # performs nothing
    [day] = ask(salon, long, date=SUNDAY)["days"]
    assert {who for slot in day["slots"] for who in slot["staff_member_ids"]} == {str(noura.pk)}
    assert why(salon, long, at="2026-11-20T21:00:00+03:00") == ["too_soon"]
    assert why(salon, long, at="2026-11-24T12:00:00+03:00") == []
    assert why(salon, long, at="2026-11-25T12:00:00+03:00") == ["too_far"]
    needing(colour, "room")
    assert why(salon, long, at=NOON) == ["resource_unavailable"]
    ResourceFactory.create(salon=salon)
    booked = ok(somebody().post("bookings", visit(salon, long, NOON)), 201)
    assert booked["deposit"]["amount_minor"] == 15000
    assert len(booked["items"][0]["resources"]) == 1


# The processing gap

GAP = {"duration_minutes": 90, "processing_starts_minute": 30, "processing_minutes": 30}


def test_another_client_is_served_while_the_first_one_waits_and_cancelling_frees_both_parts() -> None:
    salon, colour, [noura] = open_now(grid_minutes=10, service=GAP)
    fringe = performed_by(ServiceFactory.create(salon=salon, duration_minutes=30), noura)
    first, second = somebody(), somebody()
    booking = ok(first.post("bookings", visit(salon, colour, NOON)), 201)
    assert claims_on(staff_member=noura) == [("12:00", "12:30"), ("13:00", "13:30")]

    free = offered(salon, fringe, date=SUNDAY)
    around = [time for time in free if "11:00" <= time <= "13:30"]
    assert around == ["11:00", "11:10", "11:20", "11:30", "12:30", "13:30"]
    refused(
        second.post("bookings", visit(salon, fringe, f"{SUNDAY}T12:40:00+03:00")), 409, "slot_unavailable"
    )
    ok(second.post("bookings", visit(salon, fringe, f"{SUNDAY}T12:30:00+03:00")), 201)
    assert claims_on(staff_member=noura) == [("12:00", "12:30"), ("12:30", "13:00"), ("13:00", "13:30")]

    ok(first.post(f"bookings/{booking['id']}/cancel", {"version": 1}))
    assert claims_on(staff_member=noura) == [("12:30", "13:00")]
    assert {"12:00", "13:00", "13:10"} <= set(offered(salon, fringe, date=SUNDAY))


def test_the_room_stays_taken_through_the_processing_gap_and_so_does_the_client() -> None:
    salon, colour, [noura] = open_now(grid_minutes=30, service=GAP)
    fringe = performed_by(ServiceFactory.create(salon=salon, duration_minutes=30), noura)
    needing(colour, "room")
    needing(fringe, "room")
    room = ResourceFactory.create(salon=salon)
    customer = somebody()
    ok(customer.post("bookings", visit(salon, colour, NOON)), 201)
    assert claims_on(resource=room) == [("12:00", "13:30")]
    assert why(salon, fringe, at=f"{SUNDAY}T12:30:00+03:00") == ["resource_unavailable"]
    ResourceFactory.create(salon=salon)
    assert why(salon, fringe, at=f"{SUNDAY}T12:30:00+03:00") == []
    refused(
        customer.post("bookings", visit(salon, fringe, f"{SUNDAY}T12:30:00+03:00")), 409, "booking_overlap"
    )


# Rooms, chairs and devices


def test_two_people_with_one_shared_room_take_one_visit_at_a_time() -> None:
    salon, facial, _ = open_now(staff=2)
    needing(facial, "room")
    room = ResourceFactory.create(salon=salon, code="7", name_ar="غرفة هادئة", name_en="Quiet room")
    booked = ok(somebody(language="en").post("bookings", visit(salon, facial, NOON)), 201)
    assert booked["items"][0]["resources"] == [{"id": str(room.pk), "name": "Quiet room", "code": "7"}]
    assert why(salon, facial, at=NOON) == ["resource_unavailable"]
    told = refused(
        somebody(language="en").post("bookings", visit(salon, facial, NOON)), 422, "resource_unavailable"
    )
    assert told["params"]["reasons"] == ["resource_unavailable"]
    assert told["detail"] == "The room or device this service needs is not available at this time."
    assert "12:30" not in offered(salon, facial, date=SUNDAY)
    assert "13:00" in offered(salon, facial, date=SUNDAY)
    assert Booking.objects.count() == 1


def test_the_ticket_names_the_room_in_the_language_of_the_reader() -> None:
    salon, facial, _ = open_now()
    needing(facial, "room")
    ResourceFactory.create(salon=salon, code="7", name_ar="غرفة هادئة", name_en="Quiet room")
    customer = UserFactory.create()
    booked = ok(Api(customer).post("bookings", visit(salon, facial, NOON)), 201)
    for language, name in (("ar", "غرفة هادئة"), ("en", "Quiet room")):
        shown = ok(Api(customer, language=language).get(f"bookings/{booked['id']}"))
        assert [r["name"] for r in shown["items"][0]["resources"]] == [name]


@pytest.mark.parametrize("there", ["none", "of another kind", "switched off", "of another salon"])
def test_a_kind_of_which_nothing_is_in_use_makes_every_time_unavailable(there: str) -> None:
    salon, facial, _ = open_now()
    needing(facial, "hammam")
    if there == "of another kind":
        ResourceFactory.create(salon=salon, kind="room")
    elif there == "switched off":
        ResourceFactory.create(salon=salon, kind="hammam", is_active=False)
    elif there == "of another salon":
        ResourceFactory.create(kind="hammam")
    assert offered(salon, facial, date=SUNDAY) == []
    assert why(salon, facial, at=NOON) == ["resource_unavailable"]
    refused(somebody().post("bookings", visit(salon, facial, NOON)), 422, "resource_unavailable")


def test_a_service_takes_one_of_each_kind_it_needs() -> None:
    salon, laser, _ = open_now(staff=3)
    needing(laser, "room", "device")
    rooms = ResourceFactory.create_batch(2, salon=salon, kind="room")
    device = ResourceFactory.create(salon=salon, kind="device")
    booked = ok(somebody().post("bookings", visit(salon, laser, NOON)), 201)
    given = {r["id"] for r in booked["items"][0]["resources"]}
    assert str(device.pk) in given
    assert len(given & {str(r.pk) for r in rooms}) == 1
    assert why(salon, laser, at=NOON) == ["resource_unavailable"]  # a room is free, the device is not
    ResourceFactory.create(salon=salon, kind="device")
    again = ok(somebody().post("bookings", visit(salon, laser, NOON)), 201)
    assert given.isdisjoint(r["id"] for r in again["items"][0]["resources"])


def test_a_closed_room_is_not_given_but_may_be_tidied_up() -> None:
    salon, facial, _ = open_now(service={"duration_minutes": 60, "buffer_after_minutes": 15})
    needing(facial, "room")
    room = ResourceFactory.create(salon=salon)
    Closure.objects.create(
        salon=salon,
        resource=room,
        starts_at=datetime(2026, 11, 22, 10, tzinfo=UTC),  # 13:00 to 15:00 in Riyadh
        ends_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
    )
    free = offered(salon, facial, date=SUNDAY)
    assert [t for t in free if "11:30" <= t <= "15:30"] == ["11:30", "12:00", "15:00", "15:30"]
    assert why(salon, facial, at=f"{SUNDAY}T12:30:00+03:00") == ["resource_unavailable"]
    ok(somebody().post("bookings", visit(salon, facial, NOON)), 201)
    assert claims_on(resource=room) == [("12:00", "13:15")]
    # The salon itself has not closed.
    plain = performed_by(ServiceFactory.create(salon=salon), *salon.staff.all())
    assert why(salon, plain, at=f"{SUNDAY}T13:30:00+03:00") == []


def test_the_emptier_room_and_the_emptier_chair_come_first() -> None:
    salon, facial, [one, two] = open_now(staff=2)
    needing(facial, "room")
    first, second = (ResourceFactory.create(salon=salon, position=n) for n in range(2))
    given = []
    for hour in (10, 14, 18):
        body = visit(salon, facial, f"{SUNDAY}T{hour}:00:00+03:00")
        [line] = ok(somebody().post("bookings", body), 201)["items"]
        given.append((line["staff_member"]["id"], line["resources"][0]["id"]))
    assert given == [
        (str(one.pk), str(first.pk)),
        (str(two.pk), str(second.pk)),
        (str(one.pk), str(first.pk)),
    ]


def test_services_in_a_row_keep_one_room_and_each_has_its_own_person() -> None:
    salon, facial, [noura] = open_now()
    massage = ServiceFactory.create(salon=salon, duration_minutes=30)
    huda = StaffMemberFactory.create(salon=salon, name_en="Huda")
    StaffService.objects.create(service=massage, staff_member=huda)
    needing(facial, "room")
    needing(massage, "room")
    ResourceFactory.create_batch(2, salon=salon)
    body = visit(salon, [facial, massage], NOON)
    body["items"][0] = item(facial, noura)
    lines = ok(somebody().post("bookings", body), 201)["items"]
    assert [line["staff_member"]["id"] for line in lines] == [str(noura.pk), str(huda.pk)]
    assert lines[0]["resources"] == lines[1]["resources"]
    # One claim of the room, not two that touch: 12:00 to 12:45 and on to 13:15.
    assert Claim.objects.filter(calendar__resource_id=lines[0]["resources"][0]["id"]).count() == 1


def test_a_list_of_tickets_costs_the_same_for_one_and_for_many() -> None:
    salon, facial, _ = open_now(staff=2)
    needing(facial, "room", "chair")
    for kind in ("room", "chair"):
        ResourceFactory.create_batch(2, salon=salon, kind=kind)
    customer, desk = UserFactory.create(), employ(salon)
    mine, theirs = Api(customer), Api(desk)
    costs = set()
    for hour in (10, 12, 14):
        body = visit(salon, [facial, facial], f"{SUNDAY}T{hour}:00:00+03:00")
        ok(mine.post("bookings", body), 201)
        with CaptureQueriesContext(connection) as queries:
            shown = ok(mine.get("bookings"))["items"]
            asked = len(queries)
            assert shown == ok(mine.get("bookings", phase="upcoming"))["items"]
            ok(theirs.get(f"manage/salons/{salon.slug}/bookings"))
        assert all(len(line["resources"]) == 2 for ticket in shown for line in ticket["items"])
        costs.add((asked, len(queries)))
    assert len(shown) == 3
    assert len(costs) == 1


def test_the_longest_names_of_a_service_and_its_variant_stand_on_the_ticket_whole() -> None:
    salon, colour, _ = open_now(service={"name_ar": "ص" * 120, "name_en": "c" * 120})
    long = variant(colour, name_ar="ش" * 120, name_en="l" * 120)
    [line] = ok(somebody(language="en").post("bookings", visit(salon, long, NOON)), 201)["items"]
    assert line["service"]["name"] == f"{'c' * 120} – {'l' * 120}"
