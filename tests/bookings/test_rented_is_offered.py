"""Offered ⇔ accepted for what is let: random salons, rentals and visits in each other's way.

`VISIT_EXAMPLES` raises their number.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.bookings.models import Booking
from backend.bookings.operations.renting import create_rental
from backend.bookings.queries.renting import free_ones, on_offer
from backend.core.errors import DomainError
from backend.salons.models import Rental
from tests.bookings.test_offered_is_accepted import NOW, Undo, World
from tests.factories import RentalFactory, UserFactory
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db


class Landlord(World):
    """The same small salon, which also lets its things; some are let already."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.rentals = [self.rental(thing) for thing in self.things]

    def rental(self, thing: Any) -> Rental:
        rng = self.rng
        step = rng.choice([15, 30, 60, 60])
        return RentalFactory.create(
            salon=self.salon,
            resource=thing,
            step_minutes=step,
            min_minutes=step,
            max_minutes=step * rng.choice([4, 40, 60]),
            buffer_before_minutes=rng.choice([0, 0, 20]),
            buffer_after_minutes=rng.choice([0, 0, 45]),
            min_notice_minutes=rng.choice([None, 0, 1500]),
            horizon_days=rng.choice([None, None, 2]),
            auto_confirm=rng.random() < 0.5,
        )

    def length(self, rental: Rental) -> int:
        """Mostly some hours, now and then through the night."""
        steps = rental.max_minutes // rental.step_minutes
        return rental.step_minutes * self.rng.choice([1, min(3, steps), steps])

    def free(self, rental: Rental, minutes: int) -> list[datetime]:
        query = {"date": str(self.day), "duration_minutes": minutes}
        [day] = ok(Api().get(f"rentals/{rental.pk}/availability", **query))["days"]
        return [datetime.fromisoformat(slot["starts_at"]) for slot in day["slots"]]

    def rent(self, rental: Rental, starts_at: datetime, minutes: int) -> Booking:
        return create_rental(
            customer=UserFactory.create(),
            rental=on_offer().get(pk=rental.pk),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=minutes),
            now=NOW,
        )

    def let(self) -> None:
        for _ in range(self.rng.randint(0, 4)):
            rental = self.rng.choice(self.rentals)
            minutes = self.length(rental)
            if starts := self.free(rental, minutes):
                self.rent(rental, self.rng.choice(starts), minutes)


@settings(
    max_examples=int(os.environ.get("VISIT_EXAMPLES", "15")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(rng=st.randoms(use_true_random=False))
def test_every_listed_start_can_be_rented_and_found_and_no_other_can(rng: Random) -> None:
    with freeze_time(NOW), transaction.atomic():
        world = Landlord(rng)
        world.fill()
        world.let()
        rental = world.rng.choice(world.rentals)
        minutes = world.length(rental)
        listed = set(world.free(rental, minutes))
        midnight = datetime.combine(world.day, datetime.min.time(), tzinfo=world.salon.zone)
        for minute in sorted({world.rng.randrange(1440) // 5 * 5 for _ in range(60)}):
            starts_at = midnight + timedelta(minutes=minute)
            assert rented(world, rental, starts_at, minutes) == (starts_at in listed), starts_at
        for starts_at in listed:
            assert rented(world, rental, starts_at, minutes), starts_at
        transaction.set_rollback(True)


def rented(world: Landlord, rental: Rental, starts_at: datetime, minutes: int) -> bool:
    """Whether it can be rented then; nothing stays of it. The search must say the same."""
    row = on_offer().get(pk=rental.pk)
    found = free_ones([row], starts_at, starts_at + timedelta(minutes=minutes), now=NOW)
    try:
        with transaction.atomic():
            world.rent(rental, starts_at, minutes)
            raise Undo
    except Undo:
        assert found == {rental.pk}
        return True
    except DomainError:
        assert found == set()
        return False


@settings(
    max_examples=int(os.environ.get("VISIT_EXAMPLES", "15")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(rng=st.randoms(use_true_random=False))
def test_visits_are_offered_and_accepted_around_what_is_let(rng: Random) -> None:
    with freeze_time(NOW), transaction.atomic():
        world = Landlord(rng)
        world.let()
        world.fill()
        wishes = world.wishes()
        [day] = world.listed(wishes)["days"]
        listed = {datetime.fromisoformat(slot["starts_at"]) for slot in day["slots"]}
        midnight = datetime.combine(world.day, datetime.min.time(), tzinfo=world.salon.zone)
        tried = listed | {midnight + timedelta(minutes=world.rng.randrange(1440) // 5 * 5) for _ in range(40)}
        for starts_at in sorted(tried):
            booked = True
            try:
                with transaction.atomic():
                    world.book(wishes, starts_at)
                    raise Undo
            except Undo:
                pass
            except DomainError:
                booked = False
            assert booked == (starts_at in listed), starts_at
        transaction.set_rollback(True)
