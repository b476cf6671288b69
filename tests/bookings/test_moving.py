"""Moving a booking: the same ticket at another time, or nothing at all."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking, Claim
from backend.bookings.operations import deposit_paid
from backend.salons.models import SalonStatus, StaffService
from tests.bookings.visits import claims_on, item, offered, visit, why
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


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time("2026-11-19T18:30:00Z") as frozen:  # Thursday 21:30 in Riyadh
        yield frozen


def at(time: str, day: str = SUNDAY) -> str:
    return f"{day}T{time}:00+03:00"


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True} | more)


def book(phone: Api, salon: Any, services: Any, time: str = "12:00") -> dict[str, Any]:
    return ok(phone.post("bookings", visit(salon, services, at(time))), 201)


def move(
    phone: Api, booking: dict[str, Any], starts_at: str, *, desk: bool = False, key: Any = None, **more: Any
) -> Any:
    path = f"{'manage/' if desk else ''}bookings/{booking['id']}/reschedule"
    body = {"version": booking["version"], "starts_at": starts_at} | more
    return phone.send("POST", path, body=body, headers={"Idempotency-Key": str(key)} if key else None)


def standing(booking: dict[str, Any]) -> tuple[Any, ...]:
    """Everything a failed move must leave as it was."""
    row = Booking.objects.get(pk=booking["id"])
    return (
        row.version,
        row.starts_at,
        row.ends_at,
        row.business_date,
        row.respond_by,
        list(
            row.items.values_list("pk", "staff_member_id", "starts_at", "ends_at", "resources__resource_id")
        ),
        list(row.claims.order_by("pk").values_list("calendar_id", "starts_at", "ends_at", "is_active")),
        list(row.events.values_list("pk", "verb")),
    )


def test_a_moved_booking_keeps_its_id_and_tells_where_it_was(sent: Any) -> None:
    salon, service, [noura] = open_now()
    customer, desk = UserFactory.create(), employ(salon)
    phone = Api(customer)
    booking = book(phone, salon, service)
    service.price_minor = 99900  # agreed is agreed
    service.save(update_fields=["price_minor"])

    moved = ok(move(phone, booking, at("15:30"), reason="زحمة"))

    for kept in ("id", "reference", "state", "price", "deposit", "created_at"):
        assert moved[kept] == booking[kept]
    assert (moved["version"], moved["starts_at"], moved["ends_at"]) == (2, at("15:30"), at("16:15"))
    assert [(i["starts_at"], i["ends_at"]) for i in moved["items"]] == [(at("15:30"), at("16:15"))]
    event = ok(phone.get(f"bookings/{booking['id']}/events"))["items"][-1]
    assert {k: event[k] for k in ("verb", "from", "to", "actor", "moved_from", "reason")} == {
        "verb": "reschedule",
        "from": "confirmed",
        "to": "confirmed",
        "actor": "customer",
        "moved_from": at("12:00"),
        "reason": "زحمة",
    }
    # The old time is free and the new one taken at once.
    assert claims_on(staff_member=noura) == claims_on(customer=customer) == [("15:30", "16:15")]
    free = offered(salon, service, date=SUNDAY)
    assert "12:00" in free
    assert "15:30" not in free
    [_, told] = sent(customer.phone)
    assert told == f"تم تغيير موعد حجزك رقم {booking['reference']}\nالجديد: الأحد 22/11 الساعة 3:30 م"
    [told] = sent(desk.phone)
    assert booking["reference"] in told
    assert "من العميل" in told


def test_the_longest_message_about_a_move_fits_one_arabic_text(sent: Any) -> None:
    salon, service, _ = open_now()
    customer = UserFactory.create()
    phone = Api(customer)
    ok(move(phone, book(phone, salon, service), at("12:30", "2026-11-25")))  # Wednesday has the longest name
    told = sent(customer.phone)[-1]
    assert "الأربعاء 25/11 الساعة 12:30 م" in told
    assert len(told) <= 70


def test_the_customer_is_told_in_their_own_language_whoever_moved_it(sent: Any) -> None:
    salon, service, _ = open_now()
    customer, desk = UserFactory.create(device_language="en"), employ(salon)
    booking = book(Api(customer, language="en"), salon, service)
    moved = ok(move(Api(desk, language="ar"), booking, at("15:30"), desk=True, reason="Noura is ill"))
    assert moved["version"] == 2
    assert sent(customer.phone)[-1] == (
        f"The salon has moved your booking {booking['reference']}\nSunday 22/11 at 3:30 PM\n"
        "Refusing is free of charge"
    )
    assert sent(desk.phone) == []  # the desk need not be told what it did
    event = ok(Api(customer).get(f"bookings/{booking['id']}/events"))["items"][-1]
    assert (event["actor"], event["moved_from"], event["reason"]) == ("salon", at("12:00"), "Noura is ill")


def test_a_booking_moves_into_its_own_time() -> None:
    salon, service, [noura] = open_now(service={"duration_minutes": 90, "buffer_after_minutes": 15})
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    assert why(salon, service, at=at("12:30")) == ["slot_unavailable"]
    moved = ok(move(phone, booking, at("12:30")))
    assert claims_on(staff_member=noura) == [("12:30", "14:15")]
    assert ok(move(phone, moved, at("12:30")))["version"] == 3  # to the very same minute, too
    assert claims_on(staff_member=noura) == [("12:30", "14:15")]


def test_a_booking_moves_to_another_person_and_only_to_one_who_can() -> None:
    salon, service, [noura, huda] = open_now(staff=2)
    idle = StaffMemberFactory.create(salon=salon)  # performs nothing
    stranger = StaffMemberFactory.create()
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    before = standing(booking)
    refused(move(phone, booking, at("12:00"), staff_member_id=str(idle.pk)), 422, "service_unavailable")
    told = refused(
        move(phone, booking, at("12:00"), staff_member_id=str(stranger.pk)), 400, "validation_failed"
    )
    assert [(e["code"], e["pointer"]) for e in told["errors"]] == [("not_found", "/staff_member_id")]
    assert standing(booking) == before

    moved = ok(move(phone, booking, at("12:00"), staff_member_id=str(huda.pk)))
    assert [i["staff_member"]["id"] for i in moved["items"]] == [str(huda.pk)]
    assert claims_on(staff_member=noura) == []
    assert claims_on(staff_member=huda) == [("12:00", "12:45")]


def test_each_service_keeps_its_person_and_its_room_where_they_are_free() -> None:
    salon, cut, [noura, huda] = open_now(staff=2)
    colour = performed_by(ServiceFactory.create(salon=salon, duration_minutes=60), noura, huda)
    needing(colour, "room")
    ResourceFactory.create(salon=salon)
    chosen = ResourceFactory.create(salon=salon)
    phone = Api(UserFactory.create())
    body = visit(salon, [cut, colour], at("12:00"))
    body["items"] = [item(cut, huda), item(colour, noura)]
    booking = ok(phone.post("bookings", body), 201)
    # The second room was given: the first was busy when it was booked.
    row = Booking.objects.get(pk=booking["id"])
    row.items.get(position=1).resources.update(resource=chosen)

    def who(shown: dict[str, Any]) -> list[tuple[str, list[str]]]:
        return [(i["staff_member"]["id"], [r["id"] for r in i["resources"]]) for i in shown["items"]]

    moved = ok(move(phone, booking, at("12:30")))
    assert who(moved) == [(str(huda.pk), []), (str(noura.pk), [str(chosen.pk)])]

    busy = visit(salon, cut, at("18:00"))
    busy["items"] = [item(cut, huda)]
    ok(Api(UserFactory.create()).post("bookings", busy), 201)
    moved = ok(move(phone, moved, at("18:00")))
    assert who(moved) == [(str(noura.pk), []), (str(noura.pk), [str(chosen.pk)])]


@pytest.mark.parametrize(
    "obstacle", ["booking", "room", "own booking", "closed", "grid", "notice", "horizon"]
)
def test_a_refused_move_leaves_the_booking_as_it_was(obstacle: str, sent: Any) -> None:
    salon, service, _ = open_now(staff=1 if obstacle == "booking" else 3)
    needing(service, "room")
    ResourceFactory.create_batch(1 if obstacle == "room" else 3, salon=salon)
    customer = UserFactory.create()
    phone = Api(customer)
    booking = book(phone, salon, service)
    if obstacle in ("booking", "room"):
        book(Api(UserFactory.create()), salon, service, "15:00")
    elif obstacle == "own booking":
        book(phone, salon, service, "15:00")
    target, code = {
        "booking": (at("15:00"), (409, "slot_unavailable")),
        "room": (at("15:00"), (422, "resource_unavailable")),
        "own booking": (at("15:00"), (409, "booking_overlap")),
        "closed": (at("23:00"), (422, "outside_hours")),
        "grid": (at("15:10"), (422, "not_on_grid")),
        "notice": ("2026-11-19T22:00:00+03:00", (422, "outside_hours")),
        "horizon": ("2027-03-01T12:00:00+03:00", (422, "too_far")),
    }[obstacle]
    if obstacle == "notice":
        salon.working_windows.update(closes_minute=24 * 60)
        code = (422, "too_soon")
    before, texts = standing(booking), len(sent(customer.phone))
    told = refused(move(phone, booking, target), *code)
    assert obstacle == "room" or code[1] in told["params"]["reasons"]
    assert standing(booking) == before
    assert len(sent(customer.phone)) == texts


def test_the_constraint_refuses_a_move_too_and_the_old_time_stands() -> None:
    """A claim that no question sees: of a hold that is dead by its clock while somebody is settling it."""
    salon, service, [noura] = open_now()
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    other = book(Api(UserFactory.create()), salon, service, "15:00")
    Claim.objects.filter(booking_id=other["id"]).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert why(salon, service, at=at("15:00")) == []
    before = standing(booking)
    refused(move(phone, booking, at("15:00")), 409, "slot_unavailable")
    assert standing(booking) == before
    assert claims_on(staff_member=noura) == [("12:00", "12:45"), ("15:00", "15:45")]


def test_a_stale_version_gets_the_booking_as_it_is_now() -> None:
    salon, service, _ = open_now()
    phone, desk = Api(UserFactory.create()), Api(employ(salon))
    booking = book(phone, salon, service)
    moved = ok(move(phone, booking, at("15:00")))
    for who, at_desk in ((phone, False), (desk, True)):
        told = refused(move(who, booking, at("16:00"), desk=at_desk), 409, "version_conflict")
        assert (told["current"]["version"], told["current"]["starts_at"]) == (2, at("15:00"))
    assert ok(move(desk, moved, at("16:00"), desk=True))["version"] == 3


def test_a_repeated_tap_moves_once() -> None:
    salon, service, _ = open_now()
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    key = uuid.uuid4()
    first, again = (move(phone, booking, at("15:00"), key=key) for _ in range(2))
    assert ok(first) == ok(again)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Booking.objects.get(pk=booking["id"]).events.count() == 2
    refused(move(phone, booking, at("16:00"), key=key), 422, "idempotency_key_reused")
    # A refused tap keeps nothing under its key.
    other = uuid.uuid4()
    refused(move(phone, ok(first), at("15:10"), key=other), 422, "not_on_grid")
    ok(move(phone, ok(first), at("16:00"), key=other))


def test_moving_does_not_dodge_the_fee_of_cancelling_late(clock: Any) -> None:
    salon, service, _ = open_now(deposit_percent=20)
    customer, desk = UserFactory.create(), employ(salon)
    phone = Api(customer)
    booking = book(phone, salon, service)
    deposit_paid(uuid.UUID(booking["id"]), now=timezone.now())
    booking = ok(phone.get(f"bookings/{booking['id']}"))
    assert booking["allowed_actions"] == ["cancel", "reschedule", "confirm_attendance"]
    booking = ok(move(phone, booking, at("13:00")))
    clock.move_to("2026-11-21T10:00:00Z")  # exactly 24 hours before
    phone = Api(customer)
    assert ok(phone.get(f"bookings/{booking['id']}"))["allowed_actions"] == ["cancel", "confirm_attendance"]
    before = standing(booking)
    told = refused(move(phone, booking, at("12:00", "2026-11-25")), 422, "reschedule_too_late")
    assert told["detail"]
    assert standing(booking) == before
    assert ok(move(Api(desk), booking, at("12:00", "2026-11-25"), desk=True))["version"] == 4


def test_without_a_fee_it_is_never_too_late(clock: Any) -> None:
    salon, service, _ = open_now(min_notice_minutes=0)
    customer = UserFactory.create()
    booking = book(Api(customer), salon, service)
    clock.move_to("2026-11-22T08:59:00Z")  # a minute before it begins
    booking = ok(move(Api(customer), booking, at("12:30")))
    clock.move_to("2026-11-22T09:30:00Z")
    refused(move(Api(customer), booking, at("16:00")), 409, "cannot_change_status")


@pytest.mark.parametrize("state", ["held", "cancelled", "declined", "completed", "begun", "dead"])
def test_only_a_request_or_a_confirmed_visit_still_to_come_is_moved(state: str, clock: Any) -> None:
    deposit = 20 if state == "held" else 0
    salon, service, _ = open_now(deposit_percent=deposit, auto_confirm=state not in ("declined", "dead"))
    customer, desk = UserFactory.create(), employ(salon)
    booking = book(Api(customer), salon, service)
    if state == "cancelled":
        ok(Api(customer).post(f"bookings/{booking['id']}/cancel", {"version": 1}))
    elif state == "declined":
        ok(Api(desk).post(f"manage/bookings/{booking['id']}/decline", {"version": 1}))
    elif state in ("begun", "completed"):
        clock.move_to("2026-11-22T09:00:00Z")
        if state == "completed":
            ok(Api(desk).post(f"manage/bookings/{booking['id']}/complete", {"version": 1}))
    elif state == "dead":
        clock.tick(timedelta(hours=4))
    phone = Api(customer)
    booking = ok(phone.get(f"bookings/{booking['id']}"))
    assert "reschedule" not in booking["allowed_actions"]
    before = standing(booking)
    refused(move(phone, booking, at("12:00", "2026-11-24")), 409, "cannot_change_status")
    refused(move(Api(desk), booking, at("12:00", "2026-11-24"), desk=True), 409, "cannot_change_status")
    assert standing(booking) == before


def test_a_request_that_is_moved_still_waits_for_its_answer_until_it_would_begin(clock: Any) -> None:
    salon, service, [noura] = open_now(auto_confirm=False, respond_within_minutes=3 * 24 * 60)
    customer = UserFactory.create()
    phone = Api(customer)
    booking = book(phone, salon, service)
    assert booking["respond_by"] == at("12:00")
    moved = ok(move(phone, booking, at("12:00", "2026-11-20")))
    assert (moved["state"], moved["respond_by"]) == ("requested", at("12:00", "2026-11-20"))
    assert set(Claim.objects.filter(booking_id=booking["id"]).values_list("expires_at", flat=True)) == {
        Booking.objects.get(pk=booking["id"]).respond_by
    }
    clock.move_to("2026-11-20T09:00:00Z")
    assert ok(Api(customer).get(f"bookings/{booking['id']}"))["state"] == "expired"
    assert claims_on(staff_member=noura) == []


def test_a_late_deposit_takes_back_the_new_time_and_not_the_old_one() -> None:
    salon, service, [noura] = open_now(auto_confirm=False)
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    ok(move(phone, booking, at("15:00")))
    Booking.objects.filter(pk=booking["id"]).update(state="expired")
    Claim.objects.filter(booking_id=booking["id"]).update(is_active=False)
    book(Api(UserFactory.create()), salon, service)  # the old time belongs to somebody else by now
    assert deposit_paid(uuid.UUID(booking["id"]), now=timezone.now()) is True
    assert claims_on(staff_member=noura) == [("12:00", "12:45"), ("15:00", "15:45")]


def test_a_walk_in_is_moved_by_the_desk_and_the_guest_is_told(sent: Any) -> None:
    salon, service, [noura] = open_now()
    desk = Api(employ(salon))
    guest = {"name": "هند", "phone": "0512345678"}
    body = {"items": [item(service)], "starts_at": at("12:00"), "guest": guest}
    booking = ok(desk.post(f"manage/salons/{salon.slug}/bookings", body), 201)
    moved = ok(move(desk, booking, at("12:30"), desk=True))
    assert moved["customer"]["is_guest"] is True
    assert claims_on(staff_member=noura) == [("12:30", "13:15")]
    assert "تم تغيير موعد حجزك" in sent("+966512345678")[-1]


def test_who_may_move_what() -> None:
    salon, service, _ = open_now()
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    elsewhere, *_ = open_now()
    for stranger in (Api(UserFactory.create()), Api(employ(elsewhere, "owner"))):
        refused(move(stranger, booking, at("15:00")), 404, "not_found")
        refused(move(stranger, booking, at("15:00"), desk=True), 404, "not_found")
    refused(move(Api(employ(salon, "staff")), booking, at("15:00"), desk=True), 403, "permission_denied")
    refused(move(Api(), booking, at("15:00")), 401, "auth_required")
    for role in ("receptionist", "manager", "owner"):
        ok(move(Api(employ(salon, role)), booking, at("15:00"), desk=True))
        booking["version"] += 1
    assert Booking.objects.get(pk=booking["id"]).version == 4


@pytest.mark.parametrize("gone", ["service", "person", "variants"])
def test_what_the_salon_no_longer_offers_is_not_given_a_new_time(gone: str) -> None:
    salon, service, [noura] = open_now()
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    if gone == "service":
        service.is_active = False
        service.save(update_fields=["is_active"])
    elif gone == "person":
        StaffService.objects.all().delete()
    else:
        variant(service)
    before = standing(booking)
    refused(move(phone, booking, at("15:00")), 422, "service_unavailable")
    assert standing(booking) == before
    assert noura.pk
    ok(phone.post(f"bookings/{booking['id']}/cancel", {"version": 1}))


def test_a_person_who_left_is_followed_by_whoever_performs_it() -> None:
    salon, service, [noura, huda] = open_now(staff=2)
    phone = Api(UserFactory.create())
    booking = book(phone, salon, service)
    noura.is_active = False
    noura.save(update_fields=["is_active"])
    moved = ok(move(phone, booking, at("12:00")))
    assert moved["items"][0]["staff_member"]["id"] == str(huda.pk)
    assert claims_on(staff_member=noura) == []


# A salon that does not take bookings


@pytest.mark.parametrize("status", [SalonStatus.SUSPENDED, SalonStatus.DRAFT, SalonStatus.IN_REVIEW])
def test_a_salon_that_is_not_live_gives_no_time_and_keeps_what_it_promised(status: str, clock: Any) -> None:
    salon, service, _ = open_now()
    receptionist = employ(salon)
    phone, desk = Api(UserFactory.create()), Api(receptionist)
    promised, other = book(phone, salon, service), book(phone, salon, service, "14:00")
    assert offered(salon, service, date=SUNDAY)  # known to this process
    salon.status = status
    salon.save(update_fields=["status"])

    for name in (salon.slug, salon.pk):
        refused(phone.get(f"salons/{name}/availability", service_ids=str(service.pk)), 404, "not_found")
    for path in ("quotes", "bookings"):
        told = refused(phone.post(path, visit(salon, service, at("15:00"))), 400, "validation_failed")
        assert [(e["code"], e["pointer"]) for e in told["errors"]] == [("not_found", "/salon_id")]
    walk_in = {"items": [item(service)], "starts_at": at("15:00"), "guest": {"name": "هند"}}
    refused(desk.post(f"manage/salons/{salon.slug}/bookings", walk_in), 422, "salon_not_live")
    before = standing(promised)
    refused(move(phone, promised, at("16:00")), 422, "salon_not_live")
    refused(move(desk, promised, at("16:00"), desk=True), 422, "salon_not_live")
    refused(move(phone, promised | {"version": 7}, at("16:00")), 409, "version_conflict")
    assert standing(promised) == before

    assert ok(phone.get(f"bookings/{promised['id']}"))["state"] == "confirmed"
    assert len(ok(phone.get("bookings"))["items"]) == 2
    assert len(ok(desk.get(f"manage/salons/{salon.slug}/bookings"))["items"]) == 2
    assert ok(phone.post(f"bookings/{other['id']}/cancel", {"version": 1}))["state"] == "cancelled"
    refused(move(phone, other | {"version": 2}, at("16:00")), 409, "cannot_change_status")
    clock.move_to("2026-11-22T09:00:00Z")
    assert (
        ok(Api(receptionist).post(f"manage/bookings/{promised['id']}/complete", {"version": 1}))["state"]
        == "completed"
    )
