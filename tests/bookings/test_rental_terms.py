"""What cannot be rented, and the owner's list of what is let and on which terms."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.bookings.operations.paying import deposit_paid
from backend.salons.models import Closure
from tests.bookings.renting import (
    NOW,
    WEDNESDAY,
    all_of,
    at,
    lease,
    rent,
    suite,
)
from tests.factories import ResourceFactory, UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now() -> Any:
    with freeze_time(NOW):
        yield


# Wrong input


@pytest.mark.parametrize(
    ("times", "status", "code"),
    [
        ((at("12:00"), at("13:00")), 422, "length_not_offered"),
        ((at("12:00"), at("14:30")), 422, "length_not_offered"),
        ((at("12:00"), "2026-11-24T14:00:30+03:00"), 422, "length_not_offered"),
        ((at("12:00"), at("12:00", "2026-11-30")), 422, "length_not_offered"),
        (("2026-11-24T12:00:30+03:00", "2026-11-24T14:00:30+03:00"), 422, "not_on_grid"),
        ((at("12:10"), at("14:10")), 422, "not_on_grid"),
        ((at("12:00", "2026-11-22"), at("14:00", "2026-11-22")), 422, "past_time"),
        ((at("12:00", "2027-11-24"), at("14:00", "2027-11-24")), 422, "too_far"),
        ((at("14:00"), at("12:00")), 400, "validation_failed"),
        ((at("14:00"), at("14:00")), 400, "validation_failed"),
    ],
)
def test_times_that_cannot_be(times: tuple[str, str], status: int, code: str) -> None:
    rental = suite()
    for door in ("rentals", "rentals/quotes"):
        for language in ("ar", "en"):
            phone = Api(UserFactory.create(language=language), language=language)
            refused(phone.post(door, lease(rental, *times)), status, code)


def test_bodies_that_cannot_be() -> None:
    rental = suite()
    phone = Api(UserFactory.create())

    def pointers(body: Any) -> set[str]:
        problem = refused(phone.post("rentals", body), 400, "validation_failed")
        return {error["pointer"] for error in problem["errors"]}

    good = lease(rental, at("12:00"), at("14:00"))
    assert pointers({}) == {"/rental_id", "/starts_at", "/ends_at"}
    assert pointers(good | {"rental_id": str(uuid.uuid4())}) == {"/rental_id"}
    assert pointers(good | {"rental_id": 5}) == {"/rental_id"}
    assert pointers(good | {"ends_at": "2026-11-24T14:00:00"}) == {"/ends_at"}
    assert pointers(good | {"seats": 2}) == {"/seats"}
    refused(phone.post("rentals", good | {"expected_total_minor": 1}), 422, "amount_changed")
    wrong = [{"from": at("12:00")}, {"to": at("12:00")}, {"from": "soon", "to": at("11:00")}]
    for query in (*wrong, {"from": at("12:00"), "to": at("11:00")}):
        refused(Api().get("rentals", **query), 400, "validation_failed")
    refused(Api().get(f"rentals/{rental.pk}/availability", days=32), 400, "validation_failed")
    refused(Api().get(f"rentals/{rental.pk}/availability", duration_minutes=30), 422, "length_not_offered")


def test_a_womens_salon_lets_to_whoever_did_not_declare_otherwise() -> None:
    rental = suite(audience="women")
    body = lease(rental, at("12:00"), at("14:00"))
    refused(Api(UserFactory.create(gender="male")).post("rentals", body), 422, "women_only")
    ok(Api(UserFactory.create(gender="")).post("rentals", body), 201)


def test_a_repeat_with_the_same_key_rents_once() -> None:
    rental = suite()
    phone, key = Api(UserFactory.create()), uuid.uuid4()
    body = lease(rental, at("12:00"), at("14:00"))
    first, second = (ok(phone.post("rentals", body, key=key), 201) for _ in range(2))
    assert first["id"] == second["id"]
    assert Booking.objects.count() == 1


def test_a_closure_tells_of_the_rentals_it_collides_with_and_a_late_opening_does_not() -> None:
    rental = suite(rental={"max_minutes": 48 * 60})
    desk = Api(employ(rental.salon, "owner"))
    booking = rent(rental, at("18:00"), at("12:00", WEDNESDAY), by=UserFactory.create())
    path = f"manage/salons/{rental.salon.slug}/closures"
    night = {"kind": "moments", "starts_at": at("23:00"), "ends_at": at("23:30")}
    [hit] = ok(desk.post(path, night), 201)["affected_bookings"]
    assert (hit["id"], [reason["code"] for reason in hit["reasons"]], hit["offers"]) == (
        booking["id"],
        ["salon_closed"],
        [],
    )
    later = night | {"starts_at": at("12:00", WEDNESDAY), "ends_at": at("13:00", WEDNESDAY)}
    assert ok(desk.post(path, later), 201)["affected_bookings"] == []


@pytest.mark.parametrize("meanwhile", ["nobody", "another", "closed"])
def test_a_deposit_that_comes_late_gets_the_room_while_it_is_free(meanwhile: str) -> None:
    rental = suite(deposit_percent=20)
    booking = rent(rental, at("18:00"), at("12:00", WEDNESDAY), by=UserFactory.create())
    with freeze_time("2026-11-22T14:00:00Z"):
        late = timezone.now()
        if meanwhile == "another":
            other = UserFactory.create()
            ok(Api(other).post("rentals", lease(rental, at("10:00", WEDNESDAY), at("13:00", WEDNESDAY))), 201)
        elif meanwhile == "closed":
            Closure.objects.create(salon=rental.salon, kind="days", first_date=WEDNESDAY, last_date=WEDNESDAY)
        with transaction.atomic():
            stands = deposit_paid(uuid.UUID(booking["id"]), now=late)
    assert stands is (meanwhile == "nobody")
    assert (Booking.objects.get(pk=booking["id"]).state == "requested") is stands


# The owner's list


def test_an_owner_lets_a_room_changes_its_terms_and_lets_it_no_more() -> None:
    salon, _, _ = open_salon(deposit_percent=0, min_notice_minutes=0)
    room, desk = ResourceFactory.create(salon=salon), Api(employ(salon, "owner"))
    path = f"manage/salons/{salon.slug}/rentals"
    body = {
        "resource_id": str(room.pk),
        "name": {"ar": "الاستوديو", "en": "The studio"},
        "price_per_hour_minor": 9000,
        "min_minutes": 60,
        "max_minutes": 240,
    }
    made = ok(desk.post(path, body), 201)
    assert (made["step_minutes"], made["price_per_day"], made["version"]) == (60, None, 1)
    assert [row["name"] for row in all_of(salon)] == ["الاستوديو"]
    assert refused(desk.post(path, body), 400, "validation_failed")["errors"][0]["code"] == "already_exists"

    one = f"{path}/{made['id']}"
    changed = ok(
        desk.send("PATCH", one, body={"version": 1, "price_per_day_minor": 50000, "deposit_minor": 100})
    )
    assert (changed["price_per_day"]["amount_minor"], changed["version"]) == (50000, 2)
    stale = refused(desk.send("PATCH", one, body={"version": 1, "is_active": False}), 409, "version_conflict")
    assert stale["current"]["version"] == 2

    rental = salon.rentals.get()
    booking = rent(rental, at("12:00"), at("13:00"), by=UserFactory.create())
    answer = ok(desk.send("DELETE", one, query={"version": 2}))
    assert (answer["removed"], answer["item"]["is_active"]) == (False, False)
    assert all_of(salon) == []
    assert ok(desk.get(f"manage/bookings/{booking['id']}"))["rental"]["name"] == "الاستوديو"


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"price_per_hour_minor": None}, "/price_per_hour_minor", "field_required"),
        ({"max_minutes": 60, "min_minutes": 120}, "/max_minutes", "too_small"),
        ({"min_minutes": 90}, "/min_minutes", "not_in_steps"),
        ({"min_minutes": 30}, "/min_minutes", "too_small"),
        ({"max_minutes": 7 * 24 * 60 + 60}, "/max_minutes", "too_large"),
        ({"deposit_percent": 5, "deposit_minor": 5}, "/deposit_minor", "deposit_twice"),
        ({"resource_id": str(uuid.UUID(int=1))}, "/resource_id", "not_found"),
        ({"step_minutes": "60"}, "/step_minutes", "wrong_type"),
        ({"price_per_hour_minor": -1}, "/price_per_hour_minor", "too_small"),
    ],
)
def test_terms_that_do_not_go_together(wrong: dict[str, Any], pointer: str, code: str) -> None:
    salon, _, _ = open_salon()
    room, desk = ResourceFactory.create(salon=salon), Api(employ(salon, "owner"))
    body = {
        "resource_id": str(room.pk),
        "name": {"ar": "الاستوديو", "en": "The studio"},
        "price_per_hour_minor": 9000,
        "min_minutes": 60,
        "max_minutes": 240,
    }
    problem = refused(
        desk.post(f"manage/salons/{salon.slug}/rentals", body | wrong), 400, "validation_failed"
    )
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


def test_another_salons_room_cannot_be_let() -> None:
    salon, _, _ = open_salon()
    desk = Api(employ(salon, "owner"))
    foreign = suite()
    refused(desk.get(f"manage/salons/{salon.slug}/rentals/{foreign.pk}"), 404, "not_found")
    refused(desk.get(f"manage/salons/{foreign.salon.slug}/rentals"), 403, "permission_denied")
