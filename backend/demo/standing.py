"""How standing is lost and regained, over real HTTP: cancelling late raises the deposit, the owner lets go of it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from backend.core.time import RIYADH
from backend.demo.phones import JourneyFailed, Phone, Walk, fresh_number

DAYS_AHEAD = 6
FREE_UNTIL = 30 * 24
"""Hours. A cancellation is late at once, so nobody has to wait for the day."""


class Standing(Walk):
    """A customer of a salon that confirms by itself and usually asks for no deposit."""

    def walk(self, owner: Phone, salon_id: str) -> None:
        """All of it. Raises JourneyFailed, or requests' own error when nobody answers."""
        self.owner, self.salon_id = owner, salon_id
        self.customer, self.number = Phone(self.base_url), fresh_number()
        self.sign_in_by_code(self.customer, self.number)
        self.set_rules()
        self.cancel_late()
        self.regain()

    def set_rules(self) -> None:
        self.step("An owner asks more of who cancels late", "رفع العربون بعد الإلغاء المتأخر")
        salon = self.owner.call("GET", f"manage/salons/{self.salon_id}").body
        rule = {"version": salon["version"], "free_cancel_hours": FREE_UNTIL}
        self.owner.call("PATCH", f"manage/salons/{self.salon_id}", rule)
        business = salon["business"]
        steps = {"version": business["version"], "standing_steps": [30, 50, 100]}
        self.owner.call("PATCH", f"manage/businesses/{business['id']}", steps)
        self.note("PATCH manage/businesses/… → at least 30 %, 50 %, then 100 % of the price")

    def cancel_late(self) -> None:
        visit = self.visit()
        self.expect(self.deposit(visit), 0, "the usual deposit")
        booking = self.customer.call("POST", "bookings", visit, key=str(uuid.uuid4()), expect=201).body
        late = {"version": booking["version"]}
        self.customer.call("POST", f"bookings/{booking['id']}/cancel", late)
        quote = self.customer.call("POST", "quotes", visit).body
        self.note(
            f"the next quote asks for {quote['deposit']['display']}: {quote['deposit_reason']['detail']}"
        )
        [stands] = self.customer.call("GET", "me/standing").body["items"]
        self.expect(stands["deposit_percent"], 30, "the least deposit")
        [mark] = stands["recorded"]
        self.note(f"GET me/standing → {mark['kind_label']} {mark['booking']['reference']}: {mark['detail']}")
        for body in self.inbox.to(self.number)[-2:]:
            self.note("customer: " + " / ".join(body.splitlines()))

    def regain(self) -> None:
        book = f"manage/salons/{self.salon_id}/clients"
        local = "0" + self.number.removeprefix("+966")
        [client] = self.owner.call("GET", f"{book}?phone={local}").body["items"]
        word = {"reason": "ظرف طارئ"}
        self.owner.call("POST", f"{book}/{client['id']}/forgiveness", word, expect=201)
        self.expect(self.deposit(self.visit()), 0, "the deposit once the owner let go of it")
        self.note("the owner lets go of it → the usual deposit again")

    def visit(self) -> dict[str, Any]:
        service = self.customer.call("GET", f"salons/{self.salon_id}").body["services"][0]
        wanted = (service["variants"] or [service])[0]["id"]
        day = datetime.now(RIYADH).date() + timedelta(days=DAYS_AHEAD)
        asked = f"salons/{self.salon_id}/availability?service_ids={wanted}&date={day}"
        slots = self.customer.call("GET", asked).body["days"][0]["slots"]
        if not slots:
            raise JourneyFailed("no free time to cancel")
        return {
            "salon_id": self.salon_id,
            "items": [{"service_id": wanted}],
            "starts_at": slots[0]["starts_at"],
        }

    def deposit(self, visit: dict[str, Any]) -> int:
        return int(self.customer.call("POST", "quotes", visit).body["deposit"]["amount_minor"])
