"""Cursor pages: nobody is skipped or shown twice while rows are added between two pages."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.core.api.pagination import SEAL_BYTES
from tests.core.helpers import field_error, problem, send
from tests.factories import SalonFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.trial_urls")]
PEOPLE = "/trial/people"
ORDER = ("-joined_at", "name", "id")
DAY = datetime(2026, 11, 20, 9, tzinfo=UTC)


def people(count: int, *, days: int = 3) -> None:
    """Many with equal days and equal names."""
    for n in range(count):
        UserFactory.create(
            joined_at=DAY + timedelta(days=n % days, microseconds=n % 2), name="نورة" if n % 3 else ""
        )


def get(query: str = "") -> Any:
    response = send("GET", f"{PEOPLE}?{query}")
    assert response.status_code == 200, response.content
    return response.json()


def walk(limit: int, between: Any = lambda: None) -> list[list[str]]:
    pages, cursor = [], ""
    for _ in range(100):
        found = get(f"limit={limit}&cursor={cursor}")
        pages.append(found["items"])
        if found["next_cursor"] is None:
            return pages
        cursor = found["next_cursor"]
        between()
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("limit", [1, 2, 7, 40, 41, 50])
def test_pages_hold_everybody_once_in_order(limit: int) -> None:
    people(41)
    pages = walk(limit)
    assert [phone for page in pages for phone in page] == list(
        User.objects.order_by(*ORDER).values_list("phone", flat=True)
    )
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert 1 <= len(pages[-1]) <= limit


def test_rows_added_between_pages_repeat_and_lose_nobody() -> None:
    people(30)
    there_before = set(User.objects.values_list("phone", flat=True))
    seen = [phone for page in walk(4, between=lambda: people(5, days=4)) for phone in page]
    assert len(seen) == len(set(seen))
    assert there_before <= set(seen)
    born = dict(User.objects.values_list("phone", "joined_at"))
    assert [born[p] for p in seen] == sorted((born[p] for p in seen), reverse=True)


def test_rows_taken_away_between_pages_lose_nobody_else() -> None:
    """Not even when the very row that the cursor stands on is gone."""
    people(10)
    first = get("limit=4")
    User.objects.filter(phone__in=first["items"]).delete()
    rest = get(f"limit=50&cursor={first['next_cursor']}")["items"]
    assert rest == list(User.objects.order_by(*ORDER).values_list("phone", flat=True))


def test_a_page_of_twenty_is_the_custom_and_an_empty_list_is_a_list() -> None:
    assert get() == {"items": [], "next_cursor": None}
    people(21)
    assert len(get()["items"]) == 20
    assert get("limit=21")["next_cursor"] is None


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("0", "too_small"),
        ("51", "too_large"),
        ("-1", "too_small"),
        ("٥١", "too_large"),
        ("x", "invalid_format"),
    ],
)
def test_a_limit_outside_one_to_fifty_is_refused(limit: str, code: str) -> None:
    field_error(send("GET", f"{PEOPLE}?limit={limit}"), code, parameter="limit")


def test_the_limit_may_change_on_the_way() -> None:
    people(9)
    first = get("limit=2")
    assert len(get(f"limit=50&cursor={first['next_cursor']}")["items"]) == 7


def cursor_of(path: str = f"{PEOPLE}?limit=2") -> str:
    return str(send("GET", path).json()["next_cursor"])


def test_a_cursor_is_good_for_its_own_list_and_filters_only() -> None:
    people(9)
    for n in range(3):
        SalonFactory.create(slug=f"s{n}")
    mine, filtered, salons = (
        cursor_of(),
        cursor_of(f"{PEOPLE}?limit=2&name=x"),
        cursor_of("/api/v1/salons?limit=1"),
    )
    for address in (
        f"{PEOPLE}?name=x&cursor={mine}",
        f"{PEOPLE}?cursor={filtered}",
        f"{PEOPLE}?cursor={salons}",
        f"/api/v1/salons?cursor={mine}",
        f"/api/v1/salons?city=riyadh&cursor={salons}",
        f"/api/v1/salons/s1/reviews?cursor={salons}",
    ):
        field_error(send("GET", address), "cursor_invalid", parameter="cursor")
    assert send("GET", f"/api/v1/salons?cursor={salons}").status_code == 200


@pytest.mark.parametrize(
    "forged",
    [
        "x",
        "****",
        "نورة",
        "AAAA",
        base64.urlsafe_b64encode(b"[]" * 40).decode(),
        base64.urlsafe_b64encode(b'["2026-11-20T00:00:00+00:00","","x"]').decode(),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
    ],
)
def test_a_cursor_we_did_not_make_is_refused(forged: str) -> None:
    for address in (PEOPLE, "/api/v1/salons"):
        field_error(send("GET", f"{address}?cursor={forged}"), "cursor_invalid", parameter="cursor")


def _unpack(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


@pytest.mark.parametrize(
    "value", [None, {}, [], True, 1e400, -(10**40), "\0", "0001-01-01T00:00:00+14:00", "2026-11-20T00:00:00"]
)
def test_a_cursor_somebody_edited_is_refused(value: Any) -> None:
    """Whatever stands in it then, it never reaches the database."""
    people(9)
    SalonFactory.create()
    SalonFactory.create()
    for address in (PEOPLE, "/api/v1/salons"):
        raw = _unpack(cursor_of(f"{address}?limit=1"))
        values = json.loads(raw[SEAL_BYTES:])
        for place in range(len(values)):
            edited = [value if n == place else v for n, v in enumerate(values)]
            cursor = (
                base64.urlsafe_b64encode(raw[:SEAL_BYTES] + json.dumps(edited).encode()).decode().rstrip("=")
            )
            field_error(
                send("GET", f"{address}?limit=1&cursor={cursor}"), "cursor_invalid", parameter="cursor"
            )


def test_a_cursor_too_long_to_be_ours_is_refused() -> None:
    assert (
        problem(send("GET", f"{PEOPLE}?cursor={'x' * 600}"), 400, "validation_failed")["errors"][0][
            "parameter"
        ]
        == "cursor"
    )


def test_every_page_costs_the_same_one_query() -> None:
    people(30)
    cursor, costs = "", []
    for limit in (1, 5, 20):
        with CaptureQueriesContext(connection) as queries:
            cursor = get(f"limit={limit}&cursor={cursor}")["next_cursor"]
        costs.append(len(queries))
    assert costs == [1, 1, 1]
