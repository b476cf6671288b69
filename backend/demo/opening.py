"""How a salon comes to be, over real HTTP: its owner opens it, the platform approves it, a customer books it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from backend.core.time import RIYADH
from backend.demo.phones import JourneyFailed, Phone, Walk, fresh_number
from backend.demo.pictures import draw

NAME = {"ar": "دار الأناقة", "en": "Dar Al Anaqa"}
TYPED = "الاناقه"
"""The same name as people type it."""
WEEK = ("saturday", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday")
DAYS_AHEAD = 5


class Opening(Walk):
    """An owner opens a salon from nothing."""

    def walk(self) -> None:
        """All of it. Raises JourneyFailed, or requests' own error when nobody answers."""
        self.owner = Phone(self.base_url)
        self.sign_in_by_code(self.owner, fresh_number())
        self.open()
        self.set_hours()
        self.fill()
        self.approve()
        self.book()

    def open(self) -> None:
        self.step("An owner opens a salon from nothing", "فتح صالون جديد")
        body = {
            "business": {
                "name": {"ar": "مؤسسة الأناقة", "en": "Al Anaqa Est."},
                "vat_number": "٣١٠٠٠٠٠٠٠٠٠٠٠٠٣",
            },
            "name": NAME,
            "audience": "women",
            "city": "riyadh",
            "district": "riyadh-al-olaya",
            "location": {"latitude": 24.69, "longitude": 46.68},
            "licence_number": "4400998877",
            "auto_confirm": True,
            "prayer_pause": "friday",
        }
        salon = self.owner.call("POST", "manage/salons", body, expect=201).body
        self.id = salon["id"]
        self.note(f"POST manage/salons → 201 {salon['slug']}, {salon['status']}")

    def set_hours(self) -> None:
        windows = [{"day": day, "opens": "14:00", "closes": "23:00"} for day in WEEK]
        self.owner.call("PUT", self.at("working-windows"), {"windows": windows})
        nights = [{"day": day, "opens": "٢١:٠٠", "closes": "٠٢:٠٠"} for day in WEEK]
        ramadan = {
            "name": {"ar": "رمضان", "en": "Ramadan"},
            "hijri": {"from_month": 9, "from_day": 1, "to_month": 9, "to_day": 30},
            "windows": nights,
        }
        season = self.owner.call("POST", self.at("seasons"), ramadan, expect=201).body
        self.note(
            f"hours 14:00 to 23:00; in Ramadan 21:00 to 02:00, bookings affected: {season['affected_total']}"
        )

    def fill(self) -> None:
        """Somebody who works there, a room, a service with two variants that needs it, a photo."""
        member = {"name": {"ar": "ليان", "en": "Layan"}, "gender": "female", "languages": ["ar", "en"]}
        staff = self.owner.call("POST", self.at("staff"), member, expect=201).body
        room = {"kind": "room", "code": "1", "name": {"ar": "الغرفة الأولى", "en": "First room"}}
        self.owner.call("POST", self.at("resources"), room, expect=201)
        service = {
            "category": "skin",
            "name": {"ar": "عناية بالبشرة", "en": "Skin care"},
            "duration_minutes": 60,
            "price_minor": 30000,
            "staff_member_ids": [staff["id"]],
            "needs": ["room"],
        }
        above = self.owner.call("POST", self.at("services"), service, expect=201).body
        for arabic, english, minutes, minor in (
            ("سريعة", "Express", 45, 20000),
            ("كاملة", "Complete", 90, 38000),
        ):
            variant = {
                "variant_of": above["id"],
                "name": {"ar": arabic, "en": english},
                "duration_minutes": minutes,
                "price_minor": minor,
            }
            self.owner.call("POST", self.at("services"), variant, expect=201)
        photo = self.owner.call(
            "POST", self.at("photos"), {"caption_ar": "المدخل"}, file=draw("noura", "opening"), expect=201
        ).body
        sizes = ", ".join(str(rendition["width"]) for rendition in photo["renditions"])
        self.note(f"one person, one room, a service with two variants, a photo in widths of {sizes}")

    def approve(self) -> None:
        self.expect(
            Phone(self.base_url).call("GET", f"salons/{self.id}", expect=404).status, 404, "a draft's page"
        )
        version = self.owner.call("GET", self.at("")).body["version"]
        waiting = self.owner.call("POST", self.at("submit"), {"version": version}).body
        platform = self.signed_in_as("platform_admin")
        live = platform.call(
            "POST", f"platform/salons/{self.id}/approve", {"version": waiting["version"]}
        ).body
        self.expect(live["status"], "live", "the salon's status")
        self.note(f"submit → {waiting['status']}; the platform approves → {live['status']}")

    def book(self) -> None:
        self.step("A customer finds it in Arabic and books it", "البحث بالعربية والحجز")
        customer = Phone(self.base_url)
        self.sign_in_by_code(customer, fresh_number())
        found = customer.call("GET", f"salons?q={quote(TYPED)}&sort=relevance&limit=50").body["items"]
        if not any(salon["id"] == self.id for salon in found):
            raise JourneyFailed(f"{TYPED} did not find the new salon")
        service = customer.call("GET", f"salons/{self.id}").body["services"][0]
        variant = service["variants"][0]
        self.note(f"{TYPED} → {found[0]['name']}: {service['name']} – {variant['name']}")
        day = datetime.now(RIYADH).date() + timedelta(days=DAYS_AHEAD)
        asked = f"salons/{self.id}/availability?service_ids={variant['id']}&date={day}"
        slots = customer.call("GET", asked).body["days"][0]["slots"]
        visit: dict[str, Any] = {
            "salon_id": self.id,
            "items": [{"service_id": variant["id"]}],
            "starts_at": slots[0]["starts_at"],
            "expected_total_minor": variant["price"]["amount_minor"],
        }
        booking = customer.call("POST", "bookings", visit, key=str(uuid.uuid4()), expect=201).body
        self.expect(booking["state"], "confirmed", "the booking's state")
        self.note(
            f"{len(slots)} free starts; POST bookings → 201 {booking['reference']}, {booking['state_label']}"
        )

    def at(self, path: str) -> str:
        return f"manage/salons/{self.id}/{path}".rstrip("/")
