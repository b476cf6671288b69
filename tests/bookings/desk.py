"""What the tests of a salon's desk say again and again."""

from __future__ import annotations

from typing import Any

from tests.bookings.visits import item
from tests.support.api import Api, ok

TODAY = "2026-11-22"
"""A Sunday; the tests stand at 16:07 of it in Riyadh."""
NOW = "2026-11-22T13:07:00Z"


def at(time: str, day: str = TODAY) -> str:
    return f"{day}T{time}:00+03:00" if len(time) == 5 else f"{day}T{time}+03:00"


def walk_in(
    desk: Api,
    salon: Any,
    service: Any,
    starts_at: str,
    *,
    name: str = "هند",
    phone: str | None = None,
    by: Any = None,
    **more: Any,
) -> Any:
    """The answer to a guest being written down, by anyone or by a chosen person."""
    wanted = service if isinstance(service, list) else [service]
    body = {
        "items": [item(one, by) for one in wanted],
        "starts_at": starts_at,
        "guest": {"name": name, "phone": phone},
    }
    return desk.post(f"manage/salons/{salon.slug}/bookings", body | more)


def days_of(desk: Api, salon: Any, **query: Any) -> list[dict[str, Any]]:
    answer: dict[str, Any] = ok(desk.get(f"manage/salons/{salon.slug}/calendar", **query))
    days: list[dict[str, Any]] = answer["days"]
    assert answer["timezone"] == salon.timezone
    for day in days:
        shown = {booking["id"] for booking in day["bookings"]}
        columns = [*day["staff"], *day["resources"]]
        assert {block["booking_id"] for column in columns for block in column["blocks"]} == shown
        assert set(day["waiting"]) <= shown
    return days


def day_of(desk: Api, salon: Any, date: str = TODAY) -> dict[str, Any]:
    [day] = days_of(desk, salon, date=date)
    return day


def hours(span: dict[str, str]) -> tuple[str, str]:
    return span["starts_at"][11:16], span["ends_at"][11:16]


def blocks(day: dict[str, Any], owner: Any) -> list[dict[str, Any]]:
    """The blocks of one person or thing."""
    [found] = [c["blocks"] for c in [*day["staff"], *day["resources"]] if c["id"] == str(owner.pk)]
    return list(found)
