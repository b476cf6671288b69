"""Each screen of mobile-contract/screens/ as a phone draws it at a big, busy salon: few requests, small answers."""

from __future__ import annotations

import gzip
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backend.bookings import operations
from backend.bookings.queries import Wish
from backend.core.time import RIYADH
from backend.payments.models import Payment
from backend.salons.models import Photo, Review, Salon, Service, StaffService
from tests.factories import (
    CategoryFactory,
    SalonFactory,
    ServiceFactory,
    UserFactory,
    employ,
    open_salon,
)
from tests.project.tree import ROOT
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db

SCREENS = sorted((ROOT / "mobile-contract/screens").glob("*.md"))
MOST_READS = 2
MOST_PLAIN, MOST_COMPRESSED = 60_000, 12_000
"""Bytes of one answer, whatever its screen allows (mobile-contract/conventions.md)."""


@dataclass(frozen=True)
class Screen:
    name: str
    calls: list[tuple[str, str]]
    """(method, address as the guide writes it: with the names of its query, some with a value)."""
    budget: int
    """Bytes, of all its answers together."""


def described(path: Path) -> Screen:
    text = path.read_text(encoding="utf-8")
    calls = re.findall(r"^\| `(GET|POST) ([^`]+)` \|", text, re.MULTILINE)
    budget = re.search(r"At most (\d+) KB plain", text)
    assert calls
    assert budget, f"{path.name} names no budget"
    return Screen(path.stem, calls, int(budget[1]) * 1000)


class BigSalon:
    """Forty services of six kinds, six people with nine visits each tomorrow, thirty photos, reviews with words."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self.salon, self.service, self.people = open_salon(
            staff=6,
            auto_confirm=True,
            deposit_percent=0,
            description_ar="صالون نسائي في قلب الرياض، فيه قص وصبغ وعناية بالبشرة والأظافر. " * 4,
            description_en="A women's salon in the heart of Riyadh: cuts, colour, skin and nails. " * 4,
        )
        kinds = [CategoryFactory.create(slug=f"kind-{n}", name_ar=f"قسم {n}") for n in range(6)]
        for number in range(39):
            service: Service = ServiceFactory.create(
                salon=self.salon,
                category=kinds[number % 6],
                name_ar=f"عناية بالشعر والبشرة رقم {number}",
                name_en=f"Hair and skin care number {number}",
                description_ar="غسل وقص وتجفيف مع استشارة قصيرة قبل البدء. ",
            )
            StaffService.objects.bulk_create(
                StaffService(staff_member=person, service=service) for person in self.people[number % 3 :][:4]
            )
        self.with_deposit = service
        Service.objects.filter(pk=service.pk).update(deposit_percent=20)
        self.customer = UserFactory.create()
        for number in range(30):
            self.photo(self.salon, position=number, is_primary=number == 0)
            self.review(words="خدمة ممتازة وموعد دقيق، والمكان نظيف وهادئ. " * 5)
        Salon.objects.filter(pk=self.salon.pk).update(rating_sum=120, rating_count=30)
        for number in range(30):
            self.photo(SalonFactory.create(slug=f"a-rather-long-slug-number-{number}"), is_primary=True)
        self.tomorrow = (self.now.astimezone(RIYADH) + timedelta(days=1)).replace(
            hour=10, minute=0, second=0, microsecond=0
        )
        for hour in range(9):
            for person in self.people:
                self.book(self.tomorrow + timedelta(hours=hour), person)
        self.mine = [
            self.book(self.tomorrow + timedelta(days=day), self.people[0], customer=self.customer)
            for day in range(1, 26)
        ]
        self.payment = Payment.objects.create(
            booking=self.mine[0],
            amount_minor=2300,
            source_type="client",
            created_at=self.now,
            expires_at=self.now + timedelta(minutes=10),
        )

    def photo(self, salon: Salon, **more: Any) -> None:
        words = {"alt_ar": "واجهة الصالون", "caption_ar": "المدخل من الشارع العام"}
        Photo.objects.create(
            salon=salon, key=uuid.uuid4().hex, width=1600, height=1200, blurhash="LEHV6nWB2yk8", created_at=self.now,
            **words, **more,
        )  # fmt: skip

    def review(self, *, words: str) -> None:
        Review.objects.create(
            salon=self.salon, author=UserFactory.create(), booking_id=uuid.uuid4(), rating=4, comment=words,
            created_at=self.now,
        )  # fmt: skip

    def book(self, starts_at: Any, person: Any, customer: Any = None) -> Any:
        return operations.create_booking(
            customer=customer or UserFactory.create(),
            salon=self.salon,
            wishes=[Wish(self.service.id, person.id)],
            starts_at=starts_at,
            now=self.now,
            note="يرجى تجهيز الغرفة الهادئة.",
        )


class Hand:
    """Makes the calls of a screen, each with what the one before it answered."""

    def __init__(self, at: BigSalon, sent: Any) -> None:
        self.at, self.sent = at, sent
        self.phones = {"": Api(at.customer), "manage/": Api(employ(at.salon, "manager"))}
        self.wanted = {
            "salon_id": str(at.salon.id),
            "items": [{"service_id": str(at.with_deposit.id), "staff_member_id": None}],
            "starts_at": (at.tomorrow + timedelta(days=1, hours=5)).isoformat(),
        }
        self.values = {
            "near": "24.7136,46.6753",
            "service_ids": str(at.service.id),
            "date": at.tomorrow.date().isoformat(),
            "q": "صالون",
            "city": at.salon.city_id,
            "audience": "women",
            "service": "قص",
            "free_on": (at.tomorrow + timedelta(days=2)).date().isoformat(),
        }
        self.before: dict[str, Any] = {}

    def call(self, method: str, address: str) -> bytes:
        path, _, query = address.partition("?")
        booking_id = self.before.get("id", self.at.mine[0].id)
        path = path.format(salon=self.at.salon.slug, booking_id=booking_id, payment_id=self.at.payment.id)
        named = dict(part.partition("=")[::2] for part in query.split("&") if part)
        known = {name: value or self.values.get(name, "") for name, value in named.items()}
        phone = self.phones["manage/" if path.startswith("manage/") else ""]
        answer = phone.send(
            method,
            path,
            query={name: value for name, value in known.items() if value},
            body=self.body(path) if method == "POST" else None,
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        assert answer.status_code < 300, (address, answer.content)
        self.before = ok(answer, answer.status_code)
        return bytes(answer.content)

    def body(self, path: str) -> dict[str, Any]:
        match path.rpartition("/")[2]:
            case "otp-requests":
                return {"phone": "0512345678", "channel": "sms"}
            case "otp-verifications":
                code = re.search(r"\d{6}", self.sent()[-1])
                assert code
                return {
                    "otp_request_id": self.before["otp_request_id"],
                    "code": code[0],
                    "device": {"installation_id": str(uuid.uuid4()), "platform": "ios", "name": "iPhone"},
                }
            case "payments":
                return {"source": {"type": "client"}}
            case "bookings":
                return self.wanted | {"expected_total_minor": self.before["price"]["amount_minor"]}
        return self.wanted


@pytest.mark.parametrize("path", SCREENS, ids=lambda path: path.stem)
def test_a_screen_takes_two_reads_at_most_and_stays_within_its_budget(
    path: Path, sent: Any, settings: Any
) -> None:
    settings.MOYASAR_SECRET_KEY = settings.MOYASAR_PUBLISHABLE_KEY = "of_the_test_suite"
    settings.LIMITS_SCALE = 1000
    screen = described(path)
    hand = Hand(BigSalon(), sent)
    answers = {address: hand.call(method, address) for method, address in screen.calls}
    told = {address: (len(body), len(gzip.compress(body, 6))) for address, body in answers.items()}
    assert sum(method == "GET" for method, _ in screen.calls) <= MOST_READS
    assert sum(plain for plain, _ in told.values()) <= screen.budget, told
    assert all(plain <= MOST_PLAIN and packed <= MOST_COMPRESSED for plain, packed in told.values()), told
