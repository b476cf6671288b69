"""A booking's life over HTTP, in both languages, on an awkward Thursday night."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from backend.bookings.models import Booking, Claim
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
THURSDAY_EVENING = "2026-11-19T18:30:00Z"  # 21:30 in Riyadh


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time(THURSDAY_EVENING) as frozen:
        yield frozen


def body(salon: Any, service: Any, starts_at: str, **more: Any) -> dict[str, Any]:
    return {
        "salon_id": str(salon.id),
        "items": [{"service_id": str(service.id)}],
        "starts_at": starts_at,
    } | more


FRIDAY_NOON = "2026-11-20T12:00:00+03:00"


def test_a_salon_without_deposit_confirms_at_once(sent: Any) -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    customer = UserFactory.create()
    booking = ok(Api(customer).post("bookings", body(salon, service, FRIDAY_NOON)), 201)
    assert booking["state"] == "confirmed"
    assert booking["starts_at"] == FRIDAY_NOON
    assert booking["ends_at"] == "2026-11-20T12:45:00+03:00"
    assert booking["price"] == {"amount_minor": 11500, "currency": "SAR", "display": "115.00 ر.س"}
    assert booking["allowed_actions"] == ["cancel", "reschedule", "confirm_attendance"]
    [text] = sent(customer.phone)
    assert "تم تأكيد حجزك" in text
    assert "لمسة" not in text, "a women's salon is not named where others may read along"
    assert booking["reference"] in text


@pytest.mark.parametrize(("language", "label"), [("ar", "بانتظار القبول"), ("en", "Waiting for the salon")])
def test_a_request_waits_for_the_desk_and_is_confirmed(language: str, label: str, sent: Any) -> None:
    salon, service, _ = open_salon(deposit_percent=0)
    customer, desk = UserFactory.create(device_language=language), employ(salon)
    phone = Api(customer, language=language)
    booking = ok(phone.post("bookings", body(salon, service, FRIDAY_NOON)), 201)
    assert (booking["state"], booking["state_label"]) == ("requested", label)
    assert booking["respond_by"] == "2026-11-20T01:30:00+03:00"
    at_desk = Api(desk)
    seen = ok(at_desk.get(f"manage/bookings/{booking['id']}"))
    assert seen["allowed_actions"] == ["confirm", "decline", "cancel", "reschedule"]
    assert seen["customer"]["phone_masked"].endswith(customer.phone[-3:])
    assert customer.phone not in str(seen)
    confirmed = ok(at_desk.post(f"manage/bookings/{booking['id']}/confirm", {"version": 1}))
    assert (confirmed["state"], confirmed["version"]) == ("confirmed", 2)
    events = ok(phone.get(f"bookings/{booking['id']}/events"))["items"]
    assert [(e["from"], e["to"], e["actor"]) for e in events] == [
        (None, "requested", "customer"),
        ("requested", "confirmed", "salon"),
    ]
    assert len(sent(customer.phone)) == 2
    assert len(sent(desk.phone)) == 1


def test_a_deposit_holds_the_time_for_ten_minutes_then_gives_it_back(clock: Any) -> None:
    salon, service, _ = open_salon(auto_confirm=True)
    first, second = Api(UserFactory.create()), Api(UserFactory.create())
    held = ok(first.post("bookings", body(salon, service, FRIDAY_NOON)), 201)
    assert (held["state"], held["hold_expires_in_seconds"]) == ("held", 600)
    assert held["deposit"]["amount_minor"] == 2300
    assert held["allowed_actions"] == ["pay", "cancel"]
    refused(second.post("bookings", body(salon, service, FRIDAY_NOON)), 409, "slot_unavailable")
    clock.tick(timedelta(minutes=10))
    # No job has run: the dead hold blocks nobody and is written down by whoever meets it.
    assert ok(second.post("bookings", body(salon, service, FRIDAY_NOON)), 201)["state"] == "held"
    assert ok(first.get(f"bookings/{held['id']}"))["state"] == "expired"
    assert Claim.objects.filter(booking_id=held["id"], is_active=True).count() == 0


def test_every_reason_against_a_time_has_its_own_code_and_words() -> None:
    salon, service, _ = open_salon(deposit_percent=0, weekdays=(1, 2, 3, 4, 6, 7))
    phone = Api(UserFactory.create(), language="en")
    cases = {
        "2026-11-19T12:00:00+03:00": (422, "past_time"),
        "2026-11-19T22:00:00+03:00": (422, "too_soon"),
        "2027-03-01T12:00:00+03:00": (422, "too_far"),
        "2026-11-20T12:00:00+03:00": (422, "salon_closed"),
        "2026-11-21T09:30:00+03:00": (422, "outside_hours"),
        "2026-11-21T12:10:00+03:00": (422, "not_on_grid"),
        "2026-11-21T12:00:30+03:00": (422, "not_on_grid"),
    }
    for starts_at, (status, code) in cases.items():
        assert (
            code
            in refused(phone.post("bookings", body(salon, service, starts_at)), status, code)["params"][
                "reasons"
            ]
        )
    assert not Booking.objects.exists()


def test_what_is_listed_can_be_booked_and_what_is_booked_is_no_longer_listed() -> None:
    salon, service, staff = open_salon(deposit_percent=0, auto_confirm=True, staff=2)
    query = {"service_ids": str(service.id), "date": "2026-11-20", "days": 1}

    def starts() -> dict[str, list[str]]:
        [day] = ok(Api().get(f"salons/{salon.slug}/availability", **query))["days"]
        return {slot["starts_at"]: slot["staff_member_ids"] for slot in day["slots"]}

    before = starts()
    assert next(iter(before)) == "2026-11-20T10:00:00+03:00"
    assert list(before)[-1] == "2026-11-20T21:00:00+03:00"
    assert before[FRIDAY_NOON] == [str(s.id) for s in staff]
    for expected in (1, 0):
        ok(Api(UserFactory.create()).post("bookings", body(salon, service, FRIDAY_NOON)), 201)
        assert len(starts().get(FRIDAY_NOON, [])) == expected
    explained = ok(Api().get(f"salons/{salon.slug}/availability", explain=FRIDAY_NOON, **query))[
        "explanation"
    ]
    assert explained["bookable"] is False
    assert [r["code"] for r in explained["reasons"]] == ["slot_unavailable"]


def test_the_same_key_gives_the_same_booking_and_another_body_is_refused() -> None:
    salon, service, _ = open_salon(deposit_percent=0)
    phone = Api(UserFactory.create())
    key = "6f7a1e3e-2c9d-4b1a-9d0a-6a6f2b6b9b3a"
    first = phone.post("bookings", body(salon, service, FRIDAY_NOON), key=key)
    again = phone.post("bookings", body(salon, service, FRIDAY_NOON), key=f'"{key}"')
    assert ok(first, 201) == ok(again, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    refused(
        phone.post("bookings", body(salon, service, FRIDAY_NOON, note="x"), key=key),
        422,
        "idempotency_key_reused",
    )
    refused(
        phone.post("bookings", body(salon, service, FRIDAY_NOON), key="tap"), 400, "idempotency_key_required"
    )
    stranger = Api(UserFactory.create())
    refused(stranger.post("bookings", body(salon, service, FRIDAY_NOON), key=key), 409, "slot_unavailable")
    assert Booking.objects.count() == 1


def test_a_customer_is_in_one_chair_at_a_time() -> None:
    one, service_one, _ = open_salon(deposit_percent=0)
    two, service_two, _ = open_salon(deposit_percent=0)
    phone = Api(UserFactory.create())
    ok(phone.post("bookings", body(one, service_one, FRIDAY_NOON)), 201)
    refused(
        phone.post("bookings", body(two, service_two, "2026-11-20T12:30:00+03:00")), 409, "booking_overlap"
    )
    ok(phone.post("bookings", body(two, service_two, "2026-11-20T13:00:00+03:00")), 201)


def test_cancelling_frees_the_time_once_and_repeats_quietly(sent: Any) -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    customer = UserFactory.create()
    phone = Api(customer)
    booking = ok(phone.post("bookings", body(salon, service, FRIDAY_NOON)), 201)
    path = f"bookings/{booking['id']}/cancel"
    conflict = refused(phone.post(path, {"version": 7}), 409, "version_conflict")
    assert conflict["current"]["version"] == 1
    cancelled = ok(phone.post(path, {"version": 1, "reason": "سفر"}))
    assert (cancelled["state"], cancelled["phase"], cancelled["allowed_actions"]) == (
        "cancelled",
        "cancelled",
        [],
    )
    assert ok(phone.post(path, {"version": 1}))["version"] == 2
    ok(Api(UserFactory.create()).post("bookings", body(salon, service, FRIDAY_NOON)), 201)
    assert len(sent(customer.phone)) == 2


def test_the_price_the_person_saw_is_the_price_or_nothing() -> None:
    salon, service, _ = open_salon(deposit_percent=0)
    phone = Api(UserFactory.create())
    wrong = body(salon, service, FRIDAY_NOON, expected_total_minor=11400)
    assert refused(phone.post("bookings", wrong), 422, "amount_changed")["params"]["total_minor"] == 11500
    ok(phone.post("bookings", body(salon, service, FRIDAY_NOON, expected_total_minor=11500)), 201)


def test_a_quote_tells_price_tax_deposit_and_policy() -> None:
    salon, service, _ = open_salon()
    quote = ok(Api(UserFactory.create(), language="en").post("quotes", body(salon, service, FRIDAY_NOON)))
    parts = {k: v["amount_minor"] for k, v in quote["price_parts"].items()}
    assert parts == {"subtotal": 10000, "vat": 1500, "total": 11500}
    assert quote["deposit"]["amount_minor"] == 2300
    assert quote["cancellation"]["free_until"] == "2026-11-19T12:00:00+03:00"
    assert quote["items"][0]["service"]["name"] == "Haircut"


def test_a_night_shift_belongs_to_the_evening_before() -> None:
    salon, service, _ = open_salon(
        deposit_percent=0,
        auto_confirm=True,
        opens=20 * 60,
        closes=26 * 60,
        weekdays=(4,),
        min_notice_minutes=0,
    )
    query = {"service_ids": str(service.id), "date": "2026-11-20", "days": 1}
    [friday] = ok(Api().get(f"salons/{salon.slug}/availability", **query))["days"]
    assert [(s["starts_at"], s["business_date"]) for s in friday["slots"]] == [
        ("2026-11-20T00:00:00+03:00", "2026-11-19"),
        ("2026-11-20T00:30:00+03:00", "2026-11-19"),
        ("2026-11-20T01:00:00+03:00", "2026-11-19"),
    ]
    booking = ok(
        Api(UserFactory.create()).post("bookings", body(salon, service, "2026-11-20T00:30:00+03:00")), 201
    )
    assert booking["business_date"] == "2026-11-19"


def test_a_walk_in_is_confirmed_at_once_under_the_same_rule(sent: Any) -> None:
    salon, service, _ = open_salon()
    desk = Api(employ(salon))
    walk_in = {
        "items": [{"service_id": str(service.id)}],
        "starts_at": FRIDAY_NOON,
        "guest": {"name": "هند", "phone": "٠٥١٢٣٤٥٦٧٨"},
    }
    path = f"manage/salons/{salon.slug}/bookings"
    booking = ok(desk.post(path, walk_in), 201)
    assert (booking["state"], booking["customer"]) == (
        "confirmed",
        {"name": "هند", "phone_masked": "05•••••678", "is_guest": True},
    )
    assert len(sent("+966512345678")) == 1
    refused(desk.post(path, walk_in), 409, "slot_unavailable")
    assert [b["id"] for b in ok(desk.get(path, date="2026-11-20"))["items"]] == [booking["id"]]


def test_several_services_follow_each_other_by_who_can_do_them() -> None:
    from backend.salons.models import StaffService
    from tests.factories import ServiceFactory, StaffMemberFactory

    salon, cut, [one] = open_salon(deposit_percent=0, auto_confirm=True)
    colour = ServiceFactory.create(
        salon=salon, name_ar="صبغة", name_en="Colour", duration_minutes=60, price_minor=30000
    )
    two = StaffMemberFactory.create(salon=salon, name_en="Huda")
    StaffService.objects.create(staff_member=two, service=colour)
    wanted = body(salon, cut, FRIDAY_NOON)
    wanted["items"].append({"service_id": str(colour.id), "staff_member_id": None})
    booking = ok(Api(UserFactory.create()).post("bookings", wanted), 201)
    assert [(i["staff_member"]["id"], i["starts_at"]) for i in booking["items"]] == [
        (str(one.id), FRIDAY_NOON),
        (str(two.id), "2026-11-20T12:45:00+03:00"),
    ]
    assert booking["price"]["amount_minor"] == 41500


def test_a_guest_at_the_door_needs_no_notice_and_a_customer_does(sent: Any) -> None:
    salon, service, _ = open_salon(deposit_percent=0, min_notice_minutes=24 * 60)
    gone = "2026-11-19T09:00:00+03:00"
    noon = body(salon, service, FRIDAY_NOON)
    refused(Api(UserFactory.create()).post("bookings", noon), 422, "too_soon")
    walk_in = {"items": noon["items"], "starts_at": FRIDAY_NOON, "guest": {"name": "هند"}}
    desk = Api(employ(salon))
    ok(desk.post(f"manage/salons/{salon.slug}/bookings", walk_in), 201)
    refused(
        desk.post(f"manage/salons/{salon.slug}/bookings", walk_in | {"starts_at": gone}), 422, "past_time"
    )
