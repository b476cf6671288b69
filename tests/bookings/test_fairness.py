"""Who serves a visit booked with anyone: the least loaded that day, then whoever was booked longest ago."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.bookings import operations
from backend.bookings.models import Booking
from backend.bookings.queries import Wish
from backend.core.time import RIYADH
from tests.bookings.desk import NOW, at, walk_in
from tests.bookings.visits import visit
from tests.factories import (
    ResourceFactory,
    ServiceFactory,
    UserFactory,
    employ,
    needing,
    open_salon,
    performed_by,
)
from tests.support.api import Api, ok
from tests.support.race import race

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOW) as frozen:  # Sunday 16:07 in Riyadh
        yield frozen


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True, "min_notice_minutes": 0} | more)


def book(salon: Any, service: Any, starts_at: str) -> dict[str, Any]:
    """With anyone, by somebody new."""
    booking: dict[str, Any] = ok(
        Api(UserFactory.create()).post("bookings", visit(salon, service, starts_at)), 201
    )
    return booking


def server(booking: dict[str, Any]) -> str:
    [item] = booking["items"]
    return str(item["staff_member"]["id"])


@settings(
    max_examples=int(os.environ.get("FAIRNESS_EXAMPLES", "10")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    people=st.integers(2, 4),
    starts=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=14, unique=True),
)
def test_visits_of_one_length_are_shared_out_evenly(people: int, starts: list[tuple[int, int]]) -> None:
    """Booked in any order, on any day, while everybody is free: per day nobody serves two more than another."""
    with freeze_time(NOW) as clock, transaction.atomic():
        salon, service, staff = open_now(staff=people, service={"duration_minutes": 60})
        shared = {day: Counter({person.pk: 0 for person in staff}) for day, _ in starts}
        last = {person.pk: -1 for person in staff}
        for turn, (day, hour) in enumerate(starts):
            clock.tick(timedelta(seconds=1))
            booking = operations.create_booking(
                customer=UserFactory.create(),
                salon=salon,
                wishes=[Wish(service.pk)],
                starts_at=datetime(2026, 11, 23 + day, 10 + hour, tzinfo=RIYADH),
                now=timezone.now(),
            )
            [chosen] = booking.items.values_list("staff_member", flat=True)
            # Equals are asked in turn, from day to day too; who never served comes in the order shown.
            assert chosen == min(last, key=lambda who: (shared[day][who], last[who]))
            shared[day][chosen] += 1
            last[chosen] = turn
        for counts in shared.values():
            assert max(counts.values()) - min(counts.values()) <= 1
        transaction.set_rollback(True)


def test_minutes_count_and_not_visits(clock: Any) -> None:
    salon, cut, [noura, hind] = open_now(staff=2)
    bride = performed_by(ServiceFactory.create(salon=salon, duration_minutes=120), noura)
    book(salon, bride, at("17:00"))
    clock.tick(timedelta(minutes=1))
    assert {server(book(salon, cut, at(time))) for time in ("19:00", "20:00")} == {str(hind.pk)}
    clock.tick(timedelta(minutes=1))
    # 90 minutes against 120, then 135.
    assert server(book(salon, cut, at("21:00"))) == str(hind.pk)
    assert server(book(salon, cut, at("20:00"))) == str(noura.pk)


def test_who_was_booked_longest_ago_is_next_among_equals(clock: Any) -> None:
    salon, service, staff = open_now(staff=3)
    served = []
    for day in ("2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-28"):
        clock.tick(timedelta(seconds=1))
        served.append(server(book(salon, service, at("12:00", day))))
    first, second, third = (str(person.pk) for person in staff)
    assert served == [first, second, third, first, second]


def test_a_visit_added_on_purpose_is_work_too(clock: Any) -> None:
    salon, service, [noura, hind] = open_now(staff=2)
    owner = Api(employ(salon, "owner"))
    for by, reason in ((noura, ""), (hind, ""), (noura, "عروس")):
        clock.tick(timedelta(seconds=1))
        ok(walk_in(owner, salon, service, at("18:00"), by=by, overbook_reason=reason), 201)
    ok(owner.post(f"manage/bookings/{Booking.objects.earliest('created_at').pk}/cancel", {"version": 1}))
    clock.tick(timedelta(seconds=1))
    assert server(book(salon, service, at("20:00"))) == str(hind.pk)
    assert server(book(salon, service, at("21:00"))) == str(noura.pk)


def test_a_hold_that_died_is_no_work(clock: Any) -> None:
    salon, service, [noura, hind] = open_now(staff=2, deposit_percent=20)
    ok(walk_in(Api(employ(salon)), salon, service, at("17:00"), by=noura), 201)
    clock.tick(timedelta(minutes=1))
    assert server(book(salon, service, at("18:00"))) == str(hind.pk)
    clock.tick(timedelta(minutes=10))  # it has run out, and nobody has written that down
    assert server(book(salon, service, at("19:00"))) == str(hind.pk)


def test_rooms_are_used_in_turn(clock: Any) -> None:
    salon, service, _ = open_now()
    needing(service, "room")
    rooms = [ResourceFactory.create(salon=salon, kind="room", position=place) for place in (1, 2)]
    given = []
    for time in ("17:00", "18:00", "19:00", "20:00"):
        clock.tick(timedelta(seconds=1))
        [item] = book(salon, service, at(time))["items"]
        given += [resource["id"] for resource in item["resources"]]
    assert given == [str(room.pk) for room in rooms] * 2


@pytest.mark.django_db(transaction=True)
def test_four_who_want_anyone_at_one_time_get_four_people() -> None:
    """The first choice of three of them is taken while they wait; each finds the next in the same transaction."""
    salon, service, staff = open_now(staff=4)
    starts_at = (timezone.now().astimezone(RIYADH) + timedelta(days=1)).replace(hour=12, minute=0, second=0)
    body = visit(salon, service, starts_at.isoformat(timespec="seconds"))
    callers = [Api(UserFactory.create()) for _ in range(4)]
    answers = race(*(partial(caller.post, "bookings", body) for caller in callers))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert {server(answer.json()) for answer in answers} == {str(person.pk) for person in staff}
