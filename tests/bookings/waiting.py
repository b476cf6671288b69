"""What the tests of the waiting list say again and again."""

from __future__ import annotations

from typing import Any

from backend.accounts.models import User
from backend.bookings import operations
from backend.bookings.models import Booking, WaitlistEntry
from backend.bookings.operations.waitlist import join_waitlist
from backend.bookings.queries import Wish
from tests.bookings.visits import visit
from tests.factories import UserFactory
from tests.support.api import Api, ok

NOW = "2026-11-22T07:00:00Z"
"""A Sunday, ten in the morning in Riyadh."""
DAY = "2026-11-23"


class Phone(Api):
    """Signed in anew for each request: tests move the clock further than a token lives."""

    def __init__(self, user: User | None = None, *, language: str = "ar") -> None:
        self.user: User = user or UserFactory.create()
        super().__init__(self.user, language=language)

    def send(self, method: str, path: str, **more: Any) -> Any:
        self.headers["Authorization"] = Api(self.user).headers["Authorization"]
        return super().send(method, path, **more)


def at(clock: str, day: str = DAY) -> str:
    return f"{day}T{clock}:00+03:00"


def wish(
    salon: Any, service: Any, staff_member: Any = None, *, date: str = DAY, **more: Any
) -> dict[str, Any]:
    """The body that joins; `from_` stands for `from`."""
    body = {"salon_id": str(salon.pk), "service_id": str(service.pk), "date": date}
    if staff_member is not None:
        body["staff_member_id"] = str(staff_member.pk)
    return body | {name.rstrip("_"): value for name, value in more.items()}


def join(phone: Api, *wanted: Any, **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = ok(phone.post("waitlist", wish(*wanted, **more)), 201)
    return entry


def place(phone: Api, entry: dict[str, Any]) -> dict[str, Any]:
    """The place on the list as it is now."""
    found: dict[str, Any] = ok(phone.get(f"waitlist/{entry['id']}"))
    return found


def booked(
    salon: Any, service: Any, clock: str, *, day: str = DAY, phone: Api | None = None
) -> tuple[Api, Any]:
    """Somebody's booking, and their phone."""
    theirs = phone or Phone()
    return theirs, ok(theirs.post("bookings", visit(salon, service, at(clock, day))), 201)


def cancel(phone: Api, booking: dict[str, Any]) -> None:
    ok(phone.post(f"bookings/{booking['id']}/cancel", {"version": booking["version"]}))


def waits(salon: Any, service: Any, *, day: Any, now: Any, customer: Any = None) -> WaitlistEntry:
    """Somebody on the list, joined by the operation."""
    entry, _ = join_waitlist(
        customer=customer or UserFactory.create(), salon=salon, wish=Wish(service.pk), day=day, now=now
    )
    return entry


def taken_at(salon: Any, service: Any, starts_at: Any, *, now: Any, customer: Any = None) -> Booking:
    """A booking made by the operation."""
    return operations.create_booking(
        customer=customer or UserFactory.create(),
        salon=salon,
        wishes=[Wish(service.pk)],
        starts_at=starts_at,
        now=now,
    )
