"""Salons in which something can be booked again and again: no request asks for a slot that another asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from backend.accounts.models import Device, User
from backend.accounts.tokens import pair_of
from backend.bookings.models import Calendar
from backend.core.time import RIYADH
from backend.salons.models import (
    Business,
    Salon,
    SalonStatus,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)

PEOPLE = 10
OPENS, CLOSES, EACH = 10 * 60, 22 * 60, 30
DAYS = 360
CUSTOMERS = 200


@dataclass(frozen=True)
class Diary:
    """Salons that confirm by themselves without a deposit, and the callers who book there."""

    salons: list[tuple[Salon, Service, list[StaffMember]]]
    tokens: list[str]
    first_day: datetime

    def requests(self, *, choosing: bool) -> Iterator[tuple[Mapping[str, str], Any]]:
        """Headers and bodies, thousands of them: salons take turns, a customer is never in two chairs at once."""
        starts = (CLOSES - OPENS) // EACH
        for number in range(DAYS * starts * PEOPLE * len(self.salons)):
            place, service, staff = self.salons[number % len(self.salons)]
            when, who = divmod(number // len(self.salons), PEOPLE)
            day, start = divmod(when, starts)
            at = self.first_day + timedelta(days=day, minutes=OPENS + start * EACH)
            item = {
                "service_id": str(service.pk),
                "staff_member_id": str(staff[who].pk) if choosing else None,
            }
            headers = {
                "Authorization": f"Bearer {self.tokens[number % len(self.tokens)]}",
                "Idempotency-Key": str(uuid.uuid4()),
            }
            yield headers, {"salon_id": str(place.pk), "items": [item], "starts_at": at.isoformat()}


def diary(number: int, now: datetime, *, salons: int = 4) -> Diary:
    """The diary of this number (1 to 9), with customers of its own.

    Its salons have ten people each, are open every day and offer half an hour.
    """
    business = Business.objects.create(name_ar="مؤسسة الحجز", name_en="Booking Est.", created_at=now)
    people = User.objects.bulk_create(
        User(phone=f"+9665{number}{n:07d}", name="سارة", language="ar") for n in range(CUSTOMERS)
    )
    devices = Device.objects.bulk_create(
        Device(user=person, token_issued_at=now, created_at=now) for person in people
    )
    Calendar.objects.bulk_create(Calendar(customer=person) for person in people)
    tomorrow = now.astimezone(RIYADH).date() + timedelta(days=1)
    return Diary(
        salons=[_salon(business, f"diary-{number}-{n}", now) for n in range(salons)],
        tokens=[pair_of(device).access for device in devices],
        first_day=datetime.combine(tomorrow, time.min, tzinfo=RIYADH),
    )


def _salon(business: Business, slug: str, now: datetime) -> tuple[Salon, Service, list[StaffMember]]:
    place = Salon.objects.create(
        business=business,
        slug=slug,
        name_ar="صالون الحجز",
        name_en="Booked Salon",
        city_id="riyadh",
        audience="women",
        status=SalonStatus.LIVE,
        grid_minutes=EACH,
        horizon_days=DAYS + 2,
        prayer_pause="none",
        auto_confirm=True,
        deposit_percent=0,
        created_at=now,
    )
    service = Service.objects.create(
        salon=place,
        category_id="hair",
        name_ar="قص شعر",
        name_en="Haircut",
        duration_minutes=EACH,
        price_minor=11500,
    )
    staff = StaffMember.objects.bulk_create(
        StaffMember(salon=place, name_ar=f"نورة {n}", name_en=f"Noura {n}", position=n) for n in range(PEOPLE)
    )
    StaffService.objects.bulk_create(StaffService(staff_member=s, service=service) for s in staff)
    WorkingWindow.objects.bulk_create(
        WorkingWindow(salon=place, weekday=weekday, opens_minute=OPENS, closes_minute=CLOSES)
        for weekday in range(1, 8)
    )
    Calendar.objects.bulk_create(Calendar(staff_member=s) for s in staff)
    return place, service, staff
