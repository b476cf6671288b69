"""A henna evening: the salon publishes it, somebody joins with a friend, and the salon has to call it off."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from backend.core.time import RIYADH
from backend.demo.phones import JourneyFailed, Phone, Walk, fresh_number

DAYS_AHEAD = 6
DAYS_TRIED = 21
SEATS = 4


class Gathering(Walk):
    def walk(self, salon: str) -> None:
        """`salon` is a slug. Raises JourneyFailed, or requests' own error when nobody answers."""
        self.step("Join a henna evening with a friend", "حضور أمسية حناء مع صديقة")
        owner = self.signed_in_as("owner")
        desk = f"manage/salons/{salon}/sessions"
        session = self._publish(owner, desk, salon)
        self.note(f"POST …/publish → {session['title']['en']}, {session['starts_at'][:16]}, {SEATS} seats")
        guest, number = Phone(self.base_url), fresh_number()
        self.sign_in_by_code(guest, number)
        path = f"sessions/{session['id']}"
        shown = guest.call("GET", path).body
        total = 2 * shown["price"]["amount_minor"]
        wish = {"seats": 2, "expected_total_minor": total}
        booking = guest.call("POST", f"{path}/seats", wish, key=str(uuid.uuid4()), expect=201).body
        self.note(f"POST {path[:8]}/…/seats → 201 {booking['reference']}, {booking['state_label']}")
        self.expect(guest.call("GET", path).body["seats_left"], SEATS - 2, "the seats left")
        late = Phone(self.base_url)
        self.sign_in_by_code(late, fresh_number())
        refusal = late.call("POST", f"{path}/seats", {"seats": 3}, key=str(uuid.uuid4()), expect=409).body
        self.note(f"three more → 409 {refusal['code']}, {refusal['params']['seats_left']} left")
        off = owner.call(
            "POST",
            f"{desk}/{session['id']}/cancel",
            {"version": session["version"], "reason": "The artist is ill"},
        ).body
        self.expect((off["state"], off["end"]["is_closing"]), ("cancelled", False), "the session")
        self.note("called off: " + " / ".join(self.inbox.to(number)[-1].splitlines()))

    def _publish(self, owner: Phone, desk: str, salon: str) -> dict[str, Any]:
        """On the first evening on which the first member of staff is free."""
        member = owner.call("GET", f"manage/salons/{salon}/staff").body["items"][0]
        first = datetime.now(RIYADH).replace(hour=17, minute=0, second=0, microsecond=0)
        draft = owner.call(
            "POST",
            desk,
            {
                "title": {"ar": "أمسية حناء", "en": "Henna evening"},
                "staff_ids": [member["id"]],
                **_evening(first + timedelta(days=DAYS_AHEAD)),
                "capacity": SEATS,
                "price_minor": 12000,
                "deposit_percent": 0,
            },
            expect=201,
        ).body
        for ahead in range(DAYS_AHEAD, DAYS_AHEAD + DAYS_TRIED):
            changes = {"version": draft["version"], **_evening(first + timedelta(days=ahead))}
            draft = owner.call("PATCH", f"{desk}/{draft['id']}", changes).body
            answer = owner.call(
                "POST",
                f"{desk}/{draft['id']}/publish",
                {"version": draft["version"]},
                expect=(200, 409, 422),
            )
            if answer.status == 200:
                published: dict[str, Any] = answer.body
                return published
        raise JourneyFailed(f"no free evening within {DAYS_TRIED} days")


def _evening(begins: datetime) -> dict[str, str]:
    return {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=2)).isoformat()}
