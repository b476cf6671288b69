"""What the database itself refuses, whoever writes: rows that say half of something."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from backend.salons.models import Closure, Salon, Season, Service
from tests.factories import SalonFactory, ServiceFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 12, 1, 9, tzinfo=UTC)
DAY = date(2026, 12, 1)

HALF_CLOSURES: list[dict[str, Any]] = [
    {"kind": "moments", "starts_at": NOON},
    {"kind": "moments", "ends_at": NOON},
    {"kind": "days", "first_date": DAY},
    {"kind": "days", "last_date": DAY},
    {"kind": "weekly", "weekday": 7},
    {"kind": "weekly", "weekday": 7, "opens_minute": 600},
    {"kind": "weekly", "opens_minute": 600, "closes_minute": 660},
    {"kind": "days", "first_date": DAY, "last_date": DAY, "weekday": 7},
]
HALF_SEASONS: list[dict[str, Any]] = [
    {},
    {"hijri_from_month": 9},
    {"hijri_from_month": 9, "hijri_from_day": 1, "hijri_to_month": 9},
    {"first_date": DAY},
    {"last_date": DAY},
    {"first_date": DAY, "last_date": DAY, "hijri_from_month": 9},
]


@pytest.mark.parametrize("form", HALF_CLOSURES)
def test_a_closure_without_all_of_its_form_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="closure_has_one_form"), transaction.atomic():
        Closure.objects.create(salon=SalonFactory.create(), **form)


@pytest.mark.parametrize("form", HALF_SEASONS)
def test_a_season_without_all_of_its_form_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="season_is_hijri_or_dated"), transaction.atomic():
        Season.objects.create(salon=SalonFactory.create(), name_ar="موسم", **form)


@pytest.mark.parametrize("half", [{"processing_starts_minute": 10}, {"processing_minutes": 10}])
def test_a_processing_gap_has_a_beginning_and_a_length(half: dict[str, int]) -> None:
    service = ServiceFactory.create()
    with pytest.raises(IntegrityError, match="service_processing_inside"), transaction.atomic():
        Service.objects.filter(pk=service.pk).update(**half)


@pytest.mark.parametrize(
    "half", [{"latitude": "24.7"}, {"longitude": "46.7"}, {"latitude": "91", "longitude": "0"}]
)
def test_a_place_has_both_coordinates(half: dict[str, str]) -> None:
    salon = SalonFactory.create(latitude=None, longitude=None)
    with pytest.raises(IntegrityError, match="salon_coordinates_are_a_pair"), transaction.atomic():
        Salon.objects.filter(pk=salon.pk).update(**half)
