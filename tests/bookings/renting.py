"""What the tests of rentals say again and again."""

from __future__ import annotations

from typing import Any

from backend.salons.models import Rental, Salon
from tests.factories import RentalFactory, open_salon
from tests.support.api import Api, ok

TODAY = "2026-11-22"
"""A Sunday; the tests stand at 16:07 of it in Riyadh."""
NOW = "2026-11-22T13:07:00Z"
TUESDAY, WEDNESDAY, THURSDAY = "2026-11-24", "2026-11-25", "2026-11-26"


def at(time: str, day: str = TUESDAY) -> str:
    return f"{day}T{time}:00+03:00"


def suite(*, rental: dict[str, Any] | None = None, **salon: Any) -> Rental:
    """A suite that can be rented, at a salon that is open from ten to ten."""
    place, _, _ = open_salon(**{"deposit_percent": 0, "min_notice_minutes": 0} | salon)
    return RentalFactory.create(salon=place, **rental or {})


def lease(rental: Rental, starts_at: str, ends_at: str, **more: Any) -> dict[str, Any]:
    """The body that rents it."""
    return {"rental_id": str(rental.pk), "starts_at": starts_at, "ends_at": ends_at} | more


def rent(rental: Rental, starts_at: str, ends_at: str, *, by: Any, **more: Any) -> dict[str, Any]:
    """The booking that somebody makes of it."""
    booking: dict[str, Any] = ok(Api(by).post("rentals", lease(rental, starts_at, ends_at, **more)), 201)
    return booking


def free(rental: Rental, minutes: int, *, date: str = TUESDAY, **more: Any) -> list[str]:
    """The starts at which it can be had for so long on one day, as HH:MM."""
    answer = ok(Api().get(f"rentals/{rental.pk}/availability", date=date, duration_minutes=minutes, **more))
    [day] = answer["days"]
    return [slot["starts_at"][11:16] for slot in day["slots"]]


def desk_verb(desk: Api, booking: dict[str, Any], verb: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = ok(
        desk.post(f"manage/bookings/{booking['id']}/{verb}", {"version": booking["version"]} | more)
    )
    return answer


def all_of(salon: Salon) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ok(Api().get(f"salons/{salon.slug}/rentals"))["items"]
    return rows
