"""Which versions of the apps call which operations: the evidence on which something may be retired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from backend.core import clients
from backend.core.api.deprecation import Deprecation
from backend.core.models import ClientCalls
from backend.core.purge import purge_core
from tests.core.helpers import problem, send
from tests.support.race import race

TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_calls", clients._Calls())


def due(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call finds that a minute has passed."""
    monkeypatch.setattr(clients._calls, "written_at", -1e9)


@pytest.mark.django_db
def test_calls_are_counted_by_version_and_operation_and_written_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        send("GET", "/api/v1/cities", X_Client="ios/2.3.1+431")
    send("GET", "/api/v1/salons/nowhere", X_Client="android/1.0.0")
    assert not ClientCalls.objects.exists()
    due(monkeypatch)
    send("GET", "/api/v1/cities", X_Client="ios/2.3.1+432")
    assert sorted(ClientCalls.objects.values_list("client", "operation", "calls")) == [
        ("android/1.0.0", "GET api/v1/salons/<str:salon>", 1),
        ("ios/2.3.1", "GET api/v1/cities", 4),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("client", ["", "curl/8.0", "ios/2", "x" * 5000])
def test_a_stranger_is_not_counted(monkeypatch: pytest.MonkeyPatch, client: str) -> None:
    due(monkeypatch)
    assert send("GET", "/api/v1/cities", X_Client=client).status_code == 200
    assert not ClientCalls.objects.exists()


def test_inventing_versions_does_not_fill_the_memory() -> None:
    for number in range(clients.MOST_KEYS + 50):
        clients._calls.add((TODAY, f"ios/1.{number % 9999}.{number // 9999}", "GET x"))
    assert len(clients._calls.counted) == clients.MOST_KEYS


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_add_up() -> None:
    calls = {(TODAY, f"ios/1.0.{number}", "GET x"): 2 for number in range(20)}
    backwards = dict(reversed(calls.items()))
    outcomes = race(*(partial(clients.write, rows) for rows in (calls, backwards, calls, backwards)))
    assert outcomes == [None] * 4
    assert set(ClientCalls.objects.values_list("calls", flat=True)) == {8}


@pytest.mark.django_db
def test_the_operator_sees_who_still_calls_an_operation() -> None:
    today = timezone.now().date()
    clients.write(
        {
            (today, "ios/1.0.0", "GET api/v1/old"): 3,
            (today, "ios/2.0.0", "GET api/v1/old"): 1,
            (today, "ios/2.0.0", "GET api/v1/new"): 96,
            (today - timedelta(days=40), "ios/0.9.0", "GET api/v1/old"): 5,
        }
    )
    out = StringIO()
    call_command("clients", "--operation", "old", stdout=out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [["ios/1.0.0", "3", "75.0", "%"], ["ios/2.0.0", "1", "25.0", "%"], ["all", "4"]]
    call_command("clients", "--operation", "nobody", stdout=(none := StringIO()))
    assert none.getvalue().split() == ["all", "0"]


@pytest.mark.django_db
def test_old_counts_go() -> None:
    now = timezone.now()
    clients.write({((now - timedelta(days=age)).date(), "ios/1.0.0", "GET x"): 1 for age in (10, 399, 402)})
    assert purge_core(now) >= 1
    assert ClientCalls.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.urls("tests.core.trial_urls")
def test_what_will_go_says_so_on_every_answer() -> None:
    for query, status in (("", 200), ("?nonsense=1", 400)):
        answer = send("GET", f"/trial/going{query}")
        assert answer.status_code == status
        assert answer.headers["Deprecation"] == "@1798761600"
        assert answer.headers["Sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
        assert answer.headers["Link"].endswith('/docs>; rel="deprecation"; type="text/html"')
    assert "Deprecation" not in send("GET", "/api/v1/cities").headers


@pytest.mark.django_db
@pytest.mark.urls("tests.core.trial_urls")
@pytest.mark.parametrize("language", ["ar", "en"])
def test_what_is_gone_says_so_to_everybody_and_who_still_calls_it_is_counted(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    due(monkeypatch)
    answer = send("GET", "/trial/gone", language=language, X_Client="ios/1.0.0")
    problem(answer, 410, "endpoint_removed", language=language)
    assert answer.headers["Sunset"] == "Tue, 01 Jul 2025 00:00:00 GMT"
    assert answer.headers["Deprecation"] == "@1735689600"
    assert list(ClientCalls.objects.values_list("client", "operation")) == [("ios/1.0.0", "GET trial/gone")]
    head = send("HEAD", "/trial/gone")
    assert (head.status_code, head.content) == (410, b"")
    assert "Sunset" in head.headers
    problem(send("POST", "/trial/gone"), 401, "auth_required")  # the other methods live on
    problem(send("PUT", "/trial/gone"), 401, "auth_required")


def test_a_deprecation_gives_half_a_year(settings: Any) -> None:
    from backend.core.api.views import Endpoint

    def kinds(kind: type[Any]) -> Iterator[type[Any]]:
        yield kind
        for child in kind.__subclasses__():
            yield from kinds(child)

    for kind in kinds(Endpoint):
        for going in kind.deprecated.values():
            assert isinstance(going, Deprecation)
            assert going.sunset - going.since >= timedelta(days=180), kind
            assert not going.removed or going.sunset <= timezone.now().date(), kind
