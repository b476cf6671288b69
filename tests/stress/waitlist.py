"""People wait for a full day while processes free and take its time, and workers of the server are killed.

The judge reads the database plainly: nobody was offered twice, nobody was passed over, and no time was both offered and
booked. Everybody waits for the same, so offers must follow the order in which people joined.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from backend.bookings import operations
from backend.bookings.models import Booking, Claim, FreedTime, WaitlistEntry
from backend.bookings.operations.offering import finish_waitlist
from backend.bookings.operations.waitlist import join_waitlist
from backend.bookings.queries import Wish
from backend.core.time import RIYADH
from backend.notifications.models import Message
from tests.factories import UserFactory, open_salon
from tests.stress import judge as plain
from tests.stress.actor import Orders
from tests.stress.mixed import show
from tests.stress.scene import customers, token_of
from tests.stress.server import Meanwhile, Server
from tests.stress.waiter import work

STAFF = 8
EACH = 40
"""What each process does at most."""


def storm(
    *,
    server: Server,
    processes: int,
    waiting: int,
    seconds: float,
    seed: int,
    kill_every: float,
    place: Path,
) -> list[str]:
    """Let it loose, finish what was cut off, judge. Returns the faults."""
    print(f"waitlist: {processes} processes, {waiting} waiting people, seed {seed}", flush=True)
    with redirect_stdout(io.StringIO()):
        scene = _scene(processes, waiting)
    dice = random.Random(seed)
    until = time.monotonic() + seconds
    diaries = [place / f"waited-{number}.jsonl" for number in range(processes)]
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
                    scene=scene,
                    operations=EACH,
                    until=until,
                    diary=str(diary),
                    sandbox="",
                    publishable_key="",
                ),
            ),
        )
        for number, diary in enumerate(diaries)
    ]
    began = time.monotonic()
    with (
        Meanwhile(_tick, every=2),
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
    _finish()
    found = list(judge(scene, told))
    return faults + found[: plain.AT_MOST]


def _tick() -> None:
    """What `manage.py tick` does for the waiting list."""
    try:
        _finish()
    finally:
        connection.close()


def _finish() -> None:
    with redirect_stdout(io.StringIO()):  # the console carrier says what it sends
        finish_waitlist(timezone.now())


def _scene(processes: int, waiting: int) -> dict[str, Any]:
    """A full day of STAFF people in half hours, its bookings and those who wait dealt out to the processes."""
    salon, service, _ = open_salon(
        staff=STAFF,
        opens=10 * 60,
        closes=22 * 60,
        service={"duration_minutes": 30},
        auto_confirm=True,
        deposit_percent=0,
        min_notice_minutes=0,
    )
    now = timezone.now()
    tomorrow = (now.astimezone(RIYADH) + timedelta(days=1)).replace(
        hour=10, minute=0, second=0, microsecond=0
    )
    starts = [tomorrow + n * timedelta(minutes=30) for n in range(24)]
    shares: list[dict[str, list[tuple[str, str]]]] = [{"held": [], "waiting": []} for _ in range(processes)]
    wish = Wish(service.pk)
    for number, starts_at in enumerate(starts * STAFF):
        person = UserFactory.create()
        booking = operations.create_booking(
            customer=person, salon=salon, wishes=[wish], starts_at=starts_at, now=now
        )
        shares[number % processes]["held"].append((token_of(person), str(booking.pk)))
    for number in range(waiting):
        person = UserFactory.create()
        entry, _ = join_waitlist(
            customer=person,
            salon=salon,
            wish=wish,
            day=tomorrow.date(),
            now=now + timedelta(milliseconds=number),
        )
        shares[number % processes]["waiting"].append((token_of(person), str(entry.pk)))
    return {
        "salon": str(salon.pk),
        "visit": {"salon_id": str(salon.pk), "items": [{"service_id": str(service.pk)}]},
        "starts": [start.isoformat() for start in starts],
        "shares": shares,
        "customers": customers(processes),
    }


def judge(scene: dict[str, Any], told: plain.Rows) -> Iterator[str]:
    """What is wrong, by the rows alone."""
    entries = list(WaitlistEntry.objects.filter(salon=scene["salon"]).order_by("joined_at", "id").values())
    claims = list(Claim.objects.order_by("id").values())
    by_entry = defaultdict(list)
    for claim in claims:
        if claim["waitlist_entry_id"]:
            by_entry[claim["waitlist_entry_id"]].append(claim)
    yield from _prefixed("answer", _answers(told))
    yield from _prefixed("overlap", plain.overlaps(claims))
    yield from _prefixed("offered twice", _twice(entries, by_entry))
    yield from _prefixed("passed over", _order(entries, by_entry))
    yield from _prefixed("left over", _left_over(scene, entries, claims))
    yield from _prefixed("offer", _whole(entries, by_entry))
    states = [entry["state"] for entry in entries]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    print(f"Judged: {len(entries)} who waited ({counts}), {len(claims):,} claims.")
    if len(by_entry) < len(entries) // 4:
        yield f"the storm offered only {len(by_entry)} times, which proves little"


def _prefixed(kind: str, faults: Iterable[str]) -> Iterator[str]:
    return (f"{kind}: {fault}" for fault in faults)


def _answers(told: plain.Rows) -> Iterator[str]:
    for t in told:
        fine = t["status"] in (200, 201, 204, 409) or (t["status"] == 0 and not t["key"])
        if not fine:
            yield f"{t['op']} was answered {t['status']} {t['code']}"


def _twice(entries: plain.Rows, by_entry: dict[Any, plain.Rows]) -> Iterator[str]:
    messages: dict[Any, int] = defaultdict(int)
    for recipient in Message.objects.filter(kind="waitlist_offer").values_list("recipient_id", flat=True):
        messages[recipient] += 1
    for entry in entries:
        offers = len(by_entry[entry["id"]])
        if offers > 1 or messages[entry["customer_id"]] != offers:
            yield f"{entry['id']} had {offers} offers and {messages[entry['customer_id']]} messages"


def _order(entries: plain.Rows, by_entry: dict[Any, plain.Rows]) -> Iterator[str]:
    """Claims are numbered in the order of offers, entries stand in the order of joining."""
    latest = 0
    waits_since = None
    for entry in entries:
        offers = by_entry[entry["id"]]
        if not offers:
            waits_since = waits_since or entry["id"]
            continue
        if waits_since:
            yield f"{entry['id']} was offered a time, {waits_since} waited longer"
        if offers[0]["id"] < latest:
            yield f"{entry['id']} was offered a time after somebody who joined later"
        latest = max(latest, offers[0]["id"])


def _left_over(scene: dict[str, Any], entries: plain.Rows, claims: plain.Rows) -> Iterator[str]:
    """The day was full, so whatever is free came free: while somebody waits there can be none."""
    if FreedTime.objects.exists():
        yield f"{FreedTime.objects.count()} freed times are still to be offered"
    if not any(entry["state"] == "waiting" for entry in entries):
        return
    with connection.cursor() as cursor:
        # Of this salon alone: other parts of the storm leave half-empty days at theirs.
        cursor.execute(
            "SELECT k.id FROM bookings_calendar k JOIN salons_staffmember s ON s.id = k.staff_member_id"
            " WHERE s.salon_id = %s AND k.lane = 0",
            [scene["salon"]],
        )
        staff = {row[0] for row in cursor.fetchall()}
    taken = {
        (claim["calendar_id"], claim["starts_at"])
        for claim in claims
        if claim["is_active"] and claim["calendar_id"] in staff
    }
    starts = {datetime.fromisoformat(start) for start in scene["starts"]}
    for calendar_id in staff:
        for start in starts:
            if (calendar_id, start) not in taken:
                yield f"{start:%H:%M} on calendar {calendar_id} is free, and people wait"


def _whole(entries: plain.Rows, by_entry: dict[Any, plain.Rows]) -> Iterator[str]:
    """An open offer holds its time, an answered one nothing, and an accepted one became a booking then."""
    bookings = {row["id"]: row for row in Booking.objects.values()}
    for entry in entries:
        active = [claim for claim in by_entry[entry["id"]] if claim["is_active"]]
        if len(active) != (entry["state"] == "offered"):
            yield f"{entry['id']} is {entry['state']} and holds {len(active)} claims"
        if any(claim["expires_at"] != entry["expires_at"] for claim in active):
            yield f"{entry['id']} and its claim end at different times"
        if entry["state"] == "accepted":
            booking = bookings[entry["booking_id"]]
            if (booking["starts_at"], booking["customer_id"]) != (entry["starts_at"], entry["customer_id"]):
                yield f"{entry['id']} became another booking than was offered"
