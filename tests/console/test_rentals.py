"""What salons let, in the console: a resource once, prices in riyals, lengths that go together."""

from __future__ import annotations

from typing import Any

import pytest

from backend.salons.models import Rental
from tests.console.helpers import World, address, browser, operator
from tests.console.test_catalogue import errors_of, saved
from tests.factories import ResourceFactory, SalonFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Any:
    return browser(operator("platform_admin"), language="en")


def test_a_room_is_let_once_at_lengths_that_go_together(client: Any) -> None:
    world = World()
    body = {
        "salon": str(world.salon.pk), "resource": str(world.room.pk), "name_ar": "الجناح", "name_en": "The suite",
        "price_per_hour_minor": "٢٥٠٫٥", "price_per_day_minor": "", "step_minutes": "60", "min_minutes": "60",
        "max_minutes": "240", "buffer_before_minutes": "0", "buffer_after_minutes": "30", "deposit_percent": "",
        "deposit_minor": "", "damage_minor": "500", "is_active": "on", "position": "0",
    }  # fmt: skip
    url = address(Rental, "add")
    foreign = ResourceFactory.create(salon=SalonFactory.create())
    for wrong in (
        {"price_per_hour_minor": ""},
        {"max_minutes": "90"},
        {"max_minutes": "20000"},
        {"deposit_percent": "5", "deposit_minor": "5"},
        {"resource": str(foreign.pk)},
    ):
        assert errors_of(client.post(url, body | wrong)), wrong
    saved(client.post(url, body))
    made = Rental.objects.get(resource=world.room)
    assert (made.price_per_hour_minor, made.damage_minor, made.version) == (25050, 50000, 1)
    assert errors_of(client.post(url, body))

    saved(client.post(address(Rental, "change", made.pk), body | {"price_per_day_minor": "1500"}))
    made.refresh_from_db()
    assert (made.price_per_day_minor, made.version) == (150000, 2)
