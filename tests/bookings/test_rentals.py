"""A room by itself, for hours or days: found, quoted, rented, answered, moved and given back, over HTTP."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from freezegun import freeze_time

from backend.bookings.models import Booking, Claim
from backend.salons.models import Closure
from tests.bookings.desk import blocks, day_of, days_of, walk_in
from tests.bookings.renting import (
    NOW,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    all_of,
    at,
    desk_verb,
    free,
    lease,
    rent,
    suite,
)
from tests.bookings.visits import claims_on, visit
from tests.factories import RentalFactory, ResourceFactory, UserFactory, employ, needing, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now() -> Any:
    with freeze_time(NOW):
        yield


# Finding and quoting


@pytest.mark.parametrize(("language", "name"), [("ar", "جناح العروس"), ("en", "Bridal suite")])
def test_a_suite_is_found_quoted_rented_and_approved(language: str, name: str) -> None:
    rental = suite(rental={"damage_minor": 50000})
    customer, owner = UserFactory.create(language=language), employ(rental.salon, "owner")
    phone, desk = Api(customer, language=language), Api(owner, language=language)

    [found] = ok(phone.get("rentals", city="riyadh", **{"from": at("12:00"), "to": at("15:00")}))["items"]
    assert (found["name"], found["price"]["amount_minor"]) == (name, 60000)
    assert found["damage_hold"]["amount_minor"] == 50000

    quote = ok(phone.post("rentals/quotes", lease(rental, at("12:00"), at("15:00"))))
    assert (quote["rental"]["name"], quote["price"]["amount_minor"]) == (name, 60000)
    assert quote["cancellation"]["free_until"] == "2026-11-23T12:00:00+03:00"

    body = lease(rental, at("12:00"), at("15:00"), expected_total_minor=60000, note="شموع")
    booking = ok(phone.post("rentals", body), 201)
    assert (booking["kind"], booking["state"], booking["items"]) == ("rental", "requested", [])
    assert booking["rental"] == {
        "id": str(rental.pk),
        "name": name,
        "resource": found["resource"],
        "damage_hold": found["damage_hold"],
    }
    assert booking["allowed_actions"] == ["cancel", "reschedule"]
    assert free(rental, 120) == ["10:00", "15:00", "15:30", *_halves(16, 20)]

    confirmed = desk_verb(desk, booking, "confirm")
    assert (confirmed["state"], confirmed["rental"]["name"]) == ("confirmed", name)
    [mine] = ok(phone.get("bookings"))["items"]
    assert mine["rental"]["name"] == name
    assert claims_on(customer=customer) == []


def _halves(first: int, last: int) -> list[str]:
    """Every half hour, `first` o'clock to `last` o'clock."""
    return [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(first * 60, last * 60 + 1, 30)]


@pytest.mark.parametrize(
    ("prices", "ends", "expected"),
    [
        ({"price_per_hour_minor": 20000, "price_per_day_minor": None}, at("14:30"), 50000),
        ({"price_per_hour_minor": 20000, "price_per_day_minor": 150000}, at("20:00"), 150000),
        ({"price_per_hour_minor": 20000, "price_per_day_minor": 150000}, at("14:00", WEDNESDAY), 190000),
        ({"price_per_hour_minor": None, "price_per_day_minor": 150000}, at("13:00", WEDNESDAY), 300000),
        ({"price_per_hour_minor": 333, "price_per_day_minor": None}, at("14:30"), 833),
    ],
    ids=["by the half hour", "never more than a day", "a day and two hours", "days begun", "rounded up"],
)
def test_hours_and_days_have_their_prices(prices: dict[str, Any], ends: str, expected: int) -> None:
    rental = suite(rental={"step_minutes": 30, **prices})
    quote = ok(Api(UserFactory.create()).post("rentals/quotes", lease(rental, at("12:00"), ends)))
    assert quote["price"]["amount_minor"] == expected


def test_search_shows_only_what_is_free_then_at_live_salons_in_few_queries(
    django_assert_max_num_queries: Any,
) -> None:
    taken, small, other = suite(), suite(rental={"max_minutes": 180}), suite(city__slug="jeddah")
    suite(status="draft")
    suite(rental={"is_active": False})
    rent(taken, at("16:00"), at("18:00"), by=UserFactory.create())

    def found(**asked: str) -> set[uuid.UUID]:
        return {uuid.UUID(row["id"]) for row in ok(Api().get("rentals", **asked))["items"]}

    assert found() == {taken.pk, small.pk, other.pk}
    assert found(city="jeddah") == {other.pk}
    assert found(**{"from": at("15:00"), "to": at("17:00")}) == {small.pk, other.pk}
    assert found(**{"from": at("12:00"), "to": at("16:00")}) == {taken.pk, other.pk}
    assert found(**{"from": at("08:00"), "to": at("11:00")}) == set()
    for _ in range(6):
        suite()
    with django_assert_max_num_queries(9):
        assert len(found(**{"from": at("12:00"), "to": at("15:00")})) == 9


def test_pages_of_the_search_hold_every_rental_once() -> None:
    rentals = {str(suite().pk) for _ in range(5)}
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = ok(Api().get("rentals", **query))
        seen += [row["id"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(seen) == sorted(rentals)


def test_a_salon_shows_what_it_lets_and_one_of_them_by_itself() -> None:
    rental = suite()
    off = RentalFactory.create(salon=rental.salon, is_active=False)
    [shown] = all_of(rental.salon)
    assert ok(Api().get(f"rentals/{rental.pk}")) == shown
    refused(Api().get(f"rentals/{off.pk}"), 404, "not_found")
    refused(Api().get(f"rentals/{uuid.uuid4()}/availability"), 404, "not_found")


def test_an_expired_token_does_not_spoil_the_search() -> None:
    suite()
    stranger = Api()
    stranger.headers["Authorization"] = "Bearer gone"
    assert len(ok(stranger.get("rentals"))["items"]) == 1
    refused(stranger.post("rentals", {}), 401, "token_invalid")


# Time


def test_it_begins_and_ends_in_opening_hours_and_may_last_through_the_night() -> None:
    rental = suite(rental={"max_minutes": 48 * 60})
    assert free(rental, 14 * 60) == [*_halves(20, 21), "21:30"]  # not from 22:00 on: the doors are shut
    phone = Api(UserFactory.create())
    refused(phone.post("rentals", lease(rental, at("21:00"), at("02:00", WEDNESDAY))), 422, "outside_hours")
    booking = ok(phone.post("rentals", lease(rental, at("20:00"), at("12:00", WEDNESDAY))), 201)
    assert (booking["business_date"], booking["ends_at"]) == (TUESDAY, at("12:00", WEDNESDAY))


def test_several_days_take_adjacent_claims_of_a_day_at_most() -> None:
    rental = suite()
    rent(rental, at("12:00"), at("14:00", THURSDAY), by=UserFactory.create())
    claims = Claim.objects.filter(calendar__resource=rental.resource_id).order_by("starts_at")
    assert [(c.starts_at.astimezone(UTC).day, c.ends_at - c.starts_at) for c in claims] == [
        (24, claims[0].ends_at - claims[0].starts_at),
        (25, claims[0].ends_at - claims[0].starts_at),
        (26, claims[2].ends_at - claims[2].starts_at),
    ]
    assert claims[0].ends_at == claims[1].starts_at
    assert claims[1].ends_at == claims[2].starts_at
    assert free(rental, 120, date=WEDNESDAY) == []
    assert free(rental, 120, date=THURSDAY)[0] == "14:00"


def test_a_salon_open_past_midnight_lets_over_midnight() -> None:
    place, _, _ = open_salon(opens=16 * 60, closes=27 * 60, deposit_percent=0, min_notice_minutes=0)
    rental = RentalFactory.create(salon=place)
    booking = rent(rental, at("23:00"), at("02:00", WEDNESDAY), by=UserFactory.create())
    assert booking["business_date"] == TUESDAY
    late = rent(rental, at("02:00", WEDNESDAY), at("18:00", WEDNESDAY), by=UserFactory.create())
    assert late["business_date"] == TUESDAY


def test_buffers_keep_the_next_one_away() -> None:
    rental = suite(rental={"buffer_before_minutes": 30, "buffer_after_minutes": 60})
    rent(rental, at("14:00"), at("16:00"), by=UserFactory.create())
    assert claims_on(resource=rental.resource) == [("13:30", "17:00")]
    assert [start for start in free(rental, 120) if "11:00" < start < "18:00"] == ["17:30"]


def test_closures_of_the_salon_and_of_the_room_refuse_and_prayer_does_not() -> None:
    rental = suite(prayer_pause="chosen", pause_prayers=["asr"], prayer_pause_minutes=30)
    customer = Api(UserFactory.create())
    ok(customer.post("rentals", lease(rental, at("14:00"), at("18:00"))), 201)
    Closure.objects.create(salon=rental.salon, kind="days", first_date=WEDNESDAY, last_date=WEDNESDAY)
    Closure.objects.create(
        salon=rental.salon,
        resource=rental.resource,
        kind="moments",
        starts_at=datetime.fromisoformat(at("12:00", THURSDAY)),
        ends_at=datetime.fromisoformat(at("13:00", THURSDAY)),
    )
    across = lease(rental, at("20:00"), at("12:00", THURSDAY))
    refused(customer.post("rentals", across), 422, "salon_closed")
    in_it = lease(rental, at("11:00", THURSDAY), at("14:00", THURSDAY))
    refused(customer.post("rentals", in_it), 422, "resource_unavailable")
    assert free(rental, 120, date=WEDNESDAY) == []
    assert free(rental, 120, date=THURSDAY)[:2] == ["10:00", "13:00"]


# Overlaps, both ways


def test_what_is_let_and_a_visit_that_needs_it_exclude_each_other() -> None:
    rental = suite()
    salon, room = rental.salon, rental.resource
    service = needing(salon.services.get(), room.kind)
    client, renter = Api(UserFactory.create()), Api(UserFactory.create())
    ok(client.post("bookings", visit(salon, service, at("12:00"))), 201)
    refused(renter.post("rentals", lease(rental, at("11:00"), at("13:00"))), 422, "resource_unavailable")
    ok(renter.post("rentals", lease(rental, at("13:00"), at("15:00"))), 201)
    refused(client.post("bookings", visit(salon, service, at("14:00"))), 422, "resource_unavailable")
    ResourceFactory.create(salon=salon, kind=room.kind)
    ok(client.post("bookings", visit(salon, service, at("14:00"))), 201)


def test_whoever_rents_may_have_their_hair_done_meanwhile() -> None:
    rental = suite()
    bride = Api(UserFactory.create())
    ok(bride.post("rentals", lease(rental, at("12:00"), at("18:00"))), 201)
    ok(bride.post("bookings", visit(rental.salon, rental.salon.services.get(), at("13:00"))), 201)


# The owner's answer


def test_a_request_keeps_the_time_until_it_is_declined() -> None:
    rental = suite()
    owner, customer = Api(employ(rental.salon, "owner")), UserFactory.create()
    booking = rent(rental, at("12:00"), at("15:00"), by=customer)
    assert booking["respond_by"] == "2026-11-22T20:07:00+03:00"
    other = lease(rental, at("13:00"), at("15:00"))
    refused(Api(UserFactory.create()).post("rentals", other), 422, "resource_unavailable")
    declined = desk_verb(owner, booking, "decline", reason="صيانة")
    assert declined["state"] == "declined"
    ok(Api(UserFactory.create()).post("rentals", other), 201)


def test_a_request_nobody_answers_gives_the_time_back_without_any_job() -> None:
    rental = suite()
    rent(rental, at("12:00"), at("15:00"), by=UserFactory.create())
    with freeze_time("2026-11-22T17:08:00Z"):
        ok(Api(UserFactory.create()).post("rentals", lease(rental, at("12:00"), at("15:00"))), 201)
    assert sorted(Booking.objects.values_list("state", flat=True)) == ["expired", "requested"]


def test_what_is_let_at_once_is_confirmed_though_the_salon_answers_visits_by_hand() -> None:
    rental = suite(rental={"auto_confirm": True}, auto_confirm=False)
    booking = rent(rental, at("12:00"), at("15:00"), by=UserFactory.create())
    assert (booking["state"], booking["respond_by"]) == ("confirmed", None)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, 12000),
        ({"deposit_percent": 50}, 30000),
        ({"deposit_minor": 25000}, 25000),
        ({"deposit_minor": 99999}, 60000),
    ],
    ids=["the salon's", "a percentage", "an amount", "never more than the price"],
)
def test_a_deposit_is_a_percentage_or_an_amount(own: dict[str, Any], expected: int) -> None:
    rental = suite(rental=own, deposit_percent=20)
    booking = rent(rental, at("12:00"), at("15:00"), by=UserFactory.create())
    assert (booking["state"], booking["deposit"]["amount_minor"]) == ("held", expected)
    assert booking["allowed_actions"] == ["pay", "cancel"]


# Changing it


def test_it_moves_by_its_length_and_price_and_gives_its_old_time_back() -> None:
    rental = suite(max_reschedules=2)
    customer = UserFactory.create()
    booking = rent(rental, at("12:00"), at("15:00"), by=customer)
    phone = Api(customer)
    moved = ok(
        phone.post(
            f"bookings/{booking['id']}/reschedule",
            {"version": booking["version"], "starts_at": at("14:00", WEDNESDAY)},
        )
    )
    assert (moved["starts_at"], moved["ends_at"]) == (at("14:00", WEDNESDAY), at("17:00", WEDNESDAY))
    assert moved["price"] == booking["price"]
    assert claims_on(resource=rental.resource) == [("14:00", "17:00")]
    events = ok(phone.get(f"bookings/{booking['id']}/events"))["items"]
    assert events[-1]["moved_from"] == at("12:00")

    named = {
        "version": moved["version"],
        "starts_at": at("16:00", WEDNESDAY),
        "staff_member_id": str(uuid.uuid4()),
    }
    body = refused(phone.post(f"bookings/{booking['id']}/reschedule", named), 400, "validation_failed")
    assert body["errors"][0]["pointer"] == "/staff_member_id"
    late = {"version": moved["version"], "starts_at": at("20:00", WEDNESDAY)}
    refused(phone.post(f"bookings/{booking['id']}/reschedule", late), 422, "outside_hours")


def test_what_is_no_longer_let_cannot_be_moved_and_can_be_cancelled() -> None:
    rental = suite()
    customer = UserFactory.create()
    booking = rent(rental, at("12:00"), at("15:00"), by=customer)
    rental.is_active = False
    rental.save(update_fields=["is_active"])
    move = {"version": booking["version"], "starts_at": at("16:00")}
    refused(Api(customer).post(f"bookings/{booking['id']}/reschedule", move), 422, "service_unavailable")
    cancelled = ok(Api(customer).post(f"bookings/{booking['id']}/cancel", {"version": booking["version"]}))
    assert cancelled["state"] == "cancelled"
    assert claims_on(resource=rental.resource) == []


# The desk


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_desk_writes_down_a_guest_who_rents_by_phone(language: str, sent: Any) -> None:
    rental = suite(rental={"damage_minor": 50000}, deposit_percent=20)
    desk = Api(employ(rental.salon, "receptionist"), language=language)
    path = f"manage/salons/{rental.salon.slug}/rentals/{rental.pk}/guests"
    body = {
        "starts_at": at("12:10"),
        "ends_at": at("15:10"),
        "guest": {"name": "هند", "phone": "0512345678"},
        "note": "زفة",
    }
    key = "7d9f3c0e-9f5e-4a55-8a55-0d6a1c2b3d4e"
    booking = ok(desk.post(path, body, key=key), 201)
    assert (booking["kind"], booking["state"], booking["source"]) == ("rental", "confirmed", "desk")
    assert (booking["customer"]["name"], booking["price"]["amount_minor"]) == ("هند", 60000)
    assert booking["deposit"]["amount_minor"] == 0
    assert Booking.objects.get().damage_minor == 0, "there is no app in which a bank could ask"
    assert len(sent("+966512345678")) == 1
    assert ok(desk.post(path, body, key=key), 201) == booking
    assert "12:00" not in free(rental, 180)
    refused(desk.post(path, body), 422, "resource_unavailable")
    phone = Api(UserFactory.create(), language=language)
    refused(phone.post("rentals", lease(rental, at("13:00"), at("16:00"))), 422, "resource_unavailable")
    cancelled = desk_verb(desk, booking, "cancel")
    assert cancelled["state"] == "cancelled"
    assert "12:00" in free(rental, 180)


def test_a_guests_rental_keeps_to_lengths_hours_and_the_salon() -> None:
    rental = suite()
    owner = Api(employ(rental.salon, "owner"))
    path = f"manage/salons/{rental.salon.slug}/rentals/{rental.pk}/guests"

    def body(starts: str, ends: str, **more: Any) -> dict[str, Any]:
        return {"starts_at": at(starts), "ends_at": at(ends), "guest": {"name": "هند"}} | more

    refused(owner.post(path, body("12:00", "13:00")), 422, "length_not_offered")
    refused(owner.post(path, body("07:00", "12:00")), 422, "outside_hours")
    wrong = refused(owner.post(path, body("12:00", "11:00")), 400, "validation_failed")
    assert [(one["pointer"], one["code"]) for one in wrong["errors"]] == [("/ends_at", "ends_before_start")]
    refused(owner.post(path, body("12:00", "14:00", guest=None)), 400, "validation_failed")
    elsewhere = path.replace(str(rental.pk), str(suite().pk))
    refused(owner.post(elsewhere, body("12:00", "14:00")), 404, "not_found")
    refused(Api(employ(rental.salon, "staff")).post(path, body("12:00", "14:00")), 403, "permission_denied")


def test_the_desk_sees_it_in_the_rooms_column_on_each_of_its_days() -> None:
    rental = suite()
    desk = Api(employ(rental.salon, "receptionist"))
    booking = rent(rental, at("12:00"), at("13:00", THURSDAY), by=UserFactory.create())
    for day in days_of(desk, rental.salon, date=TUESDAY, days=3):
        [block] = blocks(day, rental.resource)
        assert (block["booking_id"], block["services"]) == (booking["id"], [])
        assert block["rental"] == {"id": str(rental.pk), "name": "جناح العروس"}
    listed = ok(desk.get(f"manage/salons/{rental.salon.slug}/bookings", date=TUESDAY))["items"]
    assert [row["kind"] for row in listed] == ["rental"]
    assert blocks(day_of(desk, rental.salon, TUESDAY), rental.salon.staff.get()) == []
    ok(walk_in(desk, rental.salon, rental.salon.services.get(), at("12:00")), 201)


def test_it_is_checked_in_and_completed_as_a_visit_is() -> None:
    rental = suite(rental={"auto_confirm": True})
    owner = employ(rental.salon, "owner")
    booking = rent(rental, at("12:00"), at("15:00"), by=UserFactory.create())
    with freeze_time("2026-11-24T09:01:00Z"):
        desk = Api(owner)
        arrived = desk_verb(desk, booking, "check-in")
        done = desk_verb(desk, arrived, "complete")
    assert (done["state"], done["phase"]) == ("completed", "past")


# What is kept of it


def test_whoever_leaves_takes_their_rentals_along_and_gives_the_room_back() -> None:
    rental = suite()
    customer = UserFactory.create()
    booking = rent(rental, at("12:00"), at("15:00"), by=customer)
    phone = Api(customer)
    exported = json.dumps(ok(phone.get("me/export")), ensure_ascii=False)
    assert booking["reference"] in exported
    assert "جناح العروس" in exported
    ok(phone.send("DELETE", "me"))
    assert Booking.objects.get().state == "cancelled"
    assert claims_on(resource=rental.resource) == []


def test_a_calendar_file_names_what_is_let_and_when() -> None:
    rental = suite(rental={"auto_confirm": True})
    customer = UserFactory.create(language="en")
    booking = rent(rental, at("12:00"), at("12:00", WEDNESDAY), by=customer)
    text = Api(customer, language="en").get(f"bookings/{booking['id']}/calendar.ics").content.decode()
    assert "Bridal suite" in text
    assert "DTEND;TZID=Asia/Riyadh:20261125T120000" in text
