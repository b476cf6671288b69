"""A suite by itself: the owner lets it, a bride's sister finds it free, and the owner agrees."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from backend.core.time import RIYADH
from backend.demo.phones import JourneyFailed, Phone, Walk, fresh_number

DAYS_AHEAD = 6
HOURS = 4
SUITE: dict[str, Any] = {
    "name": {"ar": "جناح العروس", "en": "Bridal suite"},
    "description": {"ar": "جناح خاص لتجهيز العروس ومرافقاتها", "en": "A suite for the bride and her company"},
    "price_per_hour_minor": 25_000,
    "price_per_day_minor": 150_000,
    "min_minutes": 120,
    "max_minutes": 2 * 24 * 60,
    "buffer_after_minutes": 30,
    "deposit_percent": 0,
    "damage_minor": 50_000,
}


class Renting(Walk):
    """A new customer, and the owner of a salon."""

    def walk(self, salon: str) -> None:
        """`salon` is a slug. Raises JourneyFailed, or requests' own error when nobody answers."""
        self.step("Rent the bridal suite for an evening", "استئجار جناح العروس")
        owner, customer, number = self.signed_in_as("owner"), Phone(self.base_url), fresh_number()
        self.sign_in_by_code(customer, number)
        suite = self._suite(owner, salon)
        starts_at = self._free(customer, suite)
        ends_at = (datetime.fromisoformat(starts_at) + timedelta(hours=HOURS)).isoformat()
        span = f"from={quote(starts_at)}&to={quote(ends_at)}"
        found = customer.call("GET", f"rentals?city=riyadh&{span}").body["items"]
        if suite["id"] not in {one["id"] for one in found}:
            raise JourneyFailed("the search does not know the suite")
        wanted = {"rental_id": suite["id"], "starts_at": starts_at, "ends_at": ends_at}
        price = customer.call("POST", "rentals/quotes", wanted).body["price"]
        self.note(f"GET rentals → {suite['name']}, {HOURS} hours for {price['display']}")
        wanted["expected_total_minor"] = price["amount_minor"]
        booking = customer.call("POST", "rentals", wanted, key=str(uuid.uuid4()), expect=201).body
        self.expect(booking["state"], "requested", "the rental's state")
        self.note(f"POST rentals → 201 {booking['reference']}, {booking['state_label']}")
        still = customer.call("GET", f"rentals?city=riyadh&{span}").body["items"]
        self.expect(
            [one for one in still if one["id"] == suite["id"]], [], "the suite, while the owner thinks"
        )
        path = f"manage/bookings/{booking['id']}/confirm"
        agreed = owner.call("POST", path, {"version": booking["version"]}).body
        self.expect(agreed["state"], "confirmed", "the rental's state")
        self.note("the owner agrees: " + " / ".join(self.inbox.to(number)[-1].splitlines()))

    def _suite(self, owner: Phone, salon: str) -> dict[str, Any]:
        """The suite, let now where it was not yet."""
        listed = owner.call("GET", f"salons/{salon}/rentals").body["items"]
        if not listed:
            room = {"kind": "suite", "code": "S1", "name": SUITE["name"]}
            made = owner.call("POST", f"manage/salons/{salon}/resources", room, expect=201).body
            owner.call(
                "POST", f"manage/salons/{salon}/rentals", SUITE | {"resource_id": made["id"]}, expect=201
            )
            listed = owner.call("GET", f"salons/{salon}/rentals").body["items"]
        suite: dict[str, Any] = listed[0]
        return suite

    def _free(self, phone: Phone, suite: dict[str, Any]) -> str:
        first = datetime.now(RIYADH).date() + timedelta(days=DAYS_AHEAD)
        asked = f"date={first}&days=7&duration_minutes={HOURS * 60}"
        for day in phone.call("GET", f"rentals/{suite['id']}/availability?{asked}").body["days"]:
            if day["slots"]:
                return str(day["slots"][-1]["starts_at"])
        raise JourneyFailed("the suite is never free")
