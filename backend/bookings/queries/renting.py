"""What is let by itself: a rental is a visit of one step that takes its resource and nobody (ADR 0027)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import F, IntegerField, QuerySet, Value
from django.db.models.functions import Mod

from backend.bookings import availability
from backend.bookings.availability import (
    Need,
    NeedKind,
    Question,
    Rulebook,
    Span,
    Step,
    ceil_minute,
    floor_minute,
    moment_of,
)
from backend.bookings.models import Claim, Kind
from backend.bookings.queries.rules import SalonRules
from backend.bookings.queries.times import Visit
from backend.bookings.refusals import LengthNotOffered
from backend.core.errors import NotFound
from backend.core.money import percentage
from backend.salons.models import Rental, Salon, SalonStatus
from backend.salons.queries.timetables import timetables_of

MOST_WEIGHED = 60
"""Rentals of a search that are held against hours and claims at once."""


@dataclass(frozen=True)
class RentalLine:
    """A rental as it is booked for some minutes."""

    rental: Rental
    salon: Salon
    minutes: int

    @property
    def booked(self) -> dict[str, Any]:
        return {"rental": self.rental}

    @property
    def name_ar(self) -> str:
        return self.rental.name_ar or self.rental.name_en or ""

    @property
    def name_en(self) -> str:
        return self.rental.name_en or self.rental.name_ar or ""

    @property
    def price_minor(self) -> int:
        return self.rental.price_of(self.minutes)

    @property
    def deposit_minor(self) -> int:
        if self.rental.deposit_minor is not None:
            return min(self.rental.deposit_minor, self.price_minor)
        own = self.rental.deposit_percent
        return percentage(self.price_minor, self.salon.deposit_percent if own is None else own)

    @property
    def notice_minutes(self) -> int:
        own = self.rental.min_notice_minutes
        return self.salon.min_notice_minutes if own is None else own

    @property
    def horizon_days(self) -> int:
        own = self.rental.horizon_days
        return self.salon.horizon_days if own is None else own

    def step(self) -> Step[uuid.UUID]:
        return Step(
            duration=self.minutes,
            needs=(Need(NeedKind.RESOURCE, (self.rental.resource_id,)),),
            buffer_before=self.rental.buffer_before_minutes,
            buffer_after=self.rental.buffer_after_minutes,
        )


@dataclass(frozen=True, eq=False)
class Letting(Visit):
    """A rental for some minutes, as a visit that needs nobody and takes no customer's own time."""

    kind: ClassVar[Kind] = Kind.RENTAL

    @property
    def rental(self) -> Rental:
        found: Rental = self.lines[0].booked["rental"]
        return found

    @property
    def confirms_itself(self) -> bool:
        return self.rental.auto_confirm

    @property
    def damage_minor(self) -> int:
        return self.rental.damage_minor


def plan_letting(
    rules: SalonRules, rental_id: uuid.UUID, minutes: int | None, *, at_desk: bool = False
) -> Letting:
    """The rental for so many minutes; None is as short as it may be. Raises NotFound, LengthNotOffered."""
    rental = rules.rentals.get(rental_id)
    if rental is None:
        raise NotFound
    length = rental.min_minutes if minutes is None else minutes
    if not rental.lasts(length):
        raise LengthNotOffered(
            extra={
                "params": {
                    "min_minutes": rental.min_minutes,
                    "max_minutes": rental.max_minutes,
                    "step_minutes": rental.step_minutes,
                }
            }
        )
    line = RentalLine(rental, rules.salon, length)
    return Letting(rules=rules, lines=(line,), steps=(line.step(),), at_desk=at_desk)


def minutes_between(starts_at: datetime, ends_at: datetime) -> int:
    """Whole minutes; 0, which nothing is let for, where there is a part of one."""
    minutes, rest = divmod(ends_at - starts_at, timedelta(minutes=1))
    return 0 if rest else minutes


def on_offer() -> QuerySet[Rental]:
    """What is let at live salons, with what a list shows."""
    return Rental.objects.filter(
        is_active=True, resource__is_active=True, salon__status=SalonStatus.LIVE
    ).select_related("resource", "salon__city", "salon__district")


def rentals_at(salon: Salon) -> QuerySet[Rental]:
    """What a live salon lets, in its order."""
    return on_offer().filter(salon=salon).order_by("position", "id")


def lasting(rentals: QuerySet[Rental], minutes: int) -> QuerySet[Rental]:
    """Those that are let for so many minutes."""
    left = Mod(Value(minutes), F("step_minutes"), output_field=IntegerField())
    return rentals.filter(min_minutes__lte=minutes, max_minutes__gte=minutes).alias(left=left).filter(left=0)


def free_ones(
    rentals: Sequence[Rental], starts_at: datetime, ends_at: datetime, *, now: datetime
) -> set[uuid.UUID]:
    """Those of these that can be taken for all of this time, by the question that a booking is asked too.

    Their salons' hours are at hand, or cost six queries together; what is taken costs one.
    """
    start, minutes = floor_minute(starts_at), minutes_between(starts_at, ends_at)
    if starts_at.second or starts_at.microsecond:
        return set()
    timetables = timetables_of({row.salon_id: row.salon.catalogue_version for row in rentals})
    lines = {row.pk: RentalLine(row, row.salon, minutes) for row in rentals}
    reach = [availability.reach((line.step(),), (start, start + 1)) for line in lines.values()]
    if not reach:
        return set()
    busy = _busy(
        [row.resource_id for row in rentals],
        moment_of(min(begins for begins, _ in reach)),
        moment_of(max(ends for _, ends in reach)),
        now=now,
    )
    free = set()
    for row in rentals:
        line = lines[row.pk]
        question = Question(
            rulebook=Rulebook(
                timetable=timetables[row.salon_id],
                grid_minutes=row.salon.grid_minutes,
                notice_minutes=line.notice_minutes,
                horizon_days=line.horizon_days,
            ),
            steps=(line.step(),),
            now=ceil_minute(now),
            busy=busy,
            is_let=True,
        )
        if availability.offer(question, start) is not None:
            free.add(row.pk)
    return free


def _busy(
    resource_ids: Iterable[uuid.UUID], begins: datetime, ends: datetime, *, now: datetime
) -> Mapping[uuid.UUID, Sequence[Span]]:
    busy: dict[uuid.UUID, list[Span]] = {}
    claims = Claim.objects.filter(
        calendar__resource__in=list(resource_ids),
        is_active=True,
        starts_at__lt=ends,
        ends_at__gt=begins,
        ends_at__lt=ends + timedelta(days=1),  # no claim is longer, so the index is not read to its end
    ).exclude(expires_at__lte=now)
    for resource_id, starts_at, ends_at in claims.values_list(
        "calendar__resource_id", "starts_at", "ends_at"
    ):
        busy.setdefault(resource_id, []).append((floor_minute(starts_at), ceil_minute(ends_at)))
    return busy
