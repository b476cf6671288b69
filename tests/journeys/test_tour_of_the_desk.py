"""What a desk looks up and changes about rooms, sessions and holidays, in the language of its phone."""

from __future__ import annotations

import pytest
from freezegun import freeze_time

from tests.bookings.sessions import NOW, desk_of, evening, published
from tests.factories import ResourceFactory, open_salon
from tests.support.api import ok, refused

pytestmark = pytest.mark.django_db


@freeze_time(NOW)
def test_a_room_is_let_on_other_terms_and_then_no_more() -> None:
    salon, _, _ = open_salon()
    desk, room = desk_of(salon, role="owner"), ResourceFactory.create(salon=salon)
    path = f"manage/salons/{salon.slug}/rentals"
    body = {
        "resource_id": str(room.pk),
        "name": {"ar": "جناح العروس", "en": "The bridal suite"},
        "price_per_hour_minor": 30000,
        "min_minutes": 120,
        "max_minutes": 480,
    }
    made = ok(desk.post(path, body), 201)
    assert [row["id"] for row in ok(desk.get(path))["items"]] == [made["id"]]
    one = f"{path}/{made['id']}"
    dearer = {"version": made["version"], "price_per_hour_minor": 35000}
    changed = ok(desk.send("PATCH", one, body=dearer))
    assert ok(desk.get(one)) == changed
    assert changed["price_per_hour"]["amount_minor"] == 35000
    refused(desk.send("PATCH", one, body=dearer), 409, "version_conflict")
    assert ok(desk.send("DELETE", one, query={"version": changed["version"]})) == {
        "removed": True,
        "item": None,
    }
    assert ok(desk.get(path))["items"] == []


@freeze_time(NOW)
def test_a_session_is_written_down_changed_and_found_in_the_list() -> None:
    salon, _, [noura, huda] = open_salon(staff=2)
    desk = desk_of(salon)
    path = f"manage/salons/{salon.slug}/sessions"
    draft = ok(desk.post(path, evening(noura)), 201)
    larger = {
        "version": draft["version"],
        "capacity": 8,
        "minimum_seats": 2,
        "decide_by": "2026-11-23T18:00:00+03:00",
    }
    assert ok(desk.send("PATCH", f"{path}/{draft['id']}", body=larger))["capacity"] == 8
    on_sale = published(desk, salon, huda)
    assert {row["id"] for row in ok(desk.get(path))["items"]} == {draft["id"], on_sale["id"]}


@freeze_time(NOW)
def test_the_holidays_of_the_coming_year_are_told_with_what_is_sure_of_them() -> None:
    salon, _, _ = open_salon()
    found = ok(desk_of(salon, role="owner").get(f"manage/salons/{salon.slug}/holidays"))["items"]
    assert len(found) == 4
    assert all(row["name"] and row["first_date"] <= row["last_date"] for row in found)
