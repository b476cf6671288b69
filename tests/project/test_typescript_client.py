"""The reference client on a live server, over a line that loses, cuts, delays and spoils what passes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.factories import open_salon
from tests.project.tree import ROOT
from tests.support.server import ServerProcess

FOLDER = ROOT / "mobile-contract/clients/typescript"
NEEDS_NODE = "Node.js, and `npm ci` in mobile-contract/clients/typescript (`make contract-node` does it)"


def installed() -> bool:
    there = shutil.which("node") is not None and (FOLDER / "node_modules").is_dir()
    if not there and os.environ.get("CI"):
        pytest.fail(f"The build skips nothing; this needs {NEEDS_NODE}")
    return there


def npm(*words: str, **environment: str) -> None:
    command = ["npm", *words]
    done = subprocess.run(
        command,
        cwd=FOLDER,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-8000:]}\n{done.stderr[-2000:]}"


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_the_reference_client_books_once_and_stays_signed_in_whatever_the_line_does(tmp_path: Path) -> None:
    if not installed():
        pytest.skip(f"SKIPPED: needs {NEEDS_NODE}")
    salon, _service, _staff = open_salon(staff=6, auto_confirm=True, deposit_percent=0)
    messages = tmp_path / "messages.log"
    with ServerProcess(
        LIMITS_SCALE="1000", CONSOLE_MESSAGES_FILE=str(messages), OTP_PROVIDER="console"
    ) as server:
        npm("run", "generate")
        npm(
            "test",
            MAWID_URL=server.url,
            MAWID_SALON=salon.slug,
            MAWID_MESSAGES=str(messages),
            MAWID_PHONES="01234",
        )
