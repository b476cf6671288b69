"""The storm: separate processes ask a server of several workers for what only one can have, and do so at once.

    python -m tests.stress [slot|mixed|waitlist|seats|outbox|messages|all] [--processes 16] [--rounds 50]
                           [--operations 2000] [--waiting 200] [--messages 10000] [--seconds 300]

`slot`: in each round all processes ask for one and the same slot at the same moment. One gets 201, everybody else
409 `slot_unavailable`. `mixed`: they book, rent, move, confirm, decline, cancel, pay, check in, complete, miss, write
walk-ins, overbook, close, wait and answer offers, publish sessions, join and leave them, move them and call them off,
while holds run out, two sweeps run, and workers are killed (-9) and come back; cut-off requests are repeated with
their keys. Afterwards a judge reads the whole database plainly.
`waitlist`: people wait for a full day whose time is freed and taken. `seats`: in each round all processes ask for the
last three seats of a session; three get one. `outbox` and `messages`: every message goes out
once, from several workers, past a carrier on a bad day, and whoever is killed.

The database is the run's own, dropped at the end: on the server that DATABASE_URL names, else an embedded one in a
temporary folder. Times are printed and not judged. `--without lock|constraint|both` removes a guard in that database or
that server alone, to see that the judge notices: it must end with faults. Nothing keeps running and nothing stays.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from backend.core.lifeline import end_with_parent

if TYPE_CHECKING:
    from tests.stress.server import Server
    from tests.support.sandbox import SandboxProcess

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "MAWID_STRESS_INSIDE"
PARTS = ("slot", "mixed", "waitlist", "seats", "outbox", "messages")
GRACE = 150
"""Seconds for the database, the servers and the judge, beside what the parts may take."""


# ------------------------------------------------------------------------------------------------- the outer process


def main() -> int:
    options = parsed()
    if place := os.environ.get(INSIDE):
        return inside(options, Path(place))

    # The database in the folder stops after its last user has gone, so the folder outlives the process that uses it.
    with folder() as here:
        inner = subprocess.Popen(
            [sys.executable, "-m", "tests.stress", *sys.argv[1:]],
            cwd=ROOT,
            env=os.environ
            | {
                INSIDE: str(here),
                "APP_ENV": "local",
                "DIE_WITH_PARENT": str(os.getpid()),
                "LIMITS_SCALE": "1000",
                "LOG_LEVEL": "WARNING",
                "SMS_PROVIDER": "console",
                "CONSOLE_MESSAGES_FILE": str(here / "messages.log"),
                "VAR_DIR": str(here),
                "WAITLIST_OFFER_HOURS": "00:00-23:59",
            },
            start_new_session=True,
        )
        parts = len(PARTS) if options.part == "all" else 1
        try:
            return inner.wait(timeout=parts * options.seconds + GRACE)
        except subprocess.TimeoutExpired:
            print(f"gave up after {parts * options.seconds + GRACE} s", file=sys.stderr)
            return 1
        finally:
            with suppress(ProcessLookupError):
                os.killpg(inner.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                inner.wait(timeout=15)
            with suppress(ProcessLookupError):
                os.killpg(inner.pid, signal.SIGKILL)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="all", choices=(*PARTS, "all"))
    parser.add_argument("--processes", type=int, default=16, help="that ask, beside the server's; default 16")
    parser.add_argument("--workers", type=int, default=2, help="of the server; default 2")
    parser.add_argument(
        "--rounds", type=int, default=50, help="slots fought for, one after another; default 50"
    )
    parser.add_argument(
        "--operations", type=int, default=2000, help="of the mixed part, in all; default 2000"
    )
    parser.add_argument("--waiting", type=int, default=200, help="people on the waiting list; default 200")
    parser.add_argument(
        "--messages", type=int, default=10_000, help="of the parts outbox and messages, each; default 10000"
    )
    parser.add_argument("--seconds", type=int, default=300, help="of one part at most; default 300")
    parser.add_argument("--kill-every", type=float, default=8.0, help="seconds between two kills; default 8")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--without", choices=("lock", "constraint", "both"), help="run unguarded, as a witness"
    )
    options = parser.parse_args()
    if not (2 <= options.processes <= 64 and 1 <= options.workers <= 8 and 1 <= options.rounds <= 5000):
        parser.error("--processes is 2 to 64, --workers 1 to 8, --rounds 1 to 5000")
    if not (
        options.operations >= 1
        and options.messages >= 1
        and 1 <= options.waiting <= 2000
        and 5 <= options.seconds <= 3600
        and options.kill_every >= 1
    ):
        parser.error(
            "--operations, --messages and --waiting are at least 1, --seconds 5 to 3600, --kill-every at least 1"
        )
    return options


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


def inside(options: argparse.Namespace, place: Path) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    from tests.support.sandbox import SandboxProcess
    from tests.support.server import free_port

    port = free_port()
    os.environ |= {"PORT": str(port), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}
    with SandboxProcess(
        webhook_url=f"http://127.0.0.1:{port}/api/v1/webhooks/moyasar",
        options=["--webhook-retry-scale", "0.05"],
    ) as sandbox:
        os.environ |= {
            "MOYASAR_SECRET_KEY": sandbox.secret_key,
            "MOYASAR_PUBLISHABLE_KEY": sandbox.publishable_key,
            "MOYASAR_WEBHOOK_SECRET": sandbox.webhook_secret,
            "MOYASAR_BASE_URL": sandbox.base_url,
        }
        import django

        django.setup()
        with own_database() as url:
            faults = run(options, place, port, url, sandbox)
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    if not faults:
        print(
            "No two claims overlap, nothing is lost, nothing happened twice, and nobody waited for a deadlock."
        )
    return 1 if faults else 0


@contextmanager
def own_database() -> Iterator[str]:
    from django.db import connection

    from tests.support.server import database_url

    own_name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"mawid_stress_{os.getppid()}"
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield database_url()
    finally:
        connection.creation.destroy_test_db(own_name, verbosity=0)


def run(options: argparse.Namespace, place: Path, port: int, url: str, sandbox: SandboxProcess) -> list[str]:
    from django.db import connection

    from tests.stress import messages, mixed
    from tests.stress.server import Server

    if options.without in ("constraint", "both"):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE bookings_claim DROP CONSTRAINT claim_no_overlap")
    server = Server(
        port=port,
        workers=options.workers,
        environment={"DATABASE_URL": url, "VAR_DIR": str(place)},
        module="tests.stress.unlocked" if options.without in ("lock", "both") else None,
    )
    faults: list[str] = []
    before = mixed.deadlocks()
    if options.part in ("slot", "mixed", "waitlist", "seats", "all"):
        faults += bookings(options, server, place, url, sandbox)
    if options.part in ("outbox", "all"):
        faults += messages.outbox(messages=options.messages, seconds=options.seconds, database_url=url)
    if options.part in ("messages", "all"):
        faults += messages.storm(
            port=port,
            workers=options.workers,
            processes=options.processes,
            messages=options.messages,
            seconds=options.seconds,
            seed=options.seed,
            kill_every=options.kill_every,
            database_url=url,
            place=place,
        )
    if found := mixed.deadlocks() - before:
        faults.append(f"deadlock: the database broke {found}")
    return faults


def bookings(
    options: argparse.Namespace, server: Server, place: Path, url: str, sandbox: SandboxProcess
) -> list[str]:
    from tests.stress import guards, judge, mixed, scene, seats, slot, waitlist

    faults: list[str] = []
    with server:
        if options.part in ("slot", "all"):
            slots = scene.one_slot_at_a_time(options.rounds)
            tokens = scene.customers(options.processes)
            print(f"slot: {options.processes} processes, {len(slots):,} rounds, one slot each", flush=True)
            asks = [("bookings", body) for body in slots]
            outcomes = slot.fight(server.port, tokens, asks, seconds=options.seconds)
            faults += slot.judge(outcomes, options.processes, slots)
            faults += judge.judge([], place / "messages.log")[0]
        if options.part in ("mixed", "all"):
            print(f"mixed: {options.processes} processes, seed {options.seed}", flush=True)
            faults += mixed.storm(
                server=server,
                sandbox=sandbox,
                scene=scene.mixed_scene(options.processes),
                processes=options.processes,
                operations=options.operations,
                seconds=options.seconds,
                seed=options.seed,
                kill_every=options.kill_every,
                database_url=url,
                place=place,
            )
        if options.part in ("waitlist", "all"):
            faults += waitlist.storm(
                server=server,
                processes=options.processes,
                waiting=options.waiting,
                seconds=options.seconds,
                seed=options.seed,
                kill_every=options.kill_every,
                place=place,
            )
        if options.part in ("seats", "all"):
            sessions = scene.sessions(options.rounds, seats=seats.LEFT)
            tokens = scene.customers(options.processes)
            print(
                f"seats: {options.processes} processes, {len(sessions):,} rounds, {seats.LEFT} seats each",
                flush=True,
            )
            asks = [(f"sessions/{session_id}/seats", {"seats": 1}) for session_id in sessions]
            outcomes = slot.fight(server.port, tokens, asks, seconds=options.seconds)
            faults += seats.judge(outcomes, options.processes, sessions)
        faults += [f"guard: {what}" for what in guards.missing(server.port)]
    return faults


if __name__ == "__main__":
    sys.exit(main())
