"""What reconciling takes: time and the most memory of `manage.py reconcile`, a process of its own.

A payment stands on all three sides, and one in a hundred is faulty; the sandbox gateway answers, forty a page.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from backend.core.time import RIYADH
from tests.bench import databases
from tests.support.sandbox import SandboxProcess
from tests.support.server import ROOT

SIZES = (0, 10_000, 100_000)
FAULTY = 100
"""One payment in so many."""


def run(*, scale: float, template: str) -> None:
    rows = []
    for size in (round(size * scale) for size in SIZES):
        with databases.made(f"mawid_bench_reconcile_{os.getpid()}", template=template) as url:
            rows.append((size, *_measure(url, size)))
    print("\nReconciliation: `manage.py reconcile`, one process, settlements brought in by it the first time")
    print(f"{'':>10} {'first':^19} {'again':^19}")
    print(f"{'payments':>10} {'s':>9} {'own CPU':>9} {'s':>9} {'own CPU':>9} {'most memory, MB':>16}")
    for size, first, again in rows:
        memory = max(first.memory, again.memory)
        print(
            f"{size:>10,} {first.seconds:>9.1f} {first.cpu:>9.1f} {again.seconds:>9.1f} {again.cpu:>9.1f}"
            f" {memory:>16.0f}"
        )
    (_, none, none_again), (few, some, some_again), (many, most, most_again) = rows
    print(
        f"{many / few:.0f} times the payments take {(most.cpu - none.cpu) / (some.cpu - none.cpu):.1f} times the CPU"
        f" at first and {(most_again.cpu - none_again.cpu) / (some_again.cpu - none_again.cpu):.1f} times again,"
        f" and {max(most.memory, most_again.memory) - none.memory:.0f} MB more than none."
    )
    print(
        "The rest of the time is the stand-in's and PostgreSQL's. The stand-in counts all payments for each page."
    )


@dataclass(frozen=True)
class Took:
    """What a process took: seconds by the clock and of CPU, and MB at most."""

    seconds: float
    cpu: float
    memory: float


def _measure(url: str, size: int) -> tuple[Took, Took]:
    with SandboxProcess() as sandbox:
        environment = os.environ | {
            "DATABASE_URL": url,
            "MOYASAR_BASE_URL": sandbox.base_url,
            "MOYASAR_SECRET_KEY": sandbox.secret_key,
            "MOYASAR_PUBLISHABLE_KEY": sandbox.publishable_key,
            "MOYASAR_WEBHOOK_SECRET": sandbox.webhook_secret,
        }
        _child([sys.executable, "-m", "tests.bench.reconcile", str(sandbox.state), str(size)], environment)
        today = timezone.now().astimezone(RIYADH).date()
        days = ["--from", str(today - timedelta(days=21)), "--to", str(today), "--report-only"]
        reconcile = [sys.executable, "manage.py", "reconcile", *days]
        first = _child(reconcile, environment, found=bool(size))
        return first, _child(reconcile, environment, found=bool(size))


def _child(command: list[str], environment: dict[str, str], *, found: bool = False) -> Took:
    """Run a process to its end, which is 1 where differences are `found`."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != int(found) or ("reconcile" in command and "differences:" not in said):
        raise SystemExit(f"{' '.join(command)}: {said}")
    return Took(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def fill(state: Path, size: int) -> None:
    from backend.bookings import operations
    from backend.bookings.models import Booking
    from backend.bookings.queries import Wish
    from backend.payments.sandbox.store import Store
    from tests.factories import UserFactory, open_salon
    from tests.payments.many import plant

    salon, service, _ = open_salon()
    noon = (timezone.now().astimezone(RIYADH) + timedelta(days=1)).replace(
        hour=12, minute=0, second=0, microsecond=0
    )
    made = operations.create_booking(
        customer=UserFactory.create(),
        salon=salon,
        wishes=[Wish(service.id)],
        starts_at=noon,
        now=timezone.now(),
    )
    store = Store(str(state))
    try:
        plant(store, Booking.objects.get(pk=made.pk), count=size, faults=size // FAULTY)
    finally:
        store.close()


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    django.setup()
    fill(Path(sys.argv[1]), int(sys.argv[2]))
