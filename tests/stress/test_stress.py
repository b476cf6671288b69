"""The storm runs and finds nothing; without the guards it finds out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.support.server import ROOT, database_url

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.server,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found through /proc"),
]


def storm(*words: str) -> tuple[int, str, str]:
    """Exit code, what it printed, and what it complained about."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.stress", *words],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said, complaints = process.communicate(timeout=600)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [f"mawid_stress_{process.pid}"])
        assert cursor.fetchone() == (0,)
    return process.returncode, said, complaints


def test_a_short_storm_of_all_parts_finds_nothing() -> None:
    code, said, complaints = storm(
        *("--processes", "4", "--rounds", "3", "--operations", "240", "--messages", "200", "--waiting", "40"),
        *("--seconds", "60", "--kill-every", "3"),
    )
    assert code == 0, said + complaints
    assert re.search("^Delivered in [0-9]+ s", said, re.MULTILINE), said
    assert re.search("^[0-9]+ booked in [0-9]+ s; [1-9][0-9]* workers killed", said, re.MULTILINE), said
    assert "3 rounds of 4:" in said
    assert "3 rounds of 4 for 3 seats" in said
    assert re.search("^[0-9]+ operations in [0-9]+ s; [1-9][0-9]* workers killed", said, re.MULTILINE), said
    for what in ("overbook", "rent", "publish", "seats", "join"):
        assert re.search(f"^{what} ", said, re.MULTILINE), said
    assert re.search(
        "^Judged: .* bookings of kind rental, .* of kind visit, [1-9][0-9]* sessions", said, re.M
    ), said
    assert "Judged: 40 who waited" in said


def test_four_workers_deliver_five_hundred_messages_once() -> None:
    code, said, complaints = storm("outbox", "--messages", "500", "--seconds", "120")
    assert code == 0, said + complaints
    shares = re.search("the workers' shares: ([0-9]+), ([0-9]+), ([0-9]+), ([0-9]+)", said)
    assert shares, said
    assert sum(map(int, shares.groups())) == 500


def test_a_storm_without_its_guards_is_noticed() -> None:
    code, said, complaints = storm("slot", "--processes", "4", "--rounds", "2", "--without", "both")
    assert code == 1, said
    assert "FAULT: guard: the database takes two claims for the same time" in complaints
    assert "FAULT: guard: a booking is written before the calendars it needs are locked" in complaints
