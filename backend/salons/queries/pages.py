"""A salon's public page: what is shown of it, read in a constant number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

from django.db.models import Count, Prefetch, QuerySet

from backend.core.errors import NotFound
from backend.salons.models import (
    City,
    District,
    Photo,
    Review,
    ReviewStatus,
    Salon,
    Season,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from backend.salons.queries import salon_lookup
from backend.salons.queries.holidays import hours_may_differ
from backend.salons.queries.timetables import hours_of
from backend.salons.timetable import Span, Timetable, floor_minute

STARS = range(5, 0, -1)
DAYS_AHEAD = 60
"""How far a page looks for seasons and holidays."""


class Line(Protocol):
    @property
    def id(self) -> Any: ...
    @property
    def variant_of_id(self) -> Any: ...


L = TypeVar("L", bound=Line)


def price_list(services: Iterable[L]) -> list[tuple[L, list[L]]]:
    """Active services in their order, each with its active variants; a variant goes with the service it belongs to."""
    listed: dict[Any, tuple[L, list[L]]] = {}
    variants = []
    for service in services:
        if service.variant_of_id is None:
            listed[service.id] = (service, [])
        else:
            variants.append(service)
    for variant in variants:
        if variant.variant_of_id in listed:
            listed[variant.variant_of_id][1].append(variant)
    return list(listed.values())


def summarised(salons: QuerySet[Salon]) -> QuerySet[Salon]:
    """These salons with what a summary of each needs, in two queries."""
    return salons.select_related("city", "district", "search_entry").prefetch_related(
        Prefetch("photos", shown_in_lists())
    )


def shown_in_lists() -> QuerySet[Photo]:
    """The one photo of each salon that stands for it in lists."""
    return Photo.objects.filter(
        is_primary=True, is_hidden=False, resource=None, staff_member=None, service=None
    )


@dataclass(frozen=True)
class Today:
    """A salon's hours at one moment, in absolute minutes. `closes` is known while it is open, `opens` otherwise."""

    business_date: date
    windows: Sequence[Span]
    open_now: bool
    closes: int | None
    opens: int | None


class ComingSeason(NamedTuple):
    """The days of a season within the coming ones, both included."""

    season: Season
    first_date: date
    last_date: date


@dataclass(frozen=True)
class SalonPage:
    """A live salon with its services, staff, weekly hours and photos prefetched.

    `skills` are the active services each staff member performs, `ratings` how many reviews gave each number of stars.
    `seasons` and `may_differ`, holidays about which the salon has not said what holds, are those of the coming days.
    """

    salon: Salon
    skills: Mapping[uuid.UUID, Sequence[uuid.UUID]]
    ratings: Mapping[int, int]
    today: Today
    seasons: Sequence[ComingSeason]
    may_differ: Sequence[date]


def salon_page(salon: str, *, now: datetime) -> SalonPage:
    """All that the page of a live salon shows. Raises NotFound."""
    found: Salon | None = (
        Salon.objects.live()
        .select_related("city", "district", "business", "search_entry")
        .prefetch_related(
            Prefetch("services", Service.objects.filter(is_active=True).select_related("category")),
            Prefetch("staff", StaffMember.objects.filter(is_active=True)),
            Prefetch("working_windows", WorkingWindow.objects.filter(staff_member=None, season=None)),
            Prefetch("seasons", Season.objects.order_by("id")),
            Prefetch("photos", Photo.objects.filter(is_hidden=False, resource=None)),
        )
        .filter(**salon_lookup(salon))
        .first()
    )
    if found is None:
        raise NotFound
    today = today_of(hours_of(found).timetable, now)
    first, last = today.business_date, today.business_date + timedelta(days=DAYS_AHEAD)
    return SalonPage(
        salon=found,
        skills=_skills_of(found),
        ratings=_ratings_of(found),
        today=today,
        seasons=_coming_seasons(found, first, last),
        may_differ=sorted(hours_may_differ(found, first, last)),
    )


def today_of(timetable: Timetable[uuid.UUID], now: datetime) -> Today:
    minute = floor_minute(now)
    day = timetable.business_date(minute)
    windows = timetable.openings(day)
    if timetable.is_open_at(minute):
        closes = next(ends for starts, ends in windows if starts <= minute < ends)
        return Today(day, windows, open_now=True, closes=closes, opens=None)
    return Today(day, windows, open_now=False, closes=None, opens=timetable.next_opening(minute))


def _coming_seasons(salon: Salon, first: date, last: date) -> list[ComingSeason]:
    hours = hours_of(salon)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found = []
    for season in salon.seasons.all():
        rules = hours.rules.seasons.get(season.pk)
        span = rules.span(hours.shifts) if rules else ()
        if within := [day for day in days if day in span]:
            found.append(ComingSeason(season, within[0], within[-1]))
    return sorted(found, key=lambda coming: coming.first_date)


def _skills_of(salon: Salon) -> dict[uuid.UUID, list[uuid.UUID]]:
    performed = StaffService.objects.filter(
        service__salon=salon,
        service__is_active=True,
        service__variant_of=None,
        staff_member__is_active=True,
    )
    skills: dict[uuid.UUID, list[uuid.UUID]] = {}
    for staff_id, service_id in performed.values_list("staff_member_id", "service_id"):
        skills.setdefault(staff_id, []).append(service_id)
    return skills


def _ratings_of(salon: Salon) -> dict[int, int]:
    published = Review.objects.filter(salon=salon, status=ReviewStatus.PUBLISHED)
    counted = dict(published.order_by().values_list("rating").annotate(Count("id")))
    return {stars: counted.get(stars, 0) for stars in STARS}


def districts_of(city: str) -> list[District]:
    """The districts of a city in their order. Raises NotFound for an unknown city."""
    districts = list(District.objects.filter(city=city).order_by("position", "slug"))
    if not districts and not City.objects.filter(slug=city).exists():
        raise NotFound
    return districts
