"""What is over is deleted, in batches, by any number of machines at once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from backend.accounts.models import User
from backend.core import jobs, purge
from backend.core.limits import Limit, take
from backend.core.models import IdempotencyRecord, RateCount
from tests.support.race import race

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)


def count_rows(how_many: int, *, ends_at: datetime = NOON - timedelta(seconds=1)) -> None:
    start = RateCount.objects.count()
    RateCount.objects.bulk_create(
        RateCount(key=f"trial:{start + n}", ends_at=ends_at, taken=1) for n in range(how_many)
    )


@pytest.mark.django_db
def test_counts_go_with_their_window_and_answers_after_a_day() -> None:
    count_rows(3)
    count_rows(2, ends_at=NOON + timedelta(seconds=1))
    user = User.objects.create_user("+966512345678")
    for hours in (23, 25):
        IdempotencyRecord.objects.create(
            user=user,
            operation="trial",
            key=uuid.uuid4(),
            fingerprint="",
            status=200,
            answer="{}",
            created_at=NOON - timedelta(hours=hours),
        )
    assert purge.purge_core(NOON) == 4
    assert (RateCount.objects.count(), IdempotencyRecord.objects.count()) == (2, 1)
    assert purge.purge_core(NOON) == 0


@pytest.mark.django_db(transaction=True)
def test_four_machines_delete_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 10)
    count_rows(105)
    assert sum(race(*[partial(purge.purge_core, NOON)] * 4)) == 105
    assert RateCount.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_row_in_use_is_left_for_the_next_time() -> None:
    count_rows(2)

    def elsewhere() -> int:
        try:
            return purge.purge_core(NOON)
        finally:
            connection.close()

    with transaction.atomic():
        RateCount.objects.select_for_update().get(key="trial:0")
        assert race(elsewhere) == [1]
    assert purge.purge_core(NOON) == 1


@pytest.mark.django_db
def test_a_running_count_outlives_the_purge() -> None:
    limit = Limit("trial", most=1, window=timedelta(hours=1))
    assert take(limit, "me", now=NOON) == 0
    purge.purge_core(NOON + timedelta(minutes=59))
    assert take(limit, "me", now=NOON + timedelta(minutes=59)) == 60


@pytest.mark.django_db
def test_ticks_purge_every_six_hours() -> None:
    job = jobs.registered()["purge"]
    assert "purge-sign-in" in jobs.registered()
    count_rows(1)
    assert job(NOON) == 1
    count_rows(1)
    assert job(NOON + timedelta(hours=5)) == 0
    assert job(NOON + timedelta(hours=6)) >= 1
