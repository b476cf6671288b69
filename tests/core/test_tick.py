"""The minute loop: every job each time round, and the prompt ones in between."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime

import pytest
from django.core.management import call_command

from backend.core import jobs
from backend.core.management.commands import tick

pytestmark = pytest.mark.django_db


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of two jobs, in the order in which they ran; the sixth run ends the loop."""
    names: list[str] = []
    monkeypatch.setattr(jobs, "_jobs", {})
    monkeypatch.setattr(jobs, "_prompt", set())

    def job(name: str) -> jobs.Job:
        def run(now: datetime) -> int:
            names.append(name)
            if len(names) == 6:
                os.kill(os.getpid(), signal.SIGTERM)
            return 0

        return run

    jobs.register("slow", job("slow"))
    jobs.register("quick", job("quick"), prompt=True)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield names
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_prompt_jobs_run_between_the_whole_rounds(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick, "PROMPT_SECONDS", 0.01)
    call_command("tick", "--every", "60")
    assert ran == ["slow", "quick", "quick", "quick", "quick", "quick"]


def test_a_short_period_runs_everything_each_time(ran: list[str]) -> None:
    call_command("tick", "--every", "0.01")
    assert ran == ["slow", "quick"] * 3


def test_once_is_everything_once(ran: list[str]) -> None:
    call_command("tick")
    assert ran == ["slow", "quick"]


def test_messages_are_prompt() -> None:
    assert jobs.prompt().keys() == {"deliver"}
