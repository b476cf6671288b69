"""An owner adds a visit on purpose: on a lane of its own, under the same constraint, with a reason that stays."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings import operations
from backend.bookings.models import LANES, Booking, Calendar, Claim
from backend.bookings.queries import Wish
from backend.core.time import RIYADH
from tests.bookings.desk import NOW, TODAY, at, blocks, day_of, hours, walk_in
from tests.bookings.visits import ask, offered, visit
from tests.factories import ResourceFactory, UserFactory, employ, needing, open_salon
from tests.support.api import Api, ok, refused
from tests.support.race import race


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOW) as frozen:  # Sunday 16:07 in Riyadh
        yield frozen


pytestmark = pytest.mark.django_db
frozen = pytest.mark.usefixtures("clock")
REASON = "عروس، لا بد منها"


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True, "min_notice_minutes": 0} | more)


def lanes(salon: Any, owner: Any) -> list[tuple[str, int]]:
    day = day_of(Api(employ(salon)), salon)
    return [(hours(block)[0], block["lane"]) for block in blocks(day, owner)]


@frozen
def test_an_owner_adds_a_visit_and_the_day_shows_where_it_stands() -> None:
    salon, service, [noura] = open_now()
    owner = employ(salon, "owner")
    first = ok(walk_in(Api(owner), salon, service, at("18:00")), 201)
    refused(walk_in(Api(owner), salon, service, at("18:15")), 409, "slot_unavailable")

    added = ok(walk_in(Api(owner), salon, service, at("18:15"), overbook_reason=REASON), 201)

    assert lanes(salon, noura) == [("18:00", 0), ("18:15", 1)]
    shown = {row["id"]: row["is_overbooked"] for row in day_of(Api(owner), salon)["bookings"]}
    assert shown == {first["id"]: False, added["id"]: True}
    event = Booking.objects.get(pk=added["id"]).events.get()
    assert (event.verb, event.actor, event.reason, event.changes) == (
        "create",
        owner,
        REASON,
        {"lane": [0, 1]},
    )
    # The third finds both lanes taken in a part of its time.
    ok(walk_in(Api(owner), salon, service, at("18:50"), overbook_reason=REASON), 201)
    ok(walk_in(Api(owner), salon, service, at("18:30"), overbook_reason=REASON), 201)
    assert lanes(salon, noura) == [("18:00", 0), ("18:15", 1), ("18:30", 2), ("18:50", 0)]


@frozen
def test_a_reason_alone_overbooks_nothing_that_is_free() -> None:
    salon, service, [noura] = open_now()
    written = ok(
        walk_in(Api(employ(salon, "owner")), salon, service, at("18:00"), overbook_reason=REASON), 201
    )
    booking = Booking.objects.get(pk=written["id"])
    assert booking.is_overbooked is False
    event = booking.events.get()
    assert (event.reason, event.changes) == ("", {})
    assert lanes(salon, noura) == [("18:00", 0)]


@frozen
@pytest.mark.parametrize("role", ["receptionist", "manager"])
def test_only_an_owner_may(role: str) -> None:
    salon, service, _ = open_now()
    desk = Api(employ(salon, role))
    refused(walk_in(desk, salon, service, at("18:00"), overbook_reason=REASON), 403, "permission_denied")
    other = employ(open_now()[0], "owner")
    refused(
        walk_in(Api(other), salon, service, at("18:00"), overbook_reason=REASON), 403, "permission_denied"
    )
    assert not Booking.objects.exists()


@frozen
def test_nine_may_be_added_and_no_more() -> None:
    salon, service, [noura] = open_now()
    owner = Api(employ(salon, "owner"))
    for _ in range(LANES + 1):
        ok(walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON), 201)
    refused(walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON), 409, "slot_unavailable")
    assert lanes(salon, noura) == [("18:00", lane) for lane in range(LANES + 1)]
    assert Booking.objects.count() == Calendar.objects.count() == LANES + 1
    ok(walk_in(owner, salon, service, at("18:45"), overbook_reason=REASON), 201)


@frozen
def test_a_cancelled_one_gives_its_lane_back() -> None:
    salon, service, [noura] = open_now()
    owner = Api(employ(salon, "owner"))
    _, added, _ = (
        ok(walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON), 201) for _ in range(3)
    )
    ok(owner.post(f"manage/bookings/{added['id']}/cancel", {"version": 1}))
    ok(walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON), 201)
    assert lanes(salon, noura) == [("18:00", 0), ("18:00", 1), ("18:00", 2)]


@frozen
def test_the_database_refuses_two_on_one_lane() -> None:
    salon, service, _ = open_now()
    owner = Api(employ(salon, "owner"))
    for _ in range(2):
        ok(walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON), 201)
    claim = Claim.objects.get(calendar__lane=1)
    with pytest.raises(IntegrityError, match="claim_no_overlap"), transaction.atomic():
        Claim.objects.create(
            calendar=claim.calendar, booking=claim.booking, starts_at=claim.starts_at, ends_at=claim.ends_at
        )


@frozen
def test_a_room_is_never_overbooked() -> None:
    salon, service, _ = open_now(staff=2)
    needing(service, "room")
    room = ResourceFactory.create(salon=salon, kind="room")
    owner = Api(employ(salon, "owner"))
    ok(walk_in(owner, salon, service, at("18:00")), 201)
    problem = walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON).json()
    assert problem["code"] in ("slot_unavailable", "resource_unavailable")
    assert Booking.objects.count() == 1
    ResourceFactory.create(salon=salon, kind="room")
    ok(walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON), 201)
    assert Claim.objects.filter(calendar__resource=room).count() == 1


@frozen
@pytest.mark.parametrize(
    ("time", "code"), [("21:30", "outside_hours"), ("03:00", "past_time"), ("18:00:30", "not_on_grid")]
)
def test_nothing_but_being_taken_is_passed_over(time: str, code: str) -> None:
    salon, service, _ = open_now()
    refused(walk_in(Api(employ(salon, "owner")), salon, service, at(time), overbook_reason=REASON), 422, code)


@frozen
def test_a_day_that_is_full_is_passed_over_on_purpose_too() -> None:
    salon, service, [noura] = open_now()
    noura.max_bookings_per_day = 1
    noura.save()
    owner = Api(employ(salon, "owner"))
    ok(walk_in(owner, salon, service, at("18:00")), 201)
    refused(walk_in(owner, salon, service, at("20:00")), 422, "day_full")
    added = ok(walk_in(owner, salon, service, at("20:00"), overbook_reason=REASON), 201)
    assert Booking.objects.get(pk=added["id"]).is_overbooked
    assert lanes(salon, noura) == [("18:00", 0), ("20:00", 0)]


@frozen
def test_an_added_visit_takes_nothing_that_is_on_offer() -> None:
    salon, service, [noura] = open_now()
    ok(walk_in(Api(employ(salon, "owner")), salon, service, at("18:00")), 201)
    before = ask(salon, service, date=TODAY)
    # They end when the other does, a little later, and much later.
    for time in ("18:00", "18:10", "18:40"):
        ok(walk_in(Api(employ(salon, "owner")), salon, service, at(time), overbook_reason=REASON), 201)
    assert {lane for _, lane in lanes(salon, noura)} == {0, 1, 2, 3}
    assert ask(salon, service, date=TODAY) == before
    assert "19:00" in offered(salon, service, date=TODAY)
    ok(Api(UserFactory.create()).post("bookings", visit(salon, service, at("19:00"))), 201)


@frozen
def test_moved_to_a_free_time_it_is_a_visit_like_any_other() -> None:
    salon, service, [noura] = open_now()
    owner = Api(employ(salon, "owner"))
    first = ok(walk_in(owner, salon, service, at("18:00")), 201)
    added = ok(walk_in(owner, salon, service, at("18:00"), overbook_reason=REASON), 201)
    path = f"manage/bookings/{added['id']}/reschedule"
    refused(owner.post(path, {"version": 1, "starts_at": at("18:30")}), 409, "slot_unavailable")
    ok(owner.post(path, {"version": 1, "starts_at": at("19:00")}))
    assert lanes(salon, noura) == [("18:00", 0), ("19:00", 0)]
    assert not Booking.objects.filter(is_overbooked=True).exists()
    # And where it stood alone on its lane, it may keep its time once the other is gone.
    ok(owner.post(f"manage/bookings/{first['id']}/cancel", {"version": 1}))
    ok(owner.post(path, {"version": 2, "starts_at": at("18:00")}))
    assert lanes(salon, noura) == [("18:00", 0)]


@frozen
def test_services_one_after_another_each_find_their_lane() -> None:
    salon, service, [noura] = open_now(service={"duration_minutes": 30})
    service.buffer_after_minutes = 10
    service.save()
    owner = Api(employ(salon, "owner"))
    ok(walk_in(owner, salon, service, at("18:30")), 201)
    added = ok(walk_in(owner, salon, [service, service], at("18:00"), overbook_reason=REASON), 201)
    day = day_of(owner, salon)
    [block] = [b for b in blocks(day, noura) if b["booking_id"] == added["id"]]
    assert (hours(block), block["lane"]) == (("18:00", "19:00"), 1)
    assert [hours(span) for span in block["taken"]] == [("18:00", "19:10")]


@pytest.mark.django_db(transaction=True)
def test_six_owners_at_once_find_six_lanes() -> None:
    salon, service, [noura] = open_salon(deposit_percent=0, auto_confirm=True)
    starts_at = (timezone.now().astimezone(RIYADH) + timedelta(days=1)).replace(
        hour=12, minute=0, second=0, microsecond=0
    )
    owners = [employ(salon, "owner") for _ in range(6)]
    add = partial(
        operations.write_walk_in,
        salon=salon,
        wishes=[Wish(service.id)],
        starts_at=starts_at,
        now=timezone.now(),
        guest_name="هند",
        overbook_reason=REASON,
    )
    outcomes = race(*(partial(add, staff_user=owner) for owner in owners))
    assert [type(outcome).__name__ for outcome in outcomes] == ["Booking"] * 6
    taken = Claim.objects.filter(calendar__staff_member=noura, is_active=True)
    assert sorted(taken.values_list("calendar__lane", flat=True)) == [0, 1, 2, 3, 4, 5]
    assert Booking.objects.filter(is_overbooked=True).count() == 5
