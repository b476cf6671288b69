"""A full hour that comes free: somebody waits for it, somebody else gives it back, and it is kept and booked."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from backend.core.time import RIYADH
from backend.demo.phones import JourneyFailed, Phone, Walk, fresh_number

DAYS_AHEAD = 5


class Waiting(Walk):
    """Two new customers and one time."""

    def walk(self, salon: str) -> None:
        """`salon` is a slug. Raises JourneyFailed, or requests' own error when nobody answers."""
        self.step("Wait for a time that is taken, and get it", "قائمة الانتظار")
        first, second = Phone(self.base_url), Phone(self.base_url)
        waiting = fresh_number()
        self.sign_in_by_code(first, fresh_number())
        self.sign_in_by_code(second, waiting)
        place = first.call("GET", f"salons/{salon}").body
        service = place["services"][0]
        slot = self._free(first, salon, service)
        visit = {
            "salon_id": place["id"],
            "items": [{"service_id": service["id"], "staff_member_id": slot["staff_member_ids"][0]}],
            "starts_at": slot["starts_at"],
        }
        taken = first.call("POST", "bookings", visit, key=str(uuid.uuid4()), expect=201).body
        clock = slot["starts_at"][11:16]
        wish = {
            "salon_id": place["id"],
            **visit["items"][0],
            "date": slot["starts_at"][:10],
            "from": clock,
            "to": clock,
        }
        entry = second.call("POST", "waitlist", wish, key=str(uuid.uuid4()), expect=201).body
        self.note(f"POST waitlist → 201 {entry['state']} ({entry['state_label']}), {entry['date']} {clock}")
        first.call("POST", f"bookings/{taken['id']}/cancel", {"version": taken["version"]})
        self.note(f"somebody cancels {taken['reference']}")
        entry = second.call("GET", f"waitlist/{entry['id']}").body
        self.expect(entry["state"], "offered", "the place on the waiting list")
        self.note(f"kept until {entry['offer']['expires_at'][11:16]}: " + self._told(waiting))
        refusal = first.call("POST", "bookings", visit, key=str(uuid.uuid4()), expect=409).body
        self.note(f"whoever comes by meanwhile → 409 {refusal['code']}")
        path = f"waitlist/{entry['id']}/accept"
        booking = second.call("POST", path, {}, key=str(uuid.uuid4()), expect=201).body
        self.expect(booking["starts_at"], slot["starts_at"], "the accepted start")
        self.note(f"POST waitlist/…/accept → 201 {booking['reference']}, {booking['state_label']}")

    def _free(self, phone: Phone, salon: str, service: dict[str, Any]) -> dict[str, Any]:
        first = datetime.now(RIYADH).date() + timedelta(days=DAYS_AHEAD)
        asked = f"salons/{salon}/availability?service_ids={service['id']}&date={first}&days=14"
        for day in phone.call("GET", asked).body["days"]:
            if day["slots"]:
                slot: dict[str, Any] = day["slots"][len(day["slots"]) // 2]
                return slot
        raise JourneyFailed("no free time within two weeks")

    def _told(self, number: str) -> str:
        return " / ".join(self.inbox.to(number)[-1].splitlines())
