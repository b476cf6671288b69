"""What the walks through the demo hold: a phone, an inbox, and a voice to tell what happens."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from backend.demo.machine import Machine
from backend.demo.people import DEMO_PEOPLE

PATIENCE = 30.0
LONGEST_WAIT = 120


class JourneyFailed(Exception):
    """A step did not go as promised; the text says which and what came instead."""


@dataclass
class Answer:
    status: int
    body: Any
    headers: Any


class Phone:
    """Somebody's app: speaks JSON in one language, with a token once signed in."""

    def __init__(self, base_url: str, *, language: str = "ar") -> None:
        self._base = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"Accept-Language": language, "User-Agent": "mawid-demo/1"})

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int | tuple[int, ...] = 200,
        key: str | None = None,
        language: str | None = None,
        file: bytes | None = None,
    ) -> Answer:
        """One call below /api/v1, a form where it has a PNG `file`. Raises JourneyFailed for an unpromised status."""
        headers: dict[str, str] = {}
        if key:
            headers["Idempotency-Key"] = key
        if language:
            headers["Accept-Language"] = language
        sent: dict[str, Any] = {"json": body}
        if file is not None:
            sent = {"data": body, "files": {"file": ("photo.png", file, "image/png")}}
        answer = self._session.request(
            method, f"{self._base}/api/v1/{path}", headers=headers, timeout=PATIENCE, **sent
        )
        try:
            value = answer.json() if answer.content else None
        except ValueError:
            value = answer.text[:300]
        promised = expect if isinstance(expect, tuple) else (expect,)
        if answer.status_code not in promised:
            raise JourneyFailed(f"{method} /api/v1/{path} answered {answer.status_code}: {value}")
        return Answer(answer.status_code, value, answer.headers)

    def open(self, url: str, form: dict[str, str] | None = None) -> requests.Response:
        """A page in the phone's browser; redirects are left to the caller."""
        method = "GET" if form is None else "POST"
        return self._session.request(method, url, data=form, allow_redirects=False, timeout=PATIENCE)

    def hold_token(self, access_token: str) -> None:
        self._session.headers["Authorization"] = f"Bearer {access_token}"


class Inbox:
    """The console carrier's messages file, from where it ended when the journey began."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = path.stat().st_size if path.exists() else 0

    def to(self, phone: str) -> list[str]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._begin)
            lines = file.read().decode().splitlines()
        return [m["body"] for m in map(json.loads, lines) if m["to"] == phone]

    def code(self, phone: str) -> str:
        """The newest code sent to a number."""
        for body in reversed(self.to(phone)):
            if found := re.search(r"\b[0-9]{6}\b", body):
                return found[0]
        raise JourneyFailed(f"no code for {phone} in {self._path}")


class Walk:
    """A walk over real HTTP, told as it goes; `say` prints a line. The first wrong answer raises JourneyFailed."""

    def __init__(self, *, base_url: str, machine: Machine, inbox: Inbox, say: Callable[[str], None]) -> None:
        self.base_url, self.machine, self.inbox, self.say = base_url, machine, inbox, say
        self.steps = 0

    # Telling

    def step(self, english: str, arabic: str) -> None:
        self.steps += 1
        self.say(f"\n{self.steps:2}. {english} · {arabic}")

    def note(self, line: str) -> None:
        self.say(f"    {line}")

    # Signing in

    def signed_in_as(self, role: str) -> Phone:
        """A member of the demo's staff: with the token of the last run, else with a new code."""
        device = Phone(self.base_url)
        tokens = None
        if kept := self.machine.refresh_tokens.get(role):
            answer = device.call(
                "POST", "auth/token-refreshes", {"refresh_token": kept}, expect=(200, 400, 401, 403)
            )
            if answer.status == 200:
                tokens = answer.body
                self.note(f"{role} is still signed in from the last run")
        if tokens is None:
            tokens = self.sign_in_by_code(device, phone_of(role))
            self.note(f"{role} signs in with a code")
        device.hold_token(tokens["access_token"])
        self.machine.refresh_tokens[role] = tokens["refresh_token"]
        self.machine.keep()
        return device

    def sign_in_by_code(self, device: Phone, phone: str) -> dict[str, Any]:
        while True:
            asked = device.call("POST", "auth/otp-requests", {"phone": phone}, expect=(202, 429))
            if asked.status == 202:
                break
            wait = int(asked.headers.get("Retry-After", "60"))
            if wait > LONGEST_WAIT:
                raise JourneyFailed(f"no more codes for this number for {wait} s: {asked.body}")
            self.note(f"a code was sent to this number a moment ago; waiting {wait} s, as the server asks")
            time.sleep(wait + 0.5)
        tokens: dict[str, Any] = device.call(
            "POST",
            "auth/otp-verifications",
            {"otp_request_id": asked.body["otp_request_id"], "code": self.inbox.code(phone)},
        ).body
        device.hold_token(tokens["access_token"])
        return tokens

    @staticmethod
    def expect(found: object, wanted: object, what: str) -> None:
        if found != wanted:
            raise JourneyFailed(f"{what} should be {wanted} and is {found}")


def phone_of(role: str) -> str:
    return next(person.phone for person in DEMO_PEOPLE if person.role == role)


def fresh_number() -> str:
    """A mobile number nobody in the demo has: each run's customer is new, so no wait for a code stands in the way."""
    return f"+966559{secrets.randbelow(1_000_000):06d}"
