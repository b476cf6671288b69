"""What the tests of group sessions say again and again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from backend.bookings.models import Session
from backend.bookings.operations.sessions import add_session, publish_session
from tests.factories import UserFactory, employ
from tests.support.api import Api, ok

NOW = "2026-11-22T07:00:00Z"
"""A Sunday, ten in the morning in Riyadh."""
DAY = "2026-11-24"


def at(clock: str, day: str = DAY) -> str:
    return f"{day}T{clock}:00+03:00"


def evening(*staff: Any, **more: Any) -> dict[str, Any]:
    """The body that writes down a henna evening, 18:00 to 20:00."""
    return {
        "title": {"ar": "أمسية حناء", "en": "Henna evening"},
        "staff_ids": [str(one.pk) for one in staff],
        "starts_at": at("18:00"),
        "ends_at": at("20:00"),
        "capacity": 3,
        "price_minor": 10000,
    } | more


def desk_of(salon: Any, *, role: str = "manager") -> Api:
    """The phone of somebody who works there, signed in now: a token lasts minutes."""
    return Api(employ(salon, role, UserFactory.create()))


def published(desk: Api, salon: Any, *staff: Any, **more: Any) -> dict[str, Any]:
    """A session on sale."""
    base = f"manage/salons/{salon.slug}/sessions"
    draft = ok(desk.post(base, evening(*staff, **more)), 201)
    found: dict[str, Any] = ok(desk.post(f"{base}/{draft['id']}/publish", {"version": draft["version"]}))
    return found


def on_sale(salon: Any, *staff: Any, starts_at: datetime, now: datetime, **more: Any) -> Session:
    """The same by operations."""
    values = {
        "title_ar": "أمسية حناء",
        "staff_ids": [one.pk for one in staff],
        "resource_ids": [],
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2),
        "capacity": 3,
        "price_minor": 10000,
    } | more
    row = add_session(salon=salon, values=values, now=now)
    return publish_session(salon=salon, session_id=row.pk, version=row.version, now=now)


def join(phone: Api, session: Any, seats: int = 1, **more: Any) -> dict[str, Any]:
    session_id = session["id"] if isinstance(session, dict) else session.pk
    booking: dict[str, Any] = ok(phone.post(f"sessions/{session_id}/seats", {"seats": seats} | more), 201)
    return booking


def seen(session: Any, phone: Api | None = None) -> dict[str, Any]:
    found: dict[str, Any] = ok((phone or Api()).get(f"sessions/{session['id']}"))
    return found


def cancel(phone: Api, booking: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = ok(
        phone.post(f"bookings/{booking['id']}/cancel", {"version": booking["version"]})
    )
    return found
