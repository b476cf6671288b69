"""The storm: separate processes ask for one and the same slot at the same moment, over HTTP, round after round.

    python -m tests.stress [--processes 20] [--rounds 8] [--seconds 300]

It starts a server of its own on a free port (`manage.py serve`) with the demo's data: in a temporary folder with an
embedded database, or on the server that DATABASE_URL names. Every round must end with one 201 and otherwise 409
`slot_unavailable`, and afterwards the database is asked, the slow way, whether any two active claims of a calendar
overlap. Times are printed and not judged. Nothing keeps running, and with the temporary folder nothing stays.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from backend.core.lifeline import end_with_parent
from tests.stress.customer import PATIENCE, Outcome, customer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "MAWID_STRESS_INSIDE"


# ------------------------------------------------------------------------------------------------- the outer process


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=20, help="customers, one process each; default 20")
    parser.add_argument(
        "--rounds", type=int, default=8, help="slots fought for, one after another; default 8"
    )
    parser.add_argument("--seconds", type=int, default=300, help="give up after this long; default 300")
    options = parser.parse_args()
    if not (2 <= options.processes <= 100 and 1 <= options.rounds <= 100):
        parser.error("--processes is 2 to 100 and --rounds 1 to 100")
    if os.environ.get(INSIDE):
        return storm(options)

    # The database in the folder stops after its last user has gone, so the folder outlives the process that uses it.
    with folder() as place:
        inner = subprocess.Popen(
            [sys.executable, "-m", "tests.stress", *sys.argv[1:]],
            cwd=ROOT,
            env=os.environ
            | {
                INSIDE: "1",
                "APP_ENV": "local",
                "DIE_WITH_PARENT": str(os.getpid()),
                "LIMITS_SCALE": "1000",
                "VAR_DIR": str(place),
            },
            start_new_session=True,
        )
        try:
            return inner.wait(timeout=options.seconds)
        except subprocess.TimeoutExpired:
            print(f"gave up after {options.seconds} s", file=sys.stderr)
            return 1
        finally:
            with suppress(ProcessLookupError):
                os.killpg(inner.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                inner.wait(timeout=15)
            with suppress(ProcessLookupError):
                os.killpg(inner.pid, signal.SIGKILL)


@contextmanager
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="mawid-stress-"))
    if os.geteuid() == 0:
        place.chmod(0o755)  # root's database runs as nobody, who has to get in
    try:
        yield place
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and list(place.glob("postgres/data/postmaster.pid")):
            time.sleep(0.1)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree((place / "postgres/elsewhere").read_text().strip(), ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)


# ------------------------------------------------------------------------------------------------- the storm


def storm(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    end_with_parent()
    port = free_port()
    os.environ |= {"PORT": str(port), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "WARNING"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("demo_data")
    tokens = sign_in(options.processes)
    with server(port):
        slots = find_slots(port, options.rounds)
        print(f"{options.processes} processes, {len(slots)} rounds, one slot each", flush=True)
        outcomes = fight(port, tokens, slots)
    faults = judge(outcomes, options.processes, slots)
    found = overlaps()
    if found:
        faults.append(f"{found} pairs of active claims overlap on one calendar")
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    if not faults:
        print("One winner in every round, everybody else was told so, and no two claims overlap.")
    return 1 if faults else 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sign_in(count: int) -> list[str]:
    """Access tokens of as many customers nobody has heard of, each signed in on a device of their own."""
    from django.utils import timezone

    from backend.accounts.models import User
    from backend.accounts.operations import DeviceDetails, open_session
    from backend.accounts.tokens import pair_of

    tokens = []
    for number in range(count):
        user, _ = User.objects.get_or_create(
            phone=f"+96657{number:07d}", defaults={"name": f"Storm {number}"}
        )
        device = open_session(user=user, details=DeviceDetails(name="stress"), now=timezone.now())
        tokens.append(pair_of(device).access)
    return tokens


@contextmanager
def server(port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--no-migrate"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while ask(port, "GET", "/readyz")[0] != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server did not start")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find_slots(port: int, wanted: int) -> list[dict[str, Any]]:
    """Bodies of bookings: one person's free starts, far enough apart that no round can disturb another."""
    _, salon = ask(port, "GET", "/api/v1/salons/noura")
    service = salon["services"][0]
    person = next(p["id"] for p in salon["staff"] if service["id"] in p["service_ids"])
    path = f"/api/v1/salons/noura/availability?service_ids={service['id']}&staff_member_id={person}&days=30"
    _, found = ask(port, "GET", path)
    chosen: list[datetime] = []
    for day in found["days"]:
        for slot in day["slots"]:
            start = datetime.fromisoformat(slot["starts_at"])
            if len(chosen) < wanted and (not chosen or (start - chosen[-1]).total_seconds() >= 6 * 3600):
                chosen.append(start)
    if not chosen:
        raise SystemExit("the demo's salon has no free start")
    item = {"service_id": service["id"], "staff_member_id": person}
    return [{"salon_id": salon["id"], "items": [item], "starts_at": start.isoformat()} for start in chosen]


def fight(port: int, tokens: list[str], slots: list[dict[str, Any]]) -> list[Outcome]:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(len(tokens)), context.Queue()
    fighters = [
        context.Process(target=customer, args=(port, token, slots, barrier, results), daemon=True)
        for token in tokens
    ]
    for fighter in fighters:
        fighter.start()
    try:
        outcomes: list[Outcome] = []
        while len(outcomes) < len(tokens) * len(slots):
            try:
                outcomes.append(results.get(timeout=1))
            except Empty:
                if any(fighter.exitcode for fighter in fighters):
                    raise SystemExit("a customer's process died") from None
        return outcomes
    finally:
        for fighter in fighters:
            fighter.join(timeout=5)
            if fighter.is_alive():
                fighter.kill()


def judge(outcomes: list[Outcome], processes: int, slots: list[dict[str, Any]]) -> list[str]:
    wanted = Counter({(201, ""): 1, (409, "slot_unavailable"): processes - 1})
    faults = []
    print(f"{'round':>5}  {'starts':<25} {'won ms':>8} {'median ms':>10} {'last ms':>8}")
    for number, body in enumerate(slots):
        those = [outcome for outcome in outcomes if outcome.round == number]
        answers = Counter((outcome.status, outcome.code) for outcome in those)
        if answers != wanted:
            faults.append(f"round {number + 1} was answered {dict(answers)}")
        times = [outcome.milliseconds for outcome in those]
        won = [f"{outcome.milliseconds:.0f}" for outcome in those if outcome.status == 201]
        print(
            f"{number + 1:>5}  {body['starts_at']:<25} {', '.join(won) or '-':>8} "
            f"{statistics.median(times):>10.0f} {max(times):>8.0f}"
        )
    return faults


def overlaps() -> int:
    """Pairs of active claims that share a calendar and a moment, found without the constraint's help."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM bookings_claim a JOIN bookings_claim b
                ON a.calendar_id = b.calendar_id AND a.id < b.id
             WHERE a.is_active AND b.is_active AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
            """
        )
        row = cursor.fetchone()
    return int(row[0])


def ask(port: int, method: str, path: str) -> tuple[int, Any]:
    """Status and JSON of one request; status 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers={"Accept-Language": "en"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
