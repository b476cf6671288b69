"""The server under the storm: `manage.py serve` with several workers, one of which may be killed at any moment."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.stress.customer import PATIENCE
from tests.stress.processes import children

ROOT = Path(__file__).resolve().parents[2]
SPARED = 9.0
"""Seconds. Granian ends altogether when a worker dies again within 5.5 of its respawn."""


class Server:
    """Serving between `with` and its end. `module` is what to run instead of `manage.py serve`."""

    def __init__(
        self, *, port: int, workers: int, environment: dict[str, str], module: str | None = None
    ) -> None:
        self.port, self.killed = port, 0
        self._killed_at = -SPARED
        start = [sys.executable, "-m", module] if module else [sys.executable, "manage.py", "serve"]
        self._command = [*start, "--no-migrate", "--no-tick", "--workers", str(workers)]
        self._environment = os.environ | environment
        self._log = Path(environment["VAR_DIR"]) / "server.log"

    def __enter__(self) -> Server:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while ask(self.port, "GET", "/readyz")[0] != 200:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise SystemExit(f"the server did not start: {self.said()}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def said(self) -> str:
        """The end of what it wrote to its log."""
        return self._log.read_text(errors="replace")[-3000:]

    def kill_a_worker(self, dice: random.Random) -> None:
        """-9. The supervisor starts another one; nobody is killed so soon after the last that it gives up instead."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the server has ended: {self.said()}")
        if time.monotonic() - self._killed_at < SPARED:
            return
        workers = [pid for pid, command in children(self._process.pid).items() if "spawn_main" in command]
        if workers:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(workers), signal.SIGKILL)
                self.killed += 1
                self._killed_at = time.monotonic()


class Meanwhile:
    """Something done again and again, `every` so many seconds, as long as the block lasts. Its failure is ours."""

    def __init__(self, act: Callable[[], Any], *, every: float) -> None:
        self._act, self._every = act, every
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Meanwhile:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._act()
            except BaseException as error:
                self._failure = error
                return


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
