"""Many processes do everything at once to the same few salons, while workers of the server are killed."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from backend.bookings.models import Booking, Claim
from backend.bookings.operations.offering import finish_waitlist
from backend.bookings.operations.sessions import finish_sessions
from backend.notifications.models import Message
from tests.stress.actor import Orders, work
from tests.stress.judge import judge
from tests.stress.scene import Scene
from tests.stress.server import ROOT, Meanwhile, Server
from tests.support.sandbox import SandboxProcess

BRING_NEAR = """
    WITH ending AS (
        SELECT id FROM bookings_booking
         WHERE state IN ('held', 'requested') AND coalesce(hold_expires_at, respond_by) > now() + interval '5 s'
           AND random() < 0.02
         ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
    bookings AS (
        UPDATE bookings_booking b
           SET hold_expires_at = CASE WHEN b.state = 'held' THEN now() + interval '1 s' ELSE b.hold_expires_at END,
               respond_by = CASE WHEN b.state = 'requested' THEN now() + interval '1 s' ELSE b.respond_by END
          FROM ending WHERE b.id = ending.id RETURNING b.id)
    UPDATE bookings_claim c SET expires_at = now() + interval '1 s'
      FROM bookings WHERE c.booking_id = bookings.id AND c.is_active
"""
"""A clock that runs faster for some: the end of their hold, or of the salon's time to answer, comes near."""


def storm(
    *,
    server: Server,
    sandbox: SandboxProcess,
    scene: Scene,
    processes: int,
    operations: int,
    seconds: float,
    seed: int,
    kill_every: float,
    database_url: str,
    place: Path,
) -> list[str]:
    """Let it loose, calm down, judge. Returns the faults."""
    dice = random.Random(seed)
    until = time.monotonic() + seconds
    diaries = [place / f"told-{number}.jsonl" for number in range(processes)]
    context = multiprocessing.get_context("spawn")
    actors = [
        context.Process(
            target=work,
            daemon=True,
            args=(
                Orders(
                    number=number,
                    seed=seed,
                    port=server.port,
                    scene=scene.as_dict(),
                    operations=-(-operations // processes),
                    until=until,
                    diary=str(diary),
                    sandbox=sandbox.base_url,
                    publishable_key=sandbox.publishable_key,
                ),
            ),
        )
        for number, diary in enumerate(diaries)
    ]
    began = time.monotonic()
    with (
        clock(database_url),
        Meanwhile(lambda: sweep(database_url), every=5),
        Meanwhile(lambda: server.kill_a_worker(dice), every=kill_every),
    ):
        for actor in actors:
            actor.start()
        for actor in actors:
            actor.join(max(1.0, until + 90 - time.monotonic()))
    took = time.monotonic() - began
    faults = [
        f"process {n} ended with {actor.exitcode}" for n, actor in enumerate(actors) if actor.exitcode != 0
    ]
    for actor in actors:
        if actor.is_alive():
            actor.kill()
    told = [
        json.loads(line) for diary in diaries if diary.exists() for line in diary.read_text().splitlines()
    ]
    show(told, took, server)
    calm_down(sandbox)
    found, looked_at = judge(told, place / "messages.log")
    print(f"Judged: {looked_at}.")
    return faults + found


@contextmanager
def clock(database_url: str) -> Iterator[None]:
    with (
        psycopg.connect(database_url, autocommit=True) as link,
        Meanwhile(lambda: link.execute(BRING_NEAR), every=0.5),
    ):
        yield


def sweep(database_url: str) -> None:
    """Two at once, as from cron on two machines."""
    environment = os.environ | {"DATABASE_URL": database_url, "DIE_WITH_PARENT": ""}
    both = [
        subprocess.Popen(
            [sys.executable, "manage.py", "sweep"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    for one in both:
        if one.wait(timeout=120):
            raise RuntimeError("sweep failed")


def calm_down(sandbox: SandboxProcess) -> None:
    """What the next minutes of `tick` would finish is finished, and all holds and requests come to their end."""
    sandbox.wait_for_webhooks(60)
    with redirect_stdout(io.StringIO()):
        call_command("sweep")
        now = timezone.now()
        finish_sessions(now)
        waiting = Booking.objects.filter(state__in=("held", "requested"))
        Claim.objects.filter(booking__in=waiting, is_active=True).update(expires_at=now)
        waiting.filter(state="held").update(hold_expires_at=now)
        waiting.filter(state="requested").update(respond_by=now)
        call_command("sweep")
        finish_waitlist(timezone.now())
        # Whoever was killed while sending had a lease; it is over.
        Message.objects.filter(state="sending").update(claimed_until=now)
        Message.objects.filter(state__in=("pending", "unknown")).update(next_attempt_at=now)
        while Message.objects.exclude(state__in=("sent", "failed", "skipped")).exists():
            call_command("deliver")


def show(told: list[dict[str, Any]], took: float, server: Server) -> None:
    print(
        f"{len(told):,} operations in {took:.0f} s; {server.killed} workers killed,"
        f" {sum(t['cuts'] for t in told):,} answers cut off or put off and asked for again"
    )
    by_op: dict[str, Counter[int]] = {}
    for t in told:
        by_op.setdefault(t["op"], Counter())[t["status"]] += 1
    statuses = sorted({t["status"] for t in told})
    print(
        f"{'':18}"
        + "".join(f"{status or 'cut':>8}" for status in statuses)
        + f"{'median ms':>11}{'worst ms':>10}"
    )
    for op, counts in sorted(by_op.items()):
        times = [t["milliseconds"] for t in told if t["op"] == op]
        print(
            f"{op:18}"
            + "".join(f"{counts[status] or '-':>8}" for status in statuses)
            + f"{statistics.median(times):>11.0f}{max(times):>10.0f}"
        )
    print(f"{'all':18}" + "".join(f"{sum(c[status] for c in by_op.values()):>8}" for status in statuses))


def deadlocks() -> int:
    """How often the server had to break one in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        row = cursor.fetchone()
    return int(row[0])
