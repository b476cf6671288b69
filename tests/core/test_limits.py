"""Rate limits that parallel requests cannot slip through."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from backend.core.limits import Limit, give_back, take
from backend.core.models import RateCount
from tests.support.race import race

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)
SEVEN = Limit("trial", most=7, window=timedelta(minutes=10))
ME = "somebody"


@pytest.fixture(autouse=True)
def unscaled(settings: Any) -> None:
    settings.LIMITS_SCALE = 1


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_exactly_seven_pass() -> None:
    outcomes = race(*[partial(take, SEVEN, ME, now=NOON)] * 20)
    assert outcomes.count(0) == 7
    assert set(outcomes) == {0, 600}
    assert RateCount.objects.get().taken == 7


@pytest.mark.django_db(transaction=True)
def test_a_window_that_ended_lets_exactly_seven_of_twenty_pass_again() -> None:
    race(*[partial(take, SEVEN, ME, now=NOON)] * 8)
    assert race(*[partial(take, SEVEN, ME, now=NOON + SEVEN.window)] * 20).count(0) == 7


@pytest.mark.django_db(transaction=True)
def test_witness_reading_before_writing_lets_everybody_pass() -> None:
    """How DRF's throttles count. All have read before the first one writes."""
    assert take(SEVEN, ME, now=NOON) == 0
    everybody_has_read = threading.Barrier(20)

    def naive() -> int:
        taken = RateCount.objects.get().taken
        everybody_has_read.wait(30)
        return 1 if taken >= SEVEN.most else 1 - RateCount.objects.update(taken=taken + 1)

    assert race(*[naive] * 20) == [0] * 20, "six were left"


def takes(count: int, *, at: datetime = NOON, subject: str = ME) -> list[int]:
    return [take(SEVEN, subject, now=at) for _ in range(count)]


@pytest.mark.django_db
class TestAWindow:
    def test_begins_with_the_first_request_and_says_when_it_ends(self) -> None:
        assert takes(7) == [0] * 7
        assert takes(1, at=NOON + timedelta(minutes=4, milliseconds=1)) == [360], "rounded up"
        assert takes(1, at=NOON + timedelta(minutes=9, seconds=59.9)) == [1]
        assert takes(8, at=NOON + timedelta(minutes=10)) == [0] * 7 + [600]

    def test_is_not_made_longer_by_asking_again(self) -> None:
        takes(7)
        for minute in range(1, 10):
            assert takes(1, at=NOON + timedelta(minutes=minute)) == [600 - 60 * minute]
        assert takes(1, at=NOON + timedelta(minutes=10)) == [0]
        assert RateCount.objects.get().taken == 1, "refused requests are not counted"

    def test_is_each_subjects_and_each_limits_own(self) -> None:
        takes(7)
        assert takes(1, subject="somebody-else") == [0]
        assert take(Limit("other", most=7, window=SEVEN.window), ME, now=NOON) == 0

    def test_takes_back_what_came_to_nothing(self) -> None:
        takes(7)
        give_back(SEVEN, ME)
        assert takes(2, at=NOON + timedelta(minutes=1)) == [0, 540]
        for _ in range(20):
            give_back(SEVEN, ME)
        give_back(SEVEN, "never-seen")
        assert takes(8, at=NOON + timedelta(minutes=5)) == [0] * 7 + [600], "an emptied window begins anew"

    @pytest.mark.parametrize(("scale", "allowed"), [(1, 7), (10, 70), (0.5, 3), (0.01, 1)])
    def test_is_scaled_by_the_operator_but_never_to_nothing(
        self, scale: float, allowed: int, settings: Any
    ) -> None:
        settings.LIMITS_SCALE = scale
        assert SEVEN.allowed == allowed
        assert Limit("fixed", most=7, window=SEVEN.window, scaled=False).allowed == 7
        assert takes(allowed + 1)[-2:] == [0, 600]
