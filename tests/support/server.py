"""The whole server as a real process on the test's own database, to be killed in the middle of things."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_url() -> str:
    """The test database as DATABASE_URL."""
    values: dict[str, Any] = connection.settings_dict
    credentials = quote(values["USER"] or "", safe="")
    if values.get("PASSWORD"):
        credentials += ":" + quote(values["PASSWORD"], safe="")
    port = f":{values['PORT']}" if values.get("PORT") else ""
    return f"postgresql://{credentials}@{quote(values['HOST'] or '', safe='')}{port}/{values['NAME']}"


class ServerProcess:
    """`manage.py serve` on a free port; `kill()` gives it no time, `start()` brings it back on the same port."""

    def __init__(self, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="server-")
        self._log = Path(self._folder.name) / "log.txt"
        self._environment = os.environ | {
            "DATABASE_URL": database_url(),
            "PORT": str(self.port),
            "PUBLIC_BASE_URL": self.url,
            "VAR_DIR": self._folder.name,
            "DIE_WITH_PARENT": str(os.getpid()),
            "SECRET_KEY": settings.SECRET_KEY,
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        command = [sys.executable, "manage.py", "serve", "--no-migrate"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except requests.ConnectionError:
                time.sleep(0.1)
            if self._process.poll() is not None:
                break
        self.stop()
        raise RuntimeError(f"the server did not start: {self.log()}")

    def kill(self) -> None:
        """kill -9, of the supervisor and then of everything it had started."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace")
