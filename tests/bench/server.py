"""One server process on a core of its own, as `manage.py serve` starts it: `python -m tests.bench.server PORT`."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.core.lifeline import VARIABLE, end_with_parent

ROOT = Path(__file__).resolve().parents[2]
SERVER_CORE = 0
START_SECONDS = 60


def keep_off_the_servers_core() -> None:
    """For this process and all it starts from here: the load generator, and an embedded database."""
    if hasattr(os, "sched_setaffinity") and len(cores := os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, cores - {SERVER_CORE})


@contextmanager
def running(*, database_url: str, port: int) -> Iterator[None]:
    """The server, answering. It ends with the block, and by the lifeline with this process."""
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "LIMITS_SCALE": "1000000",  # a few people make all the requests
        "PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        VARIABLE: str(os.getpid()),
    }
    command = [sys.executable, "-m", "tests.bench.server", str(port)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,  # where the console's messages go
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with suppress(OSError, http.client.HTTPException):
            link.request("GET", "/readyz")
            if link.getresponse().status == 200:
                return
        link.close()
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def main() -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from backend.core.management.commands.serve import BLOCKING_THREADS, load_application

    end_with_parent()
    if hasattr(os, "sched_setaffinity") and os.cpu_count() != 1:
        with suppress(OSError):  # a container may not have that core
            os.sched_setaffinity(0, {SERVER_CORE})
    multiprocessing.set_start_method("spawn", force=True)
    Granian(
        "tests.bench.wsgi:application",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve(target_loader=load_application)


if __name__ == "__main__":
    main()
