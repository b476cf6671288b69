"""Several limits taken in one statement: all of them or none, under any number of requests."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from backend.core import limits
from backend.core.limits import Count, Limit, left, take, take_all
from backend.core.models import RateCount
from tests.support.race import race

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)
NARROW = Limit("narrow", most=3, window=timedelta(minutes=1))
WIDE = Limit("wide", most=10, window=timedelta(hours=1))


@pytest.fixture(autouse=True)
def unscaled(settings: Any) -> None:
    settings.LIMITS_SCALE = 1


def both(subject: str, at: datetime = NOON) -> limits.Refusal | None:
    return take_all([Count(NARROW, subject), Count(WIDE, "all")], now=at)


def taken(key: str) -> int:
    return sum(RateCount.objects.filter(key=key).values_list("taken", flat=True))


@pytest.mark.django_db
def test_a_refused_request_takes_from_none_of_its_limits() -> None:
    for _ in range(3):
        assert both("a") is None
    refusal = both("a")
    assert refusal is not None
    assert (refusal.count.limit, refusal.count.subject, refusal.retry_after) == (NARROW, "a", 60)
    assert (taken("narrow:a"), taken("wide:all")) == (3, 3)


@pytest.mark.django_db
def test_of_two_limits_that_are_used_up_the_longer_wait_is_told() -> None:
    for n in range(10):
        both(f"{n % 4}")
    assert both("0", NOON + timedelta(seconds=5)) == limits.Refusal(Count(WIDE, "all"), 3595)
    both("b")
    assert taken("narrow:b") == 0, "nothing is written for a refused request"
    assert not RateCount.objects.filter(key="narrow:b").exists()


@pytest.mark.django_db
def test_a_heavy_request_passes_whole_or_not_at_all() -> None:
    assert take(WIDE, "all", now=NOON, amount=8) == 0
    assert take(WIDE, "all", now=NOON, amount=3) == 3600
    assert take(WIDE, "all", now=NOON, amount=2) == 0
    assert left(WIDE, "all", now=NOON + timedelta(minutes=15)) == (0, 2700)
    limits.give_back(WIDE, "all", 100)
    assert left(WIDE, "all", now=NOON) == (10, 3600)


@pytest.mark.django_db
def test_what_is_left_is_everything_again_when_the_window_is_over() -> None:
    assert left(WIDE, "all", now=NOON) == (10, 3600)
    take(WIDE, "all", now=NOON)
    assert left(WIDE, "all", now=NOON) == (9, 3600)
    assert left(WIDE, "all", now=NOON + timedelta(hours=1)) == (10, 3600)


@pytest.mark.django_db(transaction=True)
def test_parallel_requests_for_crossing_limits_neither_slip_through_nor_deadlock() -> None:
    subjects = [Count(NARROW, name) for name in "abcdef"]

    def shuffled(seed: int) -> limits.Refusal | None:
        return take_all(random.Random(seed).sample([*subjects, Count(WIDE, "all")], 7), now=NOON)

    outcomes = race(*[partial(shuffled, seed) for seed in range(24)])
    assert outcomes.count(None) == 3
    assert {row.taken for row in RateCount.objects.all()} == {3}


@pytest.mark.django_db(transaction=True)
def test_counting_where_a_rollback_could_undo_it_is_refused() -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        take(WIDE, "all", now=NOON)
    with pytest.raises(ZeroDivisionError):
        _ = take(WIDE, "all", now=NOON) / 0
    assert taken("wide:all") == 1, "committed before the caller fell over"


def test_the_headers_follow_the_draft() -> None:
    assert NARROW.headers(left=2, resets_in=42) == {
        "RateLimit-Policy": '"narrow";q=3;w=60',
        "RateLimit": '"narrow";r=2;t=42',
    }
