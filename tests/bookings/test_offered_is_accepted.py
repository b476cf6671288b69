"""Offered ⇔ accepted, from the phone to the constraint: random salons, every listed start booked, all others refused.

Visits, rentals, sessions, offers of the waiting list and calendars elsewhere have taken some of the time.
`VISIT_EXAMPLES` raises the number of salons.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.bookings import operations
from backend.bookings.availability import Reason
from backend.bookings.queries import Wish
from backend.core.errors import DomainError
from tests.bookings.world import NOW, Undo, World
from tests.factories import UserFactory
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db


@settings(
    max_examples=int(os.environ.get("VISIT_EXAMPLES", "15")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(rng=st.randoms(use_true_random=False))
def test_every_listed_start_can_be_booked_and_every_other_minute_is_refused_as_explained(rng: Random) -> None:
    with freeze_time(NOW), transaction.atomic():
        world = World(rng)
        world.crowd()
        wishes = world.wishes()
        [day] = world.listed(wishes)["days"]
        listed = {datetime.fromisoformat(slot["starts_at"]): slot for slot in day["slots"]}
        for starts_at, slot in listed.items():
            accepted(world, wishes, starts_at, slot)
        told = refused_elsewhere(world, wishes, listed)
        explained(world, wishes, told)
        transaction.set_rollback(True)


def accepted(world: World, wishes: list[Wish], starts_at: datetime, slot: dict[str, Any]) -> None:
    try:
        with transaction.atomic():
            booking = world.book(wishes, starts_at)
            first = booking.items.first()
            assert first is not None
            assert str(first.staff_member_id) in slot["staff_member_ids"]
            assert booking.ends_at == datetime.fromisoformat(slot["ends_at"])
            assert str(booking.business_date) == slot["business_date"]
            raise Undo
    except Undo:
        pass


def refused_elsewhere(
    world: World, wishes: list[Wish], listed: dict[datetime, Any]
) -> dict[tuple[str, ...], datetime]:
    """A minute for every list of reasons met at the five-minute marks of the day and some minutes between them."""
    midnight = datetime(world.day.year, world.day.month, world.day.day, tzinfo=world.salon.zone)
    marks = {*range(0, 1440, 5), *(world.rng.randrange(1440) for _ in range(30))}
    told: dict[tuple[str, ...], datetime] = {}
    for starts_at in (midnight + timedelta(minutes=minute) for minute in sorted(marks)):
        try:
            operations.quote_booking(salon=world.salon, wishes=wishes, starts_at=starts_at, now=NOW)
            reasons: tuple[str, ...] = ()
            code = ""
        except DomainError as refusal:
            reasons, code = tuple(refusal.extra["params"]["reasons"]), refusal.code
        assert set(reasons) <= set(Reason)
        assert code == (reasons or ("",))[0]
        assert (reasons == ()) == (starts_at in listed), (starts_at, reasons)
        told.setdefault(reasons, starts_at)
    return told


def explained(world: World, wishes: list[Wish], told: dict[tuple[str, ...], datetime]) -> None:
    """Over HTTP, `explain` gives the very reasons a quote is refused for."""
    phone = Api(UserFactory.create())
    for reasons, starts_at in told.items():
        explanation = world.listed(wishes, explain=starts_at.isoformat())["explanation"]
        assert tuple(reason["code"] for reason in explanation["reasons"]) == reasons
        body = {
            "salon_id": str(world.salon.pk),
            "items": [
                {
                    "service_id": str(w.service_id),
                    "staff_member_id": w.staff_member_id and str(w.staff_member_id),
                }
                for w in wishes
            ],
            "starts_at": starts_at.isoformat(),
        }
        answer = phone.post("quotes", body)
        if reasons:
            assert answer.json()["code"] == reasons[0]
        else:
            ok(answer)
