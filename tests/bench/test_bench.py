"""The measurements run. What they say is for people to judge."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from django.db import connection

from tests.bench.load import CONNECTIONS
from tests.support.server import ROOT, database_url

ROW = r" +[0-9,]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$"


@pytest.mark.django_db
def test_each_part_prints_its_table_and_leaves_no_database_behind() -> None:
    words = ["all", "--rounds", "1", "--seconds", "0.05", "--scale", "0.01"]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench", *words],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as bench:
        said, complaints = bench.communicate(timeout=480)
    assert bench.returncode == 0, complaints
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [f"mawid_bench_{bench.pid}"])
        assert cursor.fetchone() == (0,)
    for title, cases in (
        (
            "Endpoint",
            (
                *("an endpoint that does nothing", "availability, days: 1", "after a change, days: 30"),
                "the same, all kinds, days: 30",
            ),
        ),
        ("Search", ("the words of a typical search", "a list of 50 salons")),
        ("Token", ("the same read, nobody asked", "signed in", "signed in, simplejwt as shipped")),
        ("Growth: 10,000 bookings", ("after a change, days: 1", "after a change, days: 7")),
        ("Booking: 10,", ("a booking, a chosen person", "a booking, anyone of ten")),
    ):
        table = said.partition(f"\n{title}")[2].partition("\n\n")[0]
        assert f"{CONNECTIONS} connections" in table, said
        for case in ("bare Django, one SELECT", *cases):
            assert re.search(f"^{case}{ROW}", table, re.MULTILINE), (case, table)
    assert re.search(r"simplejwt as shipped -?[0-9]+ µs: -?[0-9.]+ of it", said)
    assert re.search(r"it answers as often as without, times [0-9.]+ \(days: 1\), [0-9.]+ \(days: 7\)", said)
    assert re.search(r"bookings a question takes [0-9.]+ times as long", said)
    assert re.search(r"bookings a create takes [0-9.]+ times as long with a chosen person", said)
    assert re.search(r"It takes [0-9]+ SQL statements with a chosen person and [0-9]+ with anyone", said)
    for title in ("Claims, spread", "Claims, contended"):
        table = said.partition(f"\n{title}")[2].partition("\n\n")[0]
        assert re.search(r"^a pair of ranges, GiST \(ours\) +[0-9,]+$", table, re.MULTILINE), said
        assert re.search(r"One packed range does [0-9.]+ of what the pair does", table), said
    assert "Availability, 10 people" in said
    assert re.search(
        r"times the payments take -?[0-9.]+ times the CPU at first and -?[0-9.]+ times again,"
        r" and -?[0-9]+ MB more than none",
        said,
    ), said
