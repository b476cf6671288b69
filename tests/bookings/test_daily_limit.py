"""A daily limit counts business dates, in every zone and on the days clocks change."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.operations import deposit_paid
from tests.bookings.visits import offered, visit, why
from tests.factories import UserFactory, open_salon
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db


def night_salon(**more: Any) -> Any:
    """Open every night from 20:00 to noon, with one person who takes one visit a night."""
    salon, service, [noura] = open_salon(
        **{"deposit_percent": 0, "auto_confirm": True, "opens": 20 * 60, "closes": 36 * 60} | more
    )
    noura.max_bookings_per_day = 1
    noura.save()
    return salon, service


def book(salon: Any, service: Any, starts_at: str) -> dict[str, Any]:
    booking: dict[str, Any] = ok(
        Api(UserFactory.create()).post("bookings", visit(salon, service, starts_at)), 201
    )
    return booking


@freeze_time("2026-10-20T08:00:00Z")
@pytest.mark.parametrize(
    ("zone", "night", "late", "early"),
    [
        ("Asia/Riyadh", "2026-10-24", "2026-10-25T11:00:00+03:00", "2026-10-24T21:00:00+03:00"),
        ("Asia/Kolkata", "2026-10-24", "2026-10-25T11:00:00+05:30", "2026-10-24T21:00:00+05:30"),
        ("Pacific/Kiritimati", "2026-10-24", "2026-10-25T11:00:00+14:00", "2026-10-24T21:00:00+14:00"),
        # Clocks go back that night: noon is thirteen hours after midnight.
        ("Europe/Berlin", "2026-10-24", "2026-10-25T11:00:00+01:00", "2026-10-24T21:00:00+02:00"),
        # In Beirut they do at midnight itself, which comes twice.
        ("Asia/Beirut", "2026-10-24", "2026-10-25T11:00:00+02:00", "2026-10-24T21:00:00+03:00"),
    ],
)
def test_the_last_hour_of_a_night_counts_for_the_evening_it_began(
    zone: str, night: str, late: str, early: str
) -> None:
    salon, service = night_salon(timezone=zone)
    assert why(salon, service, at=early) == []
    assert book(salon, service, late)["business_date"] == night
    assert why(salon, service, at=early) == ["day_full"]
    assert "21:00" not in offered(salon, service, date=night)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_deposit_that_arrives_late_takes_no_place_that_was_given_away_meanwhile(limit: int) -> None:
    with freeze_time("2026-10-20T08:00:00Z") as clock:
        salon, service = night_salon(deposit_percent=20, opens=10 * 60, closes=22 * 60)
        salon.staff.update(max_bookings_per_day=limit)
        late = book(salon, service, "2026-10-24T12:00:00+03:00")
        clock.tick(timedelta(minutes=10))
        book(salon, service, "2026-10-24T15:00:00+03:00")
        assert deposit_paid(uuid.UUID(late["id"]), now=timezone.now()) is (limit == 2)
        assert why(salon, service, at="2026-10-24T18:00:00+03:00") == ["day_full"]
