"""Messages under the storm: each goes out once, whoever delivers it, whatever the carrier does, whoever is killed.

`outbox`: several worker processes deliver what is owed. `messages`: people book over HTTP while the first carrier takes
a text and says nothing, loses it, breaks off or refuses, and workers of the server are killed (-9); then `deliver` runs
until nothing is due. A carrier's stand-in on the wire, and the console's file for the second provider, hold what was
taken over, and that is counted.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty
from typing import Any

from django.utils import timezone

from backend.bookings.models import Booking
from backend.core.time import RIYADH
from backend.notifications.models import DeliveryAttempt, Message
from tests.factories import open_salon
from tests.stress import scene
from tests.stress.messages_customer import Answer, book
from tests.stress.server import ROOT, Meanwhile, Server
from tests.support.carriers import Unifonic

WORKERS = 4
"""Processes of `manage.py deliver`."""
BAD_DAYS = {"accept": 70, "hang": 8, "deaf": 8, "drop": 5, "lost": 5, 429: 4}
"""How the carrier answers, in percent: the second and the fourth have taken the text over and do not say so."""
ROUNDS = 12


class Moody(Unifonic):
    """Answers by the dice until it is told to `calm_down`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._dice: random.Random | None = random.Random(seed)

    def calm_down(self) -> None:
        self._dice = None

    def _next(self) -> Any:
        if self._dice is None:
            return "accept"
        return self._dice.choices(list(BAD_DAYS), list(BAD_DAYS.values()))[0]


def outbox(*, messages: int, seconds: float, database_url: str) -> list[str]:
    """Owe so many messages, let WORKERS processes deliver them, count."""
    now = timezone.now()
    # What a killed worker of an earlier part left behind is due as well, and not what is counted here.
    Message.objects.filter(state__in=["pending", "sending", "unknown"]).delete()
    Message.objects.bulk_create(
        [
            Message(
                to_phone=f"+9665{number:08d}",
                language="ar",
                kind="booking_confirmed",
                audience="customer",
                body=f"تم تأكيد الحجز {number}",
                event_key=f"outbox:{number}",
                created_at=now,
                next_attempt_at=now,
            )
            for number in range(messages)
        ],
        batch_size=1000,
    )
    print(f"outbox: {messages:,} messages, {WORKERS} workers", flush=True)
    with Unifonic() as carrier:
        environment = _environment(carrier, "unifonic", database_url)
        began = time.monotonic()
        taken = _deliver(environment, seconds=seconds)
        took = time.monotonic() - began
        kept = Counter(form["CorrelationID"] for form in carrier.accepted)
    owed = Message.objects.filter(event_key__startswith="outbox:")
    faults = _not_once(owed, kept)
    if sum(taken) != messages:
        faults.append(f"{messages:,} were owed, and the workers took up {taken}")
    attempts = DeliveryAttempt.objects.filter(message__in=owed).count()
    if attempts != messages:
        faults.append(f"{messages:,} messages took {attempts:,} attempts")
    shares = ", ".join(f"{each:,}" for each in sorted(taken))
    print(f"Delivered in {took:.0f} s, {messages / took:.0f} a second; the workers' shares: {shares}.")
    return faults


def storm(
    *,
    port: int,
    workers: int,
    processes: int,
    messages: int,
    seconds: float,
    seed: int,
    kill_every: float,
    database_url: str,
    place: Path,
) -> list[str]:
    """Book over HTTP, a message each; then deliver until nothing is due, and count.

    A worker is killed half as often as elsewhere: a carrier that hangs makes every answer slow already.
    """
    tokens, slots = scene.customers(processes), _slots(processes, messages)
    print(f"messages: {processes} processes, {messages:,} bookings, seed {seed}", flush=True)
    console = place / "second-carrier.log"
    dice = random.Random(seed)
    before = set(Message.objects.values_list("pk", flat=True))
    with Moody(seed) as carrier:
        environment = _environment(carrier, "unifonic,console", database_url) | {
            "CONSOLE_MESSAGES_FILE": str(console),
            "VAR_DIR": str(place),
        }
        server = Server(port=port, workers=workers, environment=environment)
        began = time.monotonic()
        with server, Meanwhile(lambda: server.kill_a_worker(dice), every=2 * kill_every):
            answers = _book(port, tokens, slots, seconds=seconds)
        took = time.monotonic() - began
        owed = Message.objects.exclude(pk__in=before)
        left = Counter(owed.values_list("state", flat=True))
        carrier.calm_down()
        for _ in range(ROUNDS):
            # What the next hours would bring is due now: leases of the killed, questions, retries.
            now = timezone.now()
            owed.filter(state="sending").update(claimed_until=now)
            owed.filter(state__in=("pending", "unknown"), next_attempt_at__isnull=False).update(
                next_attempt_at=now
            )
            if not sum(_deliver(environment, seconds=seconds)):
                break
        kept = Counter(form["CorrelationID"] for form in carrier.accepted)
    if console.exists():
        kept.update(json.loads(line)["reference"] for line in console.read_text("utf-8").splitlines())
    booked = {answer.booking for answer in answers if answer.status == 201}
    faults = [
        f"a booking was answered {answer.status} {answer.code}" for answer in answers if answer.status != 201
    ]
    told = {str(pk) for pk in owed.values_list("subject_id", flat=True)}
    stored = {str(pk) for pk in Booking.objects.filter(pk__in=told | booked).values_list("pk", flat=True)}
    faults += [f"booking {pk} is told of nowhere" for pk in sorted((booked | stored) - told)]
    faults += _not_once(owed, kept)
    times = sorted(answer.milliseconds for answer in answers)
    print(
        f"{len(booked):,} booked in {took:.0f} s; {server.killed} workers killed,"
        f" {sum(answer.cuts for answer in answers):,} answers cut off and asked for again;"
        f" median {statistics.median(times):.0f} ms, the worst {times[-1]:.0f} ms."
        if times
        else "Nobody was answered."
    )
    print("Left behind by the requests: " + ", ".join(f"{n:,} {state}" for state, n in sorted(left.items())))
    outcomes = Counter(
        DeliveryAttempt.objects.filter(message__in=owed).values_list("provider", "outcome", "error_class")
    )
    for (provider, outcome, error_class), count in sorted(outcomes.items(), key=str):
        print(f"{provider:10} {outcome or '-':12} {error_class:15} {count:>8,}")
    return faults


def _not_once(owed: Any, kept: Counter[str]) -> list[str]:
    """Faults: what was taken over by no carrier, or more than once, or is not known to have been."""
    faults = []
    for message in owed.iterator():
        if kept[message.reference] != 1:
            faults.append(f"message {message} ({message.state}) went out {kept[message.reference]} times")
        elif message.state != "sent":
            faults.append(f"message {message} went out and is {message.state}")
    if owed.count() != len(kept):
        faults.append(f"{owed.count():,} were owed and {len(kept):,} went out")
    return faults[:20]


def _environment(carrier: Unifonic, providers: str, database_url: str) -> dict[str, str]:
    given = {name: str(value) for name, value in carrier.settings().items()}
    return given | {
        "SMS_PROVIDER": providers,
        "MESSAGE_CHANNELS": "sms",
        "PROVIDER_TIMEOUT": "1",
        "DATABASE_URL": database_url,
    }


def _deliver(environment: dict[str, str], *, seconds: float) -> list[int]:
    """WORKERS times `manage.py deliver`, side by side, and how many each took up."""
    workers = [
        subprocess.Popen(
            [sys.executable, "manage.py", "deliver"],
            cwd=ROOT,
            env=os.environ | environment | {"DIE_WITH_PARENT": str(os.getpid())},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(WORKERS)
    ]
    taken = []
    for worker in workers:
        try:
            said, _ = worker.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            for each in workers:
                each.kill()
            raise SystemExit(f"the outbox was not empty after {seconds:.0f} s") from None
        if worker.returncode:
            raise SystemExit(f"a worker ended with {worker.returncode}")
        taken.append(int(said.splitlines()[-1].removeprefix("deliver: ")))
    return taken


def _slots(processes: int, bookings: int) -> list[list[dict[str, Any]]]:
    """For each process the bodies of its bookings: a person's starts, which nobody else asks for."""
    salon, service, people = open_salon(
        staff=processes,
        service={"duration_minutes": 30},
        **scene.ALL_DAY,
        auto_confirm=True,
        deposit_percent=0,
        min_notice_minutes=0,
        horizon_days=366,
    )
    tomorrow = (datetime.now(RIYADH) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    each = -(-bookings // processes)
    return [
        [
            {
                "salon_id": str(salon.pk),
                "items": [{"service_id": str(service.pk), "staff_member_id": str(person.pk)}],
                "starts_at": (tomorrow + number * timedelta(minutes=30)).isoformat(),
            }
            for number in range(each)
        ]
        for person in people
    ]


def _book(port: int, tokens: list[str], slots: list[list[dict[str, Any]]], *, seconds: float) -> list[Answer]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    until = time.monotonic() + seconds
    people = [
        context.Process(target=book, args=(port, token, mine, results, until), daemon=True)
        for token, mine in zip(tokens, slots, strict=True)
    ]
    for person in people:
        person.start()
    answers: list[Answer] = []
    try:
        while any(person.is_alive() for person in people) or not results.empty():
            try:
                answers.append(results.get(timeout=1))
            except Empty:
                continue
        if any(person.exitcode for person in people):
            raise SystemExit("a customer's process died")
        return answers
    finally:
        for person in people:
            if person.is_alive():
                person.kill()
