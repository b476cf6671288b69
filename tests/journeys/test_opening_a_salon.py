"""An owner opens a salon from nothing; the platform lets it in; a customer finds it in Arabic and books it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from freezegun import freeze_time

from backend.core.hijri import hijri_of
from backend.salons.models import Salon
from tests.factories import CategoryFactory, DistrictFactory, UserFactory
from tests.salons.manage_helpers import platform_admin, said
from tests.support.api import Api, ok, refused
from tests.support.pictures import send

pytestmark = pytest.mark.django_db

WEEK = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
TYPED = "الاناقه"
"""دار الأناقة as people type it."""
ORDINARY, IN_RAMADAN = "2027-02-06", "2027-02-15"


def week(opens: str, closes: str) -> list[dict[str, str]]:
    return [{"day": day, "opens": opens, "closes": closes} for day in WEEK]


class Owner:
    """Somebody with a phone, and the salon they open with it."""

    def __init__(self, language: str) -> None:
        self.phone = Api(UserFactory.create(), language=language)

    def at(self, *path: str) -> str:
        return "/".join(("manage/salons", self.id, *path))

    def add(self, what: str, **body: Any) -> Any:
        return ok(self.phone.post(self.at(what), body), 201)

    def version(self) -> int:
        return int(ok(self.phone.get(self.at()))["version"])

    def open(self) -> Any:
        body = {
            "business": {"name": said("مؤسسة الأناقة", "Al Anaqa Est."), "vat_number": "٣١٠٠٠٠٠٠٠٠٠٠٠٠٣"},
            "name": said("دار الأناقة", "Dar Al Anaqa"),
            "audience": "women",
            "city": "riyadh",
            "district": "riyadh-al-olaya",
            "location": {"latitude": 24.69, "longitude": 46.68},
            "licence_number": "٤٤٠٠٩٩٨٨٧٧",
            "auto_confirm": True,
        }
        salon = ok(self.phone.post("manage/salons", body), 201)
        self.id = salon["id"]
        return salon

    def set_hours(self) -> None:
        ok(self.phone.send("PUT", self.at("working-windows"), body={"windows": week("14:00", "23:00")}))
        ramadan = {"from_month": 9, "from_day": 1, "to_month": 9, "to_day": 30}
        windows = week("٢١:٠٠", "٠٢:٠٠")
        season = self.add("seasons", name=said("رمضان", "Ramadan"), hijri=ramadan, windows=windows)
        assert season["affected_total"] == 0

    def fill(self) -> None:
        """Somebody who works there, a room, a service with two variants that needs both, a photo."""
        person = self.add("staff", name=said("ليان", "Layan"), gender="female", languages=["ar"])
        self.add("resources", kind="room", code="7", name=said("الغرفة الأولى", "First room"))
        service = self.add(
            "services",
            category="hair",
            name=said("صبغة", "Colour"),
            duration_minutes=60,
            price_minor=30000,
            staff_member_ids=[person["id"]],
            needs=["room"],
        )
        for name, minutes, price in (
            (said("شعر قصير", "Short hair"), 60, 20000),
            (said("شعر طويل", "Long hair"), 90, 38000),
        ):
            variant = {"name": name, "duration_minutes": minutes, "price_minor": price}
            self.add("services", variant_of=service["id"], **variant)
        assert send(self.phone, Salon.objects.get(pk=self.id), caption_ar="المدخل").status_code == 201


def opened(language: str) -> Owner:
    """A salon from nothing to live, with what each step says on the way."""
    owner, stranger, admin = Owner(language), Api(language=language), Api(platform_admin(), language=language)
    draft = owner.open()
    assert (draft["status"], draft["missing"]) == ("draft", ["hours", "service"])
    early = owner.phone.post(owner.at("submit"), {"version": owner.version()})
    assert refused(early, 422, "salon_incomplete")["params"]["missing"] == ["hours", "service"]
    owner.set_hours()
    owner.fill()
    refused(stranger.get(f"salons/{owner.id}"), 404, "not_found")
    waiting = ok(owner.phone.post(owner.at("submit"), {"version": owner.version()}))
    assert (waiting["status"], waiting["missing"]) == ("in_review", [])
    assert ok(stranger.get("salons", q=TYPED))["items"] == []
    refused(stranger.get(f"salons/{owner.id}/availability", service_ids=owner.id), 404, "not_found")
    [asked] = ok(admin.get("platform/salons", status="in_review"))["items"]
    assert asked["id"] == owner.id
    live = ok(admin.post(f"platform/salons/{owner.id}/approve", {"version": asked["version"]}))
    assert live["status"] == "live"
    return owner


def starts(phone: Api, salon: str, service: str, day: str, days: int = 1) -> list[str]:
    """Local times on offer, those after midnight on the day they happen."""
    query = {"service_ids": service, "date": day, "days": days}
    found = ok(phone.get(f"salons/{salon}/availability", **query))["days"]
    return [slot["starts_at"].removesuffix(":00+03:00") for shown in found for slot in shown["slots"]]


@pytest.mark.parametrize(
    ("language", "salon_name", "line", "season", "staff", "room"),
    [
        ("ar", "دار الأناقة", "صبغة – شعر طويل", "رمضان", "ليان", "الغرفة الأولى"),
        ("en", "Dar Al Anaqa", "Colour – Long hair", "Ramadan", "Layan", "First room"),
    ],
    ids=["ar", "en"],
)
@freeze_time("2027-02-04T09:00:00Z")
def test_an_owner_opens_a_salon_from_nothing_and_a_customer_finds_and_books_it(
    language: str, salon_name: str, line: str, season: str, staff: str, room: str
) -> None:
    assert hijri_of(date.fromisoformat(IN_RAMADAN)).month == 9
    DistrictFactory.create()
    CategoryFactory.create()
    owner = opened(language)
    customer = Api(UserFactory.create(), language=language)

    [found] = ok(customer.get("salons", q=TYPED))["items"]
    assert (found["id"], found["name"], found["from_price"]["amount_minor"]) == (owner.id, salon_name, 20000)
    assert [size["width"] for size in found["photo"]["renditions"]] == [320, 640]
    page = ok(customer.get(f"salons/{found['slug']}"))
    assert [(days["name"], days["first_date"]) for days in page["seasons"]] == [(season, "2027-02-08")]
    [service] = page["services"]
    assert (service["price_from"], service["price"]["amount_minor"]) == (True, 20000)
    variant = service["variants"][1]
    assert f"{service['name']} – {variant['name']}" == line

    # 90 minutes: within the ordinary day, and in Ramadan through the night.
    ordinary = starts(customer, owner.id, variant["id"], ORDINARY)
    assert (ordinary[0], ordinary[-1]) == (f"{ORDINARY}T14:00", f"{ORDINARY}T21:30")
    nights = starts(customer, owner.id, variant["id"], IN_RAMADAN, days=2)
    one_night = [
        *(f"{IN_RAMADAN}T{clock}" for clock in ("21:00", "21:30", "22:00", "22:30", "23:00", "23:30")),
        *(f"2027-02-16T{clock}" for clock in ("00:00", "00:30")),
    ]
    assert [start for start in nights if one_night[0] <= start <= one_night[-1]] == one_night

    visit = {
        "salon_id": owner.id,
        "items": [{"service_id": variant["id"]}],
        "starts_at": f"{one_night[-1]}:00+03:00",
        "expected_total_minor": 38000,
    }
    booking = ok(customer.post("bookings", visit), 201)
    assert (booking["state"], booking["business_date"]) == ("confirmed", IN_RAMADAN)
    assert booking["salon"]["name"] == salon_name
    [item] = booking["items"]
    assert (item["service"]["name"], item["staff_member"]["name"]) == (line, staff)
    assert [(taken["code"], taken["name"]) for taken in item["resources"]] == [("7", room)]

    # One person and one room: what was booked is offered to nobody else, and the desk sees it.
    left = starts(customer, owner.id, variant["id"], IN_RAMADAN, days=2)
    assert [start for start in one_night if start not in left] == ["2027-02-15T23:30", *one_night[-2:]]
    late = Api(UserFactory.create(), language=language).post("bookings", visit)
    reasons = refused(late, 422, "resource_unavailable")["params"]["reasons"]
    assert reasons == ["resource_unavailable", "slot_unavailable"]
    [seen] = ok(owner.phone.get(owner.at("bookings"), date=IN_RAMADAN))["items"]
    assert seen["reference"] == booking["reference"]
