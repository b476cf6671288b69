"""`Idempotency-Key`: a repeated tap changes nothing, however many arrive at once (contract guide, section 4)."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from backend.core.errors import NotFound
from backend.core.idempotency import IdempotencyKeyReused, Outcome, RequestInProgress, fingerprint, once
from backend.core.models import IdempotencyRecord
from backend.salons.models import City
from tests.core.helpers import problem
from tests.factories import UserFactory
from tests.support.api import Api, ok
from tests.support.race import race, wait_until_somebody_waits_for_us

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)
KEY = uuid.UUID("6f7a1e3e-2c9d-4b1a-9d0a-6a6f2b6b9b3a")
PLACE = "/trial/keyed/tabuk"
trial = pytest.mark.urls("tests.core.trial_urls")
alone = pytest.mark.django_db
together = pytest.mark.django_db(transaction=True)


def found_city() -> tuple[int, bytes]:
    city = City.objects.create(slug=uuid.uuid4().hex, name_ar="تبوك")
    return 201, json.dumps({"slug": city.slug}).encode()


def asker(
    user: Any, *, key: uuid.UUID = KEY, body: Any = None, now: datetime = NOON
) -> Callable[..., Outcome]:
    return partial(
        once,
        user_id=user.pk,
        operation="found_city",
        key=key,
        fingerprint=fingerprint("/cities", body),
        now=now,
    )


# Many at once ---------------------------------------------------------------------------------------------------


@together
def test_of_eight_at_once_one_acts_and_the_others_repeat_its_answer() -> None:
    ask = asker(UserFactory.create())
    outcomes = race(*[partial(ask, act=found_city)] * 8)
    assert sorted(o.replayed for o in outcomes) == [False] + [True] * 7
    answer = json.dumps({"slug": City.objects.get().slug}).encode()
    assert [(o.status, o.body) for o in outcomes] == [(201, answer)] * 8


@together
def test_witness_without_the_key_each_of_them_acts() -> None:
    race(*[found_city] * 8)
    assert City.objects.count() == 8


@trial
@together
def test_eight_taps_over_http_found_one_city() -> None:
    phone = Api(UserFactory.create())
    answers = race(*[partial(phone.post, PLACE, {"n": 1}, key=KEY)] * 8)
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1, "to the byte"
    assert sorted(a.headers.get("Idempotent-Replayed", "") for a in answers) == [""] + ["true"] * 7
    assert City.objects.count() == 1


@together
def test_when_the_first_fails_its_twin_acts() -> None:
    ask, began = asker(UserFactory.create()), threading.Event()

    def fails() -> tuple[int, Any]:
        City.objects.create(slug="half-done", name_ar="تبوك")
        began.set()
        wait_until_somebody_waits_for_us()
        raise NotFound

    def second() -> Outcome:
        began.wait(10)
        return ask(act=found_city)

    failure, outcome = race(partial(ask, act=fails), second)
    assert isinstance(failure, NotFound)
    assert (outcome.status, outcome.replayed) == (201, False)
    assert City.objects.get().slug == json.loads(outcome.body)["slug"]
    assert IdempotencyRecord.objects.count() == 1


@together
def test_when_the_first_dawdles_its_twin_is_told_after_two_seconds() -> None:
    user = UserFactory.create()
    ask, began, told = asker(user), threading.Event(), threading.Event()
    waited: list[float] = []

    def slow() -> tuple[int, Any]:
        answer = found_city()  # holds the key from here on
        began.set()
        assert told.wait(15)
        return answer

    def twin() -> Outcome:
        began.wait(10)
        start = time.monotonic()
        try:
            return ask(act=found_city)
        finally:
            waited.append(time.monotonic() - start)
            told.set()

    def stranger() -> Outcome:
        began.wait(10)
        return asker(UserFactory.create())(act=found_city)

    first, refusal, other = race(partial(ask, act=slow), twin, stranger)
    assert isinstance(refusal, RequestInProgress)
    assert refusal.extra == {"retry_after": 2}
    assert 1.9 <= waited[0] < 8
    assert not first.replayed
    assert not other.replayed, "another person's equal key waits for nobody"
    again = ask(act=found_city)
    assert (again.body, again.replayed) == (first.body, True)
    assert City.objects.count() == 2


@together
def test_the_act_itself_keeps_the_servers_own_patience() -> None:
    """The short wait is for the twin only; an act that queues for a salon's chair may take longer."""

    def patience() -> tuple[int, bytes]:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            return 200, cursor.fetchone()[0].encode()

    before = patience()
    assert asker(UserFactory.create())(act=patience).body == before[1] != b"2s"


@together
def test_an_outlived_key_is_taken_over_by_one_of_many() -> None:
    user = UserFactory.create()
    first = asker(user)(act=found_city)
    ask = asker(user, now=NOON + timedelta(hours=24, seconds=1), body="another")
    outcomes = race(*[partial(ask, act=found_city)] * 4)
    assert sorted(o.replayed for o in outcomes) == [False, True, True, True]
    assert len({o.body for o in outcomes} - {first.body}) == 1
    assert IdempotencyRecord.objects.count() == 1


# One after another ----------------------------------------------------------------------------------------------


@alone
@pytest.mark.parametrize(
    ("age", "replayed"), [(timedelta(hours=23, minutes=59), True), (timedelta(hours=24, seconds=1), False)]
)
def test_a_key_is_kept_for_a_day(age: timedelta, replayed: bool) -> None:
    user = UserFactory.create()
    asker(user)(act=found_city)
    assert asker(user, now=NOON + age)(act=found_city).replayed is replayed
    assert City.objects.count() == (1 if replayed else 2)


@alone
def test_a_key_belongs_to_one_person_and_one_operation() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    assert not asker(user)(act=found_city).replayed
    assert not asker(other)(act=found_city).replayed
    elsewhere = once(
        user_id=user.pk,
        operation="other",
        key=KEY,
        fingerprint=fingerprint("/x", 1),
        act=found_city,
        now=NOON,
    )
    assert not elsewhere.replayed
    with pytest.raises(IdempotencyKeyReused):
        asker(user, body={"n": 2})(act=found_city)
    assert City.objects.count() == 3


def test_equal_requests_have_equal_fingerprints() -> None:
    assert fingerprint("/a", {"x": 1, "y": ["ن", None]}) == fingerprint("/a", {"y": ["ن", None], "x": 1})
    different = [
        ("/a", {"x": 1}),
        ("/b", {"x": 1}),
        ("/a", {"x": "1"}),
        ("/a", {"x": True}),
        ("/a", {"x": [1]}),
        ("/a", None),
    ]
    assert len({fingerprint(path, body) for path, body in different}) == len(different)
    assert fingerprint("/a", {"x": "\ud800"}) != fingerprint("/a", {"x": "?"})


@trial
@alone
class TestOverHttp:
    def test_a_repeat_gets_the_first_answer_in_its_own_order(self) -> None:
        phone = Api(UserFactory.create())
        first = phone.post(PLACE, {"a": 1, "b": 2}, key=KEY)
        for key in (KEY, f'"{KEY}"', str(KEY).upper(), KEY.hex):
            again = phone.post(PLACE, {"b": 2, "a": 1}, key=key)
            assert (again.status_code, again.content) == (201, first.content)
            assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert list(ok(first, 201)) == ["z", "a", "m"]
        assert City.objects.count() == 1

    @pytest.mark.parametrize(
        "key", ["", "1", "not-a-uuid", "{6f7a1e3e-2c9d-4b1a-9d0a-6a6f2b6b9b3a}", "-" * 36, "f" * 33]
    )
    def test_a_key_that_is_none_is_refused(self, key: str) -> None:
        phone = Api(UserFactory.create())
        problem(
            phone.send("POST", PLACE, body={}, headers={"Idempotency-Key": key}),
            400,
            "idempotency_key_required",
        )
        problem(phone.send("POST", PLACE, body={}), 400, "idempotency_key_required")
        assert not City.objects.exists()

    def test_a_key_is_not_reused_for_something_else(self) -> None:
        phone = Api(UserFactory.create())
        phone.post(PLACE, {"n": 1}, key=KEY)
        problem(phone.post(PLACE, {"n": 2}, key=KEY), 422, "idempotency_key_reused")
        problem(phone.post(PLACE + "2", {"n": 1}, key=KEY), 422, "idempotency_key_reused")
        assert City.objects.count() == 1

    def test_a_refusal_is_not_kept(self) -> None:
        phone = Api(UserFactory.create())
        problem(phone.post(PLACE, {"fail": True}, key=KEY), 403, "permission_denied")
        assert not City.objects.exists()
        assert not IdempotencyRecord.objects.exists()
        ok(phone.post(PLACE, {"n": 1}, key=KEY), 201)
        assert City.objects.count() == 1
