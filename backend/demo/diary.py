"""A staff member's day in a calendar app: an address is made, read as such an app does, and closed again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from icalendar import Calendar

from backend.demo.phones import Phone, Walk


class Diary(Walk):
    def walk(self, salon: str) -> None:
        """Raises JourneyFailed, or requests' own error when nobody answers."""
        self.step("Subscribe to my day in a calendar app", "الاشتراك في مواعيدي من تطبيق التقويم")
        owner = self.signed_in_as("owner")
        member = owner.call("GET", f"manage/salons/{salon}/staff").body["items"][0]
        path = f"manage/salons/{salon}/staff/{member['id']}/calendar-feed"
        address = self.address(owner, path)
        app = Phone(self.base_url)
        answer = app.open(address)
        self.expect(answer.status_code, 200, "the feed's status")
        visits: list[Any] = Calendar.from_ical(answer.content).walk("VEVENT")
        self.note(f"the app reads {len(visits)} visits, {len(answer.content)} bytes, no sign-in")
        for visit in visits[-3:]:
            self.note(f"{visit['DTSTART'].dt:%d/%m %H:%M} {visit['SUMMARY']} ({visit['STATUS']})")
        renewed = self.address(owner, path)
        self.expect(app.open(address).status_code, 404, "the old address")
        owner.call("DELETE", path, expect=204)
        self.expect(app.open(renewed).status_code, 404, "the closed address")
        self.note("a new address closes the one before, and DELETE the last: 404")

    def address(self, owner: Phone, path: str) -> str:
        url = owner.call("POST", path, expect=201).body["url"]
        return f"{self.base_url}{urlsplit(url).path}"
