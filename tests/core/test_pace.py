"""How fast one signed-in person may read and write (contract guide, section 7)."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from freezegun import freeze_time

from backend.accounts.models import User
from backend.core.api.pace import Pace
from backend.core.limits import Limit
from backend.salons.models import City
from tests.core.helpers import problem
from tests.factories import UserFactory
from tests.support.api import Api, ok
from tests.support.race import race

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)
READ, WRITE, PUBLIC = "/trial/mine", "/trial/keyed/tabuk", "/trial/echo"
trial = pytest.mark.urls("tests.core.trial_urls")


@pytest.fixture(autouse=True)
def everybody_may_hurry() -> None:
    """Not here."""


@pytest.fixture(autouse=True)
def unscaled(settings: Any) -> None:
    settings.LIMITS_SCALE = 1


@pytest.fixture
def clock() -> Iterator[Any]:
    with freeze_time(NOON) as frozen:
        yield frozen


def reads(phone: Api, count: int) -> list[int]:
    return [phone.get(READ).status_code for _ in range(count)]


def writes(phone: Api, count: int) -> list[int]:
    return [phone.post(WRITE, {}).status_code for _ in range(count)]


def headers(response: Any) -> tuple[str, ...]:
    return tuple(response.headers[name] for name in ("Retry-After", "RateLimit-Policy", "RateLimit"))


@trial
@pytest.mark.django_db
class TestAPerson:
    def test_may_read_120_times_a_minute_and_is_then_told_in_arabic_how_long_to_wait(
        self, clock: Any
    ) -> None:
        phone = Api(UserFactory.create())
        assert reads(phone, 120) == [200] * 120
        clock.tick(20.5)
        over = phone.get(READ)
        body = problem(over, 429, "rate_limited")
        assert body["detail"] == "عدد الطلبات كبير. يرجى المحاولة بعد قليل."
        assert body["retry_after"] == 40, "rounded up"
        assert headers(over) == ("40", '"reads";q=120;w=60', '"reads";r=0;t=40')

    def test_may_write_30_times_a_minute_and_is_then_told_in_english(self, clock: Any) -> None:
        phone = Api(UserFactory.create(), language="en")
        assert writes(phone, 30) == [201] * 30
        over = phone.post(WRITE, {})
        body = problem(over, 429, "rate_limited", language="en")
        assert body["detail"] == "Too many requests. Please try again shortly."
        assert headers(over) == ("60", '"writes";q=30;w=60', '"writes";r=0;t=60')
        assert City.objects.count() == 30, "what is refused is not done"

    def test_is_told_in_the_language_they_chose(self, settings: Any) -> None:
        settings.LIMITS_SCALE = 0.01
        phone = Api(UserFactory.create(language="en"))
        assert reads(phone, 1) == [200]
        problem(phone.get(READ), 429, "rate_limited", language="en")

    def test_has_reads_and_writes_apart(self, settings: Any) -> None:
        settings.LIMITS_SCALE = 0.1
        phone = Api(UserFactory.create())
        assert writes(phone, 4) == [201] * 3 + [429]
        assert reads(phone, 13) == [200] * 12 + [429]

    def test_shares_them_between_devices_and_with_nobody_else(self, settings: Any) -> None:
        settings.LIMITS_SCALE = 0.1
        me = UserFactory.create()
        assert writes(Api(me), 2) + writes(Api(me), 2) == [201] * 3 + [429]
        assert writes(Api(UserFactory.create()), 3) == [201] * 3

    def test_may_go_on_a_minute_after_the_first_request_however_often_they_asked_meanwhile(
        self, clock: Any
    ) -> None:
        phone = Api(UserFactory.create())
        assert writes(phone, 1) == [201]
        clock.tick(30)
        assert writes(phone, 29) == [201] * 29
        for second in range(30, 60):
            assert phone.post(WRITE, {}).headers["Retry-After"] == str(60 - second)
            clock.tick(1)
        assert writes(phone, 31) == [201] * 30 + [429], "a new window"

    def test_spends_a_write_on_a_repeat_too(self, settings: Any) -> None:
        settings.LIMITS_SCALE = 0.1
        phone = Api(UserFactory.create())
        answers = [phone.post(WRITE, {}, key=uuid.UUID(int=7)) for _ in range(4)]
        assert [a.status_code for a in answers] == [201, 201, 201, 429]
        assert [a.headers.get("Idempotent-Replayed") for a in answers] == [None, "true", "true", None]
        assert City.objects.count() == 1

    def test_gets_the_answer_with_the_same_key_once_the_minute_is_over(self, clock: Any) -> None:
        phone, key = Api(UserFactory.create()), uuid.UUID(int=8)
        assert writes(phone, 30) == [201] * 30
        assert phone.post(WRITE, {}, key=key).status_code == 429
        clock.tick(60)
        found = phone.post(WRITE, {}, key=key)
        assert ok(found, 201)
        assert "Idempotent-Replayed" not in found.headers

    def test_spends_a_request_on_what_is_refused_for_another_reason(self, settings: Any) -> None:
        settings.LIMITS_SCALE = 0.1
        phone = Api(UserFactory.create())
        assert phone.get(READ, wrong="1").status_code == 400
        assert phone.send("HEAD", READ).status_code == 200
        assert reads(phone, 11) == [200] * 10 + [429]
        assert [phone.post(READ, {}).status_code for _ in range(4)] == [405, 405, 405, 429]

    @pytest.mark.parametrize(("scale", "allowed"), [(0.01, 1), (0.5, 15), (2, 60)])
    def test_has_as_many_as_the_operator_says(self, scale: float, allowed: int, settings: Any) -> None:
        settings.LIMITS_SCALE = scale
        assert writes(Api(UserFactory.create()), allowed + 1) == [201] * allowed + [429]


@trial
@pytest.mark.django_db
def test_public_pages_count_nobody(settings: Any) -> None:
    settings.LIMITS_SCALE = 0.01
    for phone in (Api(), Api(UserFactory.create())):
        assert [phone.get(PUBLIC).status_code for _ in range(3)] == [200] * 3
        assert [phone.post(PUBLIC, {}).status_code for _ in range(3)] == [200] * 3
    signed_in = Api(UserFactory.create())
    assert reads(signed_in, 2) == [200, 429]
    assert signed_in.get(PUBLIC).status_code == 200


@trial
@pytest.mark.django_db(transaction=True)
def test_of_twenty_reads_at_once_exactly_twelve_pass(settings: Any) -> None:
    settings.LIMITS_SCALE = 0.1
    phone = Api(User.objects.get(pk=UserFactory.create().pk))
    answers = race(*[partial(phone.get, READ)] * 20)
    assert sorted(a.status_code for a in answers) == [200] * 12 + [429] * 8


@pytest.mark.django_db(transaction=True)
def test_threads_that_interrupt_each_other_begin_one_window_a_person() -> None:
    pace = Pace(Limit("trial", most=1, window=timedelta(minutes=10)))

    def passes() -> int:
        return sum(pace.take(person) == 0 for person in range(20_000))

    patience = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert sum(race(*[passes] * 4)) == 20_000
    finally:
        sys.setswitchinterval(patience)


def test_only_the_people_of_the_last_minute_are_remembered(clock: Any) -> None:
    pace = Pace(Limit("trial", most=1, window=timedelta(minutes=1)))
    for minute in range(5):
        for person in range(1_000):
            assert pace.take((minute, person)) == 0
            assert len(pace._windows) <= 1_000
            clock.tick(0.06)
    assert pace.take((4, 999)) == 60, "who is remembered is still counted"
    clock.tick(60)
    assert pace.take((4, 999)) == 0
    assert len(pace._windows) == 1
