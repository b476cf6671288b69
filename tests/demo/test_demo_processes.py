"""`manage.py demo` as a newcomer runs it: to the end of the journey, again on its data, and gone however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core.lifeline import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
JOURNEY_WITHIN = 180
GONE_WITHIN = 15

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc"),
]


class Demo:
    """One run of the demo; `through_make` puts a parent of its own above it, as make is."""

    def __init__(
        self, folder: Path, *, port: int, arguments: tuple[str, ...] = (), through_make: bool = False
    ) -> None:
        self.lines: list[str] = []
        command = [sys.executable, str(ROOT / "manage.py"), "demo", *arguments]
        if through_make:
            command = ["/bin/sh", "-c", f'{VARIABLE}=$$ "$@"; exit $?', "sh", *command]
        dropped = ("DATABASE_URL", "LOG_LEVEL", "CONSOLE_MESSAGES_FILE")
        environment = {name: value for name, value in os.environ.items() if name not in dropped}
        environment |= {
            "VAR_DIR": str(folder),
            "PORT": str(port),
            "APP_ENV": "local",
            VARIABLE: str(os.getpid()),
        }
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + JOURNEY_WITHIN
        while text not in self.said:
            ended = self.process.poll() is not None
            if ended:
                self._reader.join(5)
                if text in self.said:
                    return
            assert not ended, f"it ended with {self.process.returncode}:\n{self.said}"
            assert time.monotonic() < deadline, f"it never said {text!r}:\n{self.said}"
            time.sleep(0.05)


def processes_of(folder: Path) -> dict[int, str]:
    """Whatever names the folder in its arguments or environment, or works inside it."""
    wanted, found = os.fsencode(str(folder)), {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
            about = arguments + (entry / "environ").read_bytes() + os.fsencode(os.readlink(entry / "cwd"))
        except OSError:
            continue  # gone, or nobody's whom we may look at
        if wanted in about:
            found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
    return found


def assert_nothing_runs(folder: Path) -> None:
    deadline = time.monotonic() + GONE_WITHIN
    while left := processes_of(folder):
        assert time.monotonic() < deadline, f"still running after {GONE_WITHIN} s: {left}"
        time.sleep(0.1)


@pytest.fixture
def folder() -> Iterator[Path]:
    # Readable on the way, so that the embedded server's user reaches its data also when root runs the tests.
    path = Path(tempfile.mkdtemp(prefix="mawid-demo-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        for pid in processes_of(path):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_demo_reaches_the_end_of_its_journey_and_leaves_nothing_however_it_ends(folder: Path) -> None:
    port = free_port()

    first = Demo(folder, port=port)
    first.wait_for("Stop with Ctrl-C")
    assert "journey complete" in first.said
    assert "slot_unavailable" in first.said
    assert "0 open differences" in first.said
    assert f"http://127.0.0.1:{port}/docs" in first.said
    assert "sk_test_" not in first.said, "its keys are nobody's business"
    kinds = " ".join(processes_of(folder).values())
    for part in ("demo", "serve", "tick", "sandbox", "postgres"):
        assert part in kinds, f"the witness: {part} runs and is seen"
    first.process.kill()
    first.process.wait()
    assert_nothing_runs(folder)

    second = Demo(folder, port=port, through_make=True)
    second.wait_for("journey complete")
    assert "The demo data is here already" in second.said
    assert "receptionist is still signed in from the last run" in second.said
    second.process.kill()
    second.process.wait()
    assert_nothing_runs(folder)

    with socket.create_server(("127.0.0.1", port)):
        third = Demo(folder, port=port)
        third.wait_for("Stop with Ctrl-C")
        assert f"Port {port} is taken" in third.said
        assert "journey complete" in third.said
        third.process.terminate()
        assert third.process.wait(GONE_WITHIN) == 0
    assert_nothing_runs(folder)

    fourth = Demo(folder, port=port)
    fourth.wait_for("Serving at")
    fourth.process.send_signal(signal.SIGINT)
    assert fourth.process.wait(GONE_WITHIN) != 0, "it was stopped before its journey was over"
    assert_nothing_runs(folder)

    fifth = Demo(folder, port=port, arguments=("--exit-after-journey",))
    fifth.wait_for("Everything is stopped")
    assert "journey complete" in fifth.said
    assert fifth.process.wait(GONE_WITHIN) == 0
    assert_nothing_runs(folder)
