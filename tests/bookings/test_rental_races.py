"""A room that is wanted by itself and for a visit at the same moment: one of them has it, whoever asks first."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from backend.bookings.models import Booking, Claim
from backend.bookings.operations.claiming import insert_claims
from backend.bookings.operations.renting import create_rental
from backend.bookings.queries.renting import on_offer
from backend.bookings.refusals import SlotUnavailable
from backend.core.time import RIYADH
from backend.salons.models import Rental
from tests.bookings.renting import lease, suite
from tests.bookings.test_races import overlaps
from tests.bookings.visits import visit
from tests.factories import UserFactory, needing
from tests.support.api import Api
from tests.support.race import race

pytestmark = pytest.mark.django_db(transaction=True)


def tomorrow_at(hour: int) -> datetime:
    day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def test_renters_and_visitors_racing_for_one_room_leave_one_booking() -> None:
    rental = suite(staff=8)
    service = needing(rental.salon.services.get(), rental.resource.kind)
    renting = lease(rental, tomorrow_at(12).isoformat(), tomorrow_at(15).isoformat())
    visiting = visit(rental.salon, service, tomorrow_at(13).isoformat())
    phones = [Api(UserFactory.create()) for _ in range(16)]
    answers = race(
        *(
            partial(phone.post, "rentals", renting)
            if number % 2
            else partial(phone.post, "bookings", visiting)
            for number, phone in enumerate(phones)
        )
    )
    assert Counter(answer.status_code < 300 for answer in answers) == {True: 1, False: 15}
    codes = {answer.json()["code"] for answer in answers if answer.status_code >= 300}
    assert codes <= {"resource_unavailable", "slot_unavailable"}
    assert Booking.objects.count() == 1
    assert overlaps() == 0


def test_without_the_lock_the_constraint_alone_refuses_the_second() -> None:
    """The witness: whoever skips the question and the queue still finds the room taken."""
    rental = suite()
    first = _rent(rental, 12, 15)
    claim = Claim.objects.get(booking=first)
    second = _rent(rental, 16, 18)
    with pytest.raises(SlotUnavailable), transaction.atomic():
        insert_claims(
            booking_id=second.pk,
            spans=[(claim.calendar_id, claim.starts_at + timedelta(hours=1), claim.ends_at)],
            expires_at=None,
            now=timezone.now(),
        )


def test_two_long_rentals_that_meet_at_one_of_their_days_leave_one() -> None:
    rental = suite(rental={"max_minutes": 5 * 24 * 60})
    long = lease(rental, tomorrow_at(12).isoformat(), (tomorrow_at(12) + timedelta(days=3)).isoformat())
    later = tomorrow_at(11) + timedelta(days=3)
    other = lease(rental, later.isoformat(), (later + timedelta(days=2)).isoformat())
    phones = [Api(UserFactory.create()) for _ in range(8)]
    answers = race(
        *(partial(phone.post, "rentals", long if n % 2 else other) for n, phone in enumerate(phones))
    )
    assert Counter(answer.status_code < 300 for answer in answers) == {True: 1, False: 7}
    assert overlaps() == 0


def _rent(rental: Rental, begins: int, ends: int) -> Booking:
    return create_rental(
        customer=UserFactory.create(),
        rental=on_offer().get(pk=rental.pk),
        starts_at=tomorrow_at(begins),
        ends_at=tomorrow_at(ends),
        now=timezone.now(),
    )
