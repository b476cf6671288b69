"""The demo loaded in the middle of Ramadan, when half of its salons keep other hours."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from backend.bookings import availability
from backend.bookings.affected import at_odds_now
from backend.bookings.models import Booking
from backend.bookings.queries import Wish, free_slots, plan_visit, rules_of
from backend.core.time import RIYADH
from backend.demo import loading
from backend.salons.models import Salon

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 2, 18, 23, 30, tzinfo=RIYADH)
"""The eleventh of Ramadan 1448, a Thursday, late in the evening."""


def test_the_promises_hold_and_every_booking_fits() -> None:
    assert loading.load(now=NOW) is not None
    for slug in ("lamsa", "noura"):
        salon = Salon.objects.get(slug=slug)
        visit = plan_visit(rules_of(salon), [Wish(salon.services.all()[0].pk)])
        slots = free_slots(visit, from_date=NOW.date() + timedelta(days=1), days=30, now=NOW)
        per_day = Counter(availability.moment_of(slot.starts).astimezone(RIYADH).date() for slot in slots)
        days = [NOW.date() + timedelta(days=ahead) for ahead in range(1, 31)]
        assert min(per_day[day] for day in days) >= 10
    assert sum(at_odds_now(salon=salon, now=NOW).total for salon in Salon.objects.live()) == 0
    evenings = Booking.objects.filter(
        salon__slug="lamsa", starts_at__hour__gte=20, business_date__gte=NOW.date()
    )
    assert evenings.exists(), "the nights of Ramadan are busy"
