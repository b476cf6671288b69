"""The README's tour, copied line by line into one shell beside a running demo."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.accounts.operations.limits import RESEND_WAIT
from tests.project.tree import ROOT

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(
        not shutil.which("curl") or not shutil.which("bash"), reason="the tour needs curl and bash"
    ),
]
DONE = "journey complete"


def tour() -> list[str]:
    """Every line of the tour's bash blocks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## A tour in five minutes\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section
    blocks = re.findall(r"^```bash\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def demo() -> Iterator[dict[str, str]]:
    """The environment of a terminal beside a demo whose journey is over."""
    with tempfile.TemporaryDirectory(prefix="mawid-tour-") as place, socket.socket() as probe:
        if os.geteuid() == 0:
            Path(place).chmod(0o755)  # root's database runs as nobody, who has to get in
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        kept = {
            n: v for n, v in os.environ.items() if not n.startswith(("DATABASE_URL", "MOYASAR_", "PUBLIC_"))
        }
        environment = kept | {"VAR_DIR": place, "PORT": str(port), "DIE_WITH_PARENT": str(os.getpid())}
        log = Path(place, "demo.txt")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "demo"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + 120
            while DONE not in log.read_text(errors="replace"):
                assert process.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.2)
            environment.pop("DIE_WITH_PARENT")
            time.sleep(RESEND_WAIT.total_seconds())  # the walk was the owner a moment ago, and so is the tour
            yield environment
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            deadline = time.monotonic() + 15
            while list(Path(place).glob("postgres/data/postmaster.pid")) and time.monotonic() < deadline:
                time.sleep(0.1)


def test_the_tour_works_line_by_line(demo):
    lines = tour()
    assert len(lines) > 30
    # After each line a marker, so that the answers of one line can be told from those of the next.
    script = "".join(f"{line}\necho '@@{number}:'$?\n" for number, line in enumerate(lines))
    # The page names .venv; the suite may run from another environment.
    script = script.replace(".venv/bin/python", sys.executable)
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-s"],
        cwd=ROOT,
        env=demo,
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    answers: list[tuple[str, str]] = []
    rest = result.stdout
    for number, line in enumerate(lines):
        answer, marker, rest = rest.partition(f"@@{number}:")
        assert marker, (line, result.stdout, result.stderr)
        code, _, rest = rest.partition("\n")
        assert code == "0", (line, answer, result.stderr)
        answers.append((line, answer.strip()))
    assert "Traceback" not in result.stderr

    def said(beginning: str) -> list[str]:
        found = [answer for line, answer in answers if line.startswith(beginning)]
        assert found, beginning
        return found

    arabic_error, *codes_and_requests = said('post "$API/auth/otp-')
    assert "phone_invalid" in arabic_error
    assert "رقم الجوال غير صحيح" in arabic_error
    assert codes_and_requests == ["رمز التحقق غير صحيح."]
    assert said("LANGUAGE_ON_SCREEN=en") == ["The mobile number is not correct. Example: 0512345678"]
    first, last = said('texts "$PHONE"')
    assert re.fullmatch(r"رمز التحقق: [0-9]{6}\n.*", first)
    assert "تم تأكيد حجزك" in last
    assert said('curl -sS -G "$API/salons"') == ["لمسة", "Lamsa"]
    in_arabic, in_english, unknown = said('curl -sS "$API/salons?')
    assert re.search("[\u0621-\u064a]", in_arabic)
    assert re.search("[A-Za-z]", in_english)
    assert "unknown_field" in unknown
    replay, price = said('post "$API/bookings"')
    assert "201" in replay
    assert "idempotent-replayed: true" in replay.lower()
    assert price == "تغير السعر. يرجى مراجعة المبلغ قبل المتابعة."
    assert said('curl -sS "$API/bookings/$BOOKING" ') == ["Waiting for the deposit"]
    assert said("curl -sS -o /dev/null")[0].startswith("302 http")
    assert said("for second in") == ["captured"]
    assert said('post "$API/manage/bookings/') == ["confirmed", "version_conflict", "not_found"]
    assert "05•••••" in said('curl -sS "$API/manage/bookings/$BOOKING" ')[0]
    assert "0 open" in said(".venv/bin/python manage.py reconcile")[0]
