"""What the tests of bookings say again and again: bodies, questions, answers."""

from __future__ import annotations

from typing import Any

from backend.bookings.models import Claim
from backend.core.time import RIYADH
from tests.support.api import Api, ok


def item(service: Any, staff_member: Any = None) -> dict[str, Any]:
    return {"service_id": str(service.pk), "staff_member_id": str(staff_member.pk) if staff_member else None}


def visit(salon: Any, services: Any, starts_at: str, **more: Any) -> dict[str, Any]:
    """The body that books one service, or a list of them one after another, by anyone."""
    wanted = services if isinstance(services, list) else [services]
    return {"salon_id": str(salon.pk), "items": [item(s) for s in wanted], "starts_at": starts_at} | more


def ask(salon: Any, *services: Any, date: str, api: Api | None = None, **more: Any) -> dict[str, Any]:
    """What `availability` answers."""
    ids = ",".join(str(service.pk) for service in services)
    query = {"service_ids": ids, "date": date} | more
    return ok((api or Api()).get(f"salons/{salon.slug}/availability", **query))


def offered(salon: Any, *services: Any, date: str, **more: Any) -> list[str]:
    """The starts on offer on one day, as HH:MM."""
    [day] = ask(salon, *services, date=date, **more)["days"]
    return [slot["starts_at"][11:16] for slot in day["slots"]]


def why(salon: Any, *services: Any, at: str, **more: Any) -> list[str]:
    """The codes `explain` gives for a moment."""
    explanation = ask(salon, *services, date=at[:10], explain=at, **more)["explanation"]
    assert explanation["bookable"] is (explanation["reasons"] == [])
    assert all(reason["detail"] for reason in explanation["reasons"])
    return [reason["code"] for reason in explanation["reasons"]]


def claims_on(**owner: Any) -> list[tuple[str, str]]:
    """The time taken on one calendar in Riyadh, e.g. `claims_on(staff_member=noura)`."""
    rows = Claim.objects.filter(
        is_active=True, **{f"calendar__{name}": row for name, row in owner.items()}
    ).order_by("starts_at")
    return [
        (f"{row.starts_at.astimezone(RIYADH):%H:%M}", f"{row.ends_at.astimezone(RIYADH):%H:%M}")
        for row in rows
    ]
