"""Offered ⇔ accepted for what is let: random salons where everybody else takes time too.

`VISIT_EXAMPLES` raises their number.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from random import Random

import pytest
from django.db import transaction
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.bookings.queries.renting import free_ones, on_offer
from backend.core.errors import DomainError
from backend.salons.models import Rental
from tests.bookings.world import NOW, Undo, World
from tests.factories import UserFactory
from tests.support.api import Api

pytestmark = pytest.mark.django_db


@settings(
    max_examples=int(os.environ.get("VISIT_EXAMPLES", "15")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(rng=st.randoms(use_true_random=False))
def test_every_listed_start_can_be_rented_and_found_and_no_other_can(rng: Random) -> None:
    with freeze_time(NOW), transaction.atomic():
        world = World(rng)
        world.crowd()
        rental = world.rng.choice(world.rentals)
        minutes = world.length(rental)
        listed = set(world.free(rental, minutes))
        midnight = datetime.combine(world.day, datetime.min.time(), tzinfo=world.salon.zone)
        for minute in sorted({world.rng.randrange(1440) // 5 * 5 for _ in range(60)}):
            starts_at = midnight + timedelta(minutes=minute)
            assert rented(world, rental, starts_at, minutes) == (starts_at in listed), starts_at
        for starts_at in listed:
            assert rented(world, rental, starts_at, minutes), starts_at
        over_http(world, rental, minutes, listed)
        transaction.set_rollback(True)


def rented(world: World, rental: Rental, starts_at: datetime, minutes: int) -> bool:
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


def over_http(world: World, rental: Rental, minutes: int, listed: set[datetime]) -> None:
    """A phone is told the same: one listed start rents it, and a minute later does not."""
    for starts_at in sorted(listed)[:1]:
        for beside in (timedelta(minutes=1), timedelta()):
            begins = starts_at + beside
            body = {
                "rental_id": str(rental.pk),
                "starts_at": begins.isoformat(),
                "ends_at": (begins + timedelta(minutes=minutes)).isoformat(),
            }
            answer = Api(UserFactory.create()).post("rentals", body)
            assert answer.status_code == (422 if beside else 201), answer.json()
        assert starts_at not in world.free(rental, minutes)
