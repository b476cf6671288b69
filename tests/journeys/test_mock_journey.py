"""Somebody with mobile-contract/ and nothing else builds the app's journey against the mock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import contract
from tests.support.node import CONTRACT, npm, package
from tests.support.server import free_port

PACKAGES = ("tools", "clients/typescript")
JOURNEY = (
    "otp-requests",
    "otp-verifications",
    "salons",
    "quotes",
    "bookings",
    "payments",
    "reschedule",
    "cancel",
)


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """The folder as a clone has it, far from the server's code; its packages are installed."""
    there = tmp_path / "mobile-contract"
    kept_out = shutil.ignore_patterns("node_modules", "build", "schema.d.ts")
    installed = {name: package(name) / "node_modules" for name in PACKAGES}
    shutil.copytree(CONTRACT, there, ignore=kept_out)
    for name, modules in installed.items():
        (there / name / "node_modules").symlink_to(modules)
    return there


@pytest.fixture
def mock(alone: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the mock, started as the README says."""
    port = free_port()
    log = tmp_path / "mock.log"
    command = ["npm", "run", "mock", "--", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=alone / "tools", stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 120
        while "listening" not in log.read_text(errors="replace"):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.server
def test_the_contract_and_its_mock_are_enough_to_build_the_journey(
    alone: Path, mock: str, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.jsonl"
    client = alone / "clients/typescript"
    for words in (("run", "generate"), ("run", "test:mock")):
        done = npm(client, *words, MOCK_URL=mock, MOCK_ANSWERS=str(answers))
        assert done.returncode == 0, done.stdout[-8000:]
    told = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    for answer in told:
        kind = "application/problem+json" if answer["status"] >= 400 else "application/json"
        contract.check(answer["method"], answer["path"], answer["status"], kind, answer["body"])
    for language in ("ar", "en"):
        reached = {
            a["path"].rpartition("/")[2] for a in told if a["language"] == language and a["status"] < 300
        }
        assert reached >= {*JOURNEY}
