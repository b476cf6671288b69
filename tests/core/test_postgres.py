"""Our connections: a lost one is noticed without asking, and the lean cursor reads what Django's reads."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import ProgrammingError, close_old_connections, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from backend.core.postgres.base import DatabaseWrapper, binary_cursor
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
