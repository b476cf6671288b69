"""What the demo remembers on this machine between runs: random keys, tokens of the demo's staff, the last ports.

Kept in VAR_DIR/demo.json, readable by its owner only. Nothing in it is worth anything elsewhere.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings


def folder() -> Path:
    return Path(settings.VAR_DIR)


@dataclass
class Machine:
    secret_key: str = field(default_factory=lambda: f"sk_test_{secrets.token_urlsafe(24)}")
    publishable_key: str = field(default_factory=lambda: f"pk_test_{secrets.token_urlsafe(24)}")
    webhook_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    installation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    port: int = 0
    sandbox_port: int = 0
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    """By role, so that a second run need not wait for a new code."""

    @classmethod
    def recall(cls) -> Machine:
        """As the last run left it; made anew, and kept, when there was none."""
        try:
            known = json.loads((folder() / "demo.json").read_text())
            machine = cls(
                **{name: value for name, value in known.items() if name in cls.__dataclass_fields__}
            )
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            machine = cls()
        machine.keep()
        return machine

    def keep(self) -> None:
        _write(folder() / "demo.json", json.dumps(asdict(self), indent=2) + "\n")

    def environment(self, *, base_url: str, gateway_url: str) -> dict[str, str]:
        """What the server, and any command beside it, must be told."""
        return {
            "PORT": str(self.port),
            "PUBLIC_BASE_URL": base_url,
            "MOYASAR_BASE_URL": gateway_url,
            "MOYASAR_SECRET_KEY": self.secret_key,
            "MOYASAR_PUBLISHABLE_KEY": self.publishable_key,
            "MOYASAR_WEBHOOK_SECRET": self.webhook_secret,
            "OTP_PROVIDER": "console",
            "SMS_PROVIDER": "console",
            "WAITLIST_OFFER_HOURS": "00:00-23:59",  # the demo is watched at any hour
        }

    def write_environment(self, values: dict[str, str]) -> Path:
        """For another terminal: `set -a; . var/demo.env; set +a`."""
        path = folder() / "demo.env"
        _write(path, "".join(f"{name}={value}\n" for name, value in values.items()))
        return path


@contextmanager
def only_one() -> Iterator[bool]:
    """Whether this is the only demo on this folder, which stays so inside the block."""
    folder().mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder() / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Whole or not at all, whenever the power goes; never readable by others."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
