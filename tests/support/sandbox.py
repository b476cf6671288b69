"""The sandbox gateway as a real process, for tests that want the whole wire.

    with SandboxProcess(webhook_url=live_server.url + "/api/v1/webhooks/moyasar") as sandbox:
        ...  # settings: MOYASAR_BASE_URL=sandbox.base_url, keys from the class

It is always stopped: on leaving the block, at exit of the test run, and by itself should its parent vanish.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 20.0


class SandboxProcess:
    """One sandbox with its own state. `options` are further command-line words."""

    secret_key = "sk_test_of_the_test_suite"
    publishable_key = "pk_test_of_the_test_suite"
    webhook_secret = "a shared secret of the test suite"

    def __init__(
        self, *, webhook_url: str | Sequence[str] = (), state: Path | None = None, options: Sequence[str] = ()
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-")
        self.state = state or Path(self._folder.name) / "state.sqlite3"
        self._log = Path(self._folder.name) / "stderr.txt"
        self._webhook_urls = [webhook_url] if isinstance(webhook_url, str) else list(webhook_url)
        self._options = list(options)
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self.base_url = ""

    # The process

    def __enter__(self) -> SandboxProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def origin(self) -> str:
        """Where the bank's page and the controls are."""
        return self.base_url.removesuffix("/v1")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, or start again on the same port and state."""
        command = [sys.executable, "-m", "backend.payments.sandbox"]
        command += ["--port", str(self._port), "--state", str(self.state), *self._options]
        for url in self._webhook_urls:
            command += ["--webhook-url", url]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MOYASAR_")}
        environment |= {
            "APP_ENV": "local",
            "DIE_WITH_PARENT": str(os.getpid()),
            "PYTHONPATH": str(ROOT),
            "MOYASAR_SECRET_KEY": self.secret_key,
            "MOYASAR_PUBLISHABLE_KEY": self.publishable_key,
            "MOYASAR_WEBHOOK_SECRET": self.webhook_secret,
        }
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        atexit.register(self.stop)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], STARTS_WITHIN)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.stop()
            raise RuntimeError(f"the sandbox did not start: {self.log()}")
        self.base_url = json.loads(line)["listening"]
        self._port = int(self.origin.rpartition(":")[2])

    def stop(self, *, kill: bool = False) -> None:
        """End the process and keep its state; `kill` gives it no time to tidy up."""
        process, self._process = self._process, None
        atexit.unregister(self.stop)
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def close(self) -> None:
        """End the process and forget its state."""
        self.stop()
        self._session.close()
        self._folder.cleanup()

    def log(self) -> str:
        """What the process wrote to standard error."""
        return self._log.read_text() if self._log.exists() else ""

    # What a phone does

    def create_as_app(self, **body: Any) -> dict[str, Any]:
        """Create a payment with the publishable key, as Moyasar's SDK on a phone does."""
        answer = self._session.post(
            f"{self.base_url}/payments", json=body, auth=(self.publishable_key, ""), timeout=10
        )
        value: dict[str, Any] = answer.json()
        assert answer.status_code == 201, value
        return value

    def api(self, method: str, path: str, *, key: str | None = None, **rest: Any) -> requests.Response:
        """Any call below /v1, with the secret key unless another is given."""
        return self._session.request(
            method, f"{self.base_url}{path}", auth=(key or self.secret_key, ""), timeout=10, **rest
        )

    def open_page(self, url: str, result: str | None = None) -> requests.Response:
        """The bank's page in a browser: look at it, or press one of its buttons (redirect not followed)."""
        if result is None:
            return self._session.get(url, timeout=10)
        return self._session.post(url, data={"result": result}, allow_redirects=False, timeout=10)

    def press(self, url: str, choice: str) -> requests.Response:
        """A button of an invoice's page: PAY, VERIFY or DECLINE (redirect not followed)."""
        return self._session.post(url, data={"choice": choice}, allow_redirects=False, timeout=10)

    # Controls

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._session.request(method, f"{self.origin}/sandbox{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pay(self, payment_id: UUID | str, result: str = "AUTHENTICATED") -> dict[str, Any]:
        """Finish the payer's step: AUTHENTICATED, UNAUTHENTICATED or CANCELLED."""
        value: dict[str, Any] = self.control("POST", f"/pay/{payment_id}", {"result": result})
        return value

    def fault(self, kind: str, *, method: str = "*", path: str = "*", **rest: Any) -> None:
        """Order a bad answer for a coming call: kinds and fields are those of `faults.Fault`."""
        self.control("POST", "/faults", {"kind": kind, "method": method, "path": path, **rest})

    def clear_faults(self) -> None:
        self.control("DELETE", "/faults")

    def calls(self) -> dict[str, Any]:
        """`counts` by operation, `carried_out` by operation and status, `paths` by exact path."""
        value: dict[str, Any] = self.control("GET", "/calls")
        return value

    def count(self, operation: str) -> int:
        """How often one operation was called: "POST /payments", "POST /payments/{id}/refund"."""
        return int(self.calls()["counts"].get(operation, 0))

    def reset_calls(self) -> None:
        self.control("DELETE", "/calls")

    def import_payments(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        value: dict[str, int] = self.control("POST", "/payments", list(rows))
        return value

    def lapse(self, payment_id: UUID | str) -> None:
        """The issuer drops a hold, and nobody is told."""
        self.control("POST", f"/lapse/{payment_id}")

    def settle(self, *, until: str | None = None, chargebacks: Sequence[UUID | str] = ()) -> dict[str, Any]:
        """Send what moved since the last settlement (before `until`) to the bank."""
        body = {"until": until, "chargebacks": [str(one) for one in chargebacks]}
        value: dict[str, Any] = self.control("POST", "/settlements", body)
        return value

    def single_refund(self, single: bool) -> None:
        """Whether a second refund of one payment is refused."""
        self.control("POST", "/settings", {"single_refund": single})

    def advance_clock(self, seconds: float) -> None:
        self.control("POST", "/clock", {"advance_seconds": seconds})

    def webhooks(self) -> dict[str, Any]:
        """`paused`, how many deliveries are `pending`, the `endpoints`, and the latest `events`."""
        value: dict[str, Any] = self.control("GET", "/webhooks")
        return value

    def pause_webhooks(self) -> None:
        self.control("POST", "/webhooks/pause")

    def resume_webhooks(self, order: str | None = None) -> None:
        """`order` is how what waited is sent: "reversed", "shuffled", or as it came."""
        self.control("POST", "/webhooks/resume", {"order": order})

    def resend_webhook(
        self, *, event_id: str | None = None, payment_id: UUID | str | None = None, times: int = 1
    ) -> None:
        chosen = {"event_id": event_id, "payment_id": str(payment_id) if payment_id else None}
        body = {name: value for name, value in chosen.items() if value} | {"times": times}
        self.control("POST", "/webhooks/resend", body)

    def discard_webhooks(self) -> None:
        """Lose everything that waits to be sent."""
        self.control("POST", "/webhooks/discard")

    def wait_for_webhooks(self, seconds: float = 10.0) -> None:
        """Until nothing waits to be sent any more."""
        deadline = time.monotonic() + seconds
        while self.webhooks()["pending"]:
            if time.monotonic() > deadline:
                raise TimeoutError("webhooks still waiting to be sent")
            time.sleep(0.02)
