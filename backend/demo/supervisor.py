"""The demo's processes: started in order, watched, and stopped in order however the demo ends.

Each child is told our process id and watches it (core.lifeline), so kill -9 leaves nothing running either. Each has a
session of its own: Ctrl-C in the terminal reaches the demo alone, which then stops the others one after another.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

import requests
from django.conf import settings

from backend.core.lifeline import VARIABLE
from backend.core.management.commands.serve import why_port_is_taken
from backend.demo import export
from backend.demo.machine import Machine, folder

HOST = "127.0.0.1"
PORTS_TRIED = 100
LAST_ONE_LEAVES_WITHIN = 8.0
GATEWAY_STARTS_WITHIN = 20.0
SERVER_STARTS_WITHIN = 60.0
STOPS_WITHIN = 8.0
ROWS_PER_IMPORT = 2000


class Stopped(KeyboardInterrupt):
    """Somebody asked the demo to stop. A KeyboardInterrupt, because libraries know how to give way to it."""


class DemoFailed(Exception):
    """The demo cannot go on; the text says why."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise Stopped, once; what follows is deaf, so that stopping is finished."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def handle(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Supervisor:
    """Owns the children; leaving the block stops them, the last started first."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._children: list[tuple[str, subprocess.Popen[str]]] = []

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *exception: object) -> None:
        for _, child in reversed(self._children):
            child.terminate()
            try:
                child.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()

    def start_gateway(self, *, webhook_url: str) -> str:
        """Start the sandbox on its own state, where it was last time if it can. Returns its address with /v1."""
        keys = {
            "MOYASAR_SECRET_KEY": self.machine.secret_key,
            "MOYASAR_PUBLISHABLE_KEY": self.machine.publishable_key,
            "MOYASAR_WEBHOOK_SECRET": self.machine.webhook_secret,
        }
        port = self.machine.sandbox_port
        if port and why_port_is_taken(HOST, port):
            port = 0
        command = [sys.executable, "-m", "backend.payments.sandbox", "--port", str(port)]
        command += ["--state", str(gateway_state()), "--webhook-url", webhook_url]
        child = self._start("the sandbox gateway", command, keys, stdout=subprocess.PIPE)
        assert child.stdout is not None
        ready, _, _ = select.select([child.stdout], [], [], GATEWAY_STARTS_WITHIN)
        line = child.stdout.readline() if ready else ""
        if not line:
            raise DemoFailed("the sandbox gateway did not start")
        address: str = json.loads(line)["listening"]
        self.machine.sandbox_port = int(address.removesuffix("/v1").rpartition(":")[2])
        self.machine.keep()
        return address

    def start_server(self, environment: Mapping[str, str]) -> None:
        """Start `manage.py serve` and wait until it is ready. Raises DemoFailed when it will not be."""
        quiet = {} if "LOG_LEVEL" in os.environ else {"LOG_LEVEL": "WARNING"}
        command = [
            sys.executable,
            str(settings.BASE_DIR / "manage.py"),
            "serve",
            "--no-migrate",
            "--verbosity",
            "0",
        ]
        command += ["--port", str(self.machine.port)]
        child = self._start("the server", command, {**environment, **quiet})
        deadline = time.monotonic() + SERVER_STARTS_WITHIN
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < deadline:
                if child.poll() is not None:
                    raise DemoFailed(f"the server ended with code {child.returncode}")
                try:
                    if session.get(f"http://{HOST}:{self.machine.port}/readyz", timeout=2).ok:
                        return
                except requests.RequestException:
                    pass
                time.sleep(0.1)
        raise DemoFailed(f"the server was not ready within {SERVER_STARTS_WITHIN:.0f} s")

    def watch(self) -> None:
        """Stay until somebody stops the demo. Raises DemoFailed when a child ends by itself."""
        while True:
            for name, child in self._children:
                if child.poll() is not None:
                    raise DemoFailed(f"{name} ended with code {child.returncode}")
            time.sleep(0.5)

    def _start(
        self, name: str, command: list[str], environment: Mapping[str, str], *, stdout: int | None = None
    ) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            text=True,
            cwd=settings.BASE_DIR,
            env={**os.environ, **environment, VARIABLE: str(os.getpid())},
            start_new_session=True,
        )
        self._children.append((name, child))
        return child


def gateway_state() -> Path:
    """The sandbox's memory belongs to one database: another one has payments of its own under the same ids."""
    if not settings.DATABASE_URL:
        return folder() / "sandbox.sqlite3"
    which = hashlib.sha256(settings.DATABASE_URL.encode()).hexdigest()[:8]
    return folder() / f"sandbox-{which}.sqlite3"


def forget_gateway_state() -> None:
    """For a database that was made anew: what the sandbox remembers is about its predecessor."""
    state = gateway_state()
    for path in state.parent.glob(f"{state.name}*"):
        path.unlink()


def choose_port(machine: Machine) -> None:
    """PORT if it is free, else the next one that is. A demo that was killed a moment ago may still be leaving."""
    wanted = int(settings.PORT)
    deadline = time.monotonic() + LAST_ONE_LEAVES_WITHIN
    while why_port_is_taken(HOST, wanted) and machine.port == wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        if why_port_is_taken(HOST, port) is None:
            machine.port = port
            machine.keep()
            return
    raise DemoFailed(f"no port from {wanted} to {wanted + PORTS_TRIED - 1} is free; set PORT to another one")


def import_payments(gateway: str, *, told: list[int]) -> None:
    """Tell the sandbox of every payment it should know; what it knows already stays as it is there.

    `told` collects how many were sent and how many were new.
    """
    told[:] = [0, 0]
    address = f"{gateway.removesuffix('/v1')}/sandbox/payments"
    with requests.Session() as session:
        session.trust_env = False
        for lines in _batches():
            answer = session.post(address, data="\n".join(lines).encode(), timeout=60)
            if not answer.ok:
                raise DemoFailed(f"the sandbox refused the demo's payments: {answer.text[:300]}")
            told[0] += len(lines)
            told[1] += int(answer.json()["imported"])


def settle_payments(gateway: str, *, until: datetime) -> None:
    """Have the sandbox send to the bank what moved before `until`, as Moyasar does twice a week."""
    with requests.Session() as session:
        session.trust_env = False
        address = f"{gateway.removesuffix('/v1')}/sandbox/settlements"
        answer = session.post(address, json={"until": until.isoformat()}, timeout=60)
    if answer.status_code >= 500:
        raise DemoFailed(f"the sandbox settled nothing: {answer.text[:300]}")


def _batches() -> Iterator[list[str]]:
    batch: list[str] = []
    for row in export.rows():
        batch.append(json.dumps(row, ensure_ascii=False))
        if len(batch) == ROWS_PER_IMPORT:
            yield batch
            batch = []
    if batch:
        yield batch


def messages_file() -> Path:
    return Path(settings.CONSOLE_MESSAGES_FILE)
