"""Our connections: a lost one is noticed without asking, and the lean cursor reads what Django's reads."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    close_old_connections,
    connection,
    connections,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from backend.core.postgres.base import DatabaseWrapper, KeptCursor, binary_cursor, later
from tests.core.helpers import send


@pytest.mark.django_db
def test_a_connection_that_lives_is_used_without_asking(tmp_path: Path) -> None:
    connection.ensure_connection()
    wire = connection.connection.pgconn
    with (tmp_path / "wire").open("w+b") as said:

        def talk(check: Any) -> int:
            wire.trace(said.fileno())
            assert check()
            wire.untrace()
            return said.seek(0, os.SEEK_END)

        assert talk(connection.is_usable) == 0
        assert talk(super(DatabaseWrapper, cast(Any, connections["default"])).is_usable) > 0, "Django asks"


@pytest.mark.django_db(transaction=True)
def test_a_session_the_server_ended_is_replaced_before_the_next_request() -> None:
    assert send("GET", "/api/v1/cities").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            assert cursor.fetchone() == (True,)
    finally:
        other.close()
    assert not connection.is_usable()
    close_old_connections()  # as every request begins; the test client leaves it out
    assert send("GET", "/api/v1/cities").status_code == 200


@pytest.mark.django_db
def test_the_lean_cursor_reads_the_same_values() -> None:
    statement = (
        "SELECT '018f3a52-0000-7000-8000-000000000001'::uuid, timestamptz '2026-11-21 09:00+03', 7, NULL::text, 'لمسة',"
        " true, date '2026-11-21', ARRAY['a', 'b']"
    )
    rows = []
    for cursor in (connection.cursor(), binary_cursor()):
        with cursor:
            cursor.execute(statement)
            rows.append(cursor.fetchone())
    assert rows[0] == rows[1]
    assert rows[1][0] == uuid.UUID("018f3a52-0000-7000-8000-000000000001")
    assert rows[1][1] == datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert rows[0][1].utcoffset() == rows[1][1].utcoffset()


@pytest.mark.django_db
def test_what_the_lean_cursor_asks_is_counted_and_its_errors_are_djangos() -> None:
    with CaptureQueriesContext(connection) as asked, binary_cursor() as cursor:
        cursor.execute("SELECT %s::int", [7])
        assert cursor.fetchone() == (7,)
    assert [query["sql"] for query in asked.captured_queries] == ["SELECT 7::int"]
    with pytest.raises(ProgrammingError), transaction.atomic(), binary_cursor() as cursor:
        cursor.execute("SELECT nothing_here")


@pytest.mark.django_db
def test_the_lean_cursor_takes_values_by_place_and_by_name() -> None:
    someone, at = uuid.uuid4(), datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    asked: list[tuple[str, Any]] = [
        (
            "SELECT %s::uuid, %s::timestamptz, %s::text, %s::bigint[], %s::text",
            [someone, at, "لمسة", [1, 70_000], None],
        ),
        (
            "SELECT %(who)s::uuid, %(at)s::timestamptz, %(name)s::text, %(ids)s::bigint[], %(none)s::text",
            {"none": None, "ids": [1, 70_000], "who": someone, "name": "لمسة", "at": at},
        ),
    ]
    for statement, values in asked:
        with binary_cursor() as cursor:
            assert isinstance(cursor, KeptCursor)
            cursor.execute(statement, values)
            assert cursor.fetchone() == (someone, at, "لمسة", [1, 70_000], None)
            cursor.execute("SELECT 1 WHERE %s::boolean", [False])
            assert (cursor.fetchone(), cursor.fetchall(), cursor.rowcount) == (None, [], 0)


@pytest.mark.django_db
@pytest.mark.parametrize("waits", [False, True])
def test_a_statement_outlives_another_type_of_its_columns(waits: bool) -> None:
    asking = f"SELECT value FROM changing -- {'later' if waits else 'now'}"  # no test before has prepared it

    def read() -> Any:
        with transaction.atomic():
            if waits:
                return later(asking).fetchall()[0]
            with binary_cursor() as cursor:
                cursor.execute(asking)
                return cursor.fetchone()

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE changing AS SELECT 7 AS value")
        assert read() == (7,)
        cursor.execute("ALTER TABLE changing ALTER value TYPE text")
        with pytest.raises(NotSupportedError):
            read()
        assert read() == ("7",)


@pytest.mark.django_db
def test_not_every_statement_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.core.postgres.base._KEPT_STATEMENTS", 20)
    for number in range(50):
        with binary_cursor() as cursor:
            cursor.execute(f"SELECT {number}, %s::int", [number])
            assert cursor.fetchone() == (number, number)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert 0 < cursor.fetchone()[0] <= 20


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begins", [False, True])
def test_a_line_lost_under_a_lean_statement_is_an_error_of_operation_and_is_replaced(begins: bool) -> None:
    connection.ensure_connection()
    end_our_session()
    with (
        pytest.raises(OperationalError),
        transaction.atomic() if begins else nullcontext(),
        binary_cursor() as cursor,
    ):
        cursor.execute("SELECT %s::int", [1])
    close_old_connections()
    with binary_cursor() as cursor:
        cursor.execute("SELECT %s::int", [1])
        assert cursor.fetchone() == (1,)


def end_our_session() -> None:
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
    finally:
        other.close()


@pytest.fixture
def line(transactional_db: None) -> Iterator[None]:
    """A table of the test's own, and that the connection is as good as new afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE line (number int PRIMARY KEY)")
    yield
    with transaction.atomic(), binary_cursor() as cursor:
        cursor.execute("SELECT %s::int", [7])
        assert cursor.fetchone() == (7,)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS line")


INTO = "INSERT INTO line VALUES (%s::int)"


def numbers() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM line ORDER BY 1")
        return [number for (number,) in cursor.fetchall()]


def test_what_is_left_for_the_commit_is_kept_by_it(line: None) -> None:
    with transaction.atomic():
        later(INTO, [1])
    assert numbers() == [1]
    with transaction.atomic():
        with binary_cursor() as cursor:
            cursor.execute(INTO, [2])
        later(INTO, [3])
    assert numbers() == [1, 2, 3]
    later(INTO, [4])  # no transaction whose end could be waited for
    assert numbers() == [1, 2, 3, 4]


def test_what_is_left_for_the_commit_comes_before_whatever_is_said_next(line: None) -> None:
    with transaction.atomic():
        later(INTO, [1])
        assert numbers() == [1]
        later(INTO, [2])
        with binary_cursor() as cursor:
            cursor.execute("SELECT max(number) FROM line")
            assert cursor.fetchone() == (2,)
        later(INTO, [3])
        with transaction.atomic():
            later(INTO, [4])
        later(INTO, [5])
        later(INTO, [6])
    assert numbers() == [1, 2, 3, 4, 5, 6]


def test_what_is_left_comes_before_what_another_cursor_says(line: None) -> None:
    with transaction.atomic(), binary_cursor() as outer:
        outer.execute("SELECT %s::int", [1])
        later(INTO, [1])  # while one lean cursor is in use, others are psycopg's own
        with binary_cursor() as inner:
            inner.execute("SELECT count(*) FROM line")
            assert inner.fetchone() == (1,)
    with transaction.atomic():
        later(INTO, [2])
        with CaptureQueriesContext(connection), binary_cursor() as logged:
            logged.execute("SELECT count(*) FROM line")
            assert logged.fetchone() == (2,)


def test_what_arrives_may_stop_what_it_went_with(line: None) -> None:
    def stop(rows: list[Any]) -> None:
        raise LookupError(rows)

    with pytest.raises(LookupError, match="7"), transaction.atomic():
        later("SELECT %s::int", [7], arrives=stop)
        with binary_cursor() as cursor:
            cursor.execute(INTO, [1])
    assert numbers() == []


def test_what_is_left_for_the_commit_goes_with_the_rollback(line: None) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with binary_cursor() as cursor:
            cursor.execute(INTO, [1])
        later(INTO, [2])
        raise ZeroDivisionError
    assert numbers() == []
    with transaction.atomic():
        later(INTO, [3])
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            later(INTO, [4])
            raise ZeroDivisionError
    assert numbers() == [3]


def test_what_cannot_be_committed_is_djangos_error_and_nothing_is_kept(line: None) -> None:
    for alone in (True, False):
        with pytest.raises(IntegrityError), transaction.atomic():
            if alone:
                with binary_cursor() as cursor:
                    cursor.execute(INTO, [1])
            else:
                later(INTO, [1])
            later(INTO, [1])
        assert numbers() == []


def test_a_first_statement_that_fails_breaks_its_transaction_and_no_other(line: None) -> None:
    with pytest.raises(DataError), transaction.atomic(), binary_cursor() as cursor:
        cursor.execute("SELECT 1 / %s::int", [0])
    with transaction.atomic():
        with binary_cursor() as cursor:
            cursor.execute(INTO, [1])
        with pytest.raises(IntegrityError), transaction.atomic(), binary_cursor() as cursor:
            cursor.execute(INTO, [1])
    assert numbers() == [1]


@pytest.mark.django_db(transaction=True)
def test_a_line_lost_under_the_commit_is_an_error_of_operation() -> None:
    with pytest.raises(OperationalError), transaction.atomic():
        with binary_cursor() as cursor:
            cursor.execute("SELECT %s::int", [1])
        later("SELECT %s::int", [2])
        end_our_session()
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
