"""The long-running verbs: `serve` refuses a taken port by name, `tick --every` ends between two runs."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from datetime import datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from backend.core import jobs


def test_serve_names_the_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        with pytest.raises(CommandError, match=f"PORT: {port} .*already in use"):
            call_command("serve", port=port, no_migrate=True)


def test_a_port_just_left_can_be_used_again() -> None:
    from backend.core.management.commands.serve import why_port_is_taken

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            connection, _ = server.accept()
            connection.close()  # the side that closes first keeps the port in TIME_WAIT
    assert why_port_is_taken("127.0.0.1", port) is None


@pytest.fixture
def only_job(monkeypatch: pytest.MonkeyPatch) -> Any:
    def register(job: jobs.Job) -> None:
        monkeypatch.setattr(jobs, "_jobs", {"only": job})

    return register


@pytest.fixture
def signals_restored() -> Any:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_restored", "db")
def test_the_loop_runs_again_and_again_and_survives_a_failing_job(only_job: Any) -> None:
    runs: list[datetime] = []

    def job(now: datetime) -> int:
        runs.append(now)
        if len(runs) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("this job always fails")

    only_job(job)
    begun = time.monotonic()
    call_command("tick", every=0.01)
    assert len(runs) == 3, "the run in which SIGTERM came was finished, and no other begun"
    assert time.monotonic() - begun < 5


@pytest.mark.usefixtures("signals_restored", "db")
def test_sigterm_ends_a_long_wait_at_once(only_job: Any) -> None:
    only_job(lambda now: 0)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    begun = time.monotonic()
    call_command("tick", every=60)
    assert time.monotonic() - begun < 10


@pytest.mark.usefixtures("db")
def test_a_single_tick_says_by_its_code_that_a_job_failed(only_job: Any) -> None:
    def job(now: datetime) -> int:
        raise RuntimeError

    only_job(job)
    with pytest.raises(SystemExit) as ended:
        call_command("tick")
    assert ended.value.code == 1


def test_tick_refuses_a_pause_of_nothing() -> None:
    with pytest.raises(CommandError, match="above 0"):
        call_command("tick", every=0)
