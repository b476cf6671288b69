"""What the tests of sign-in share: a phone, and its inbox."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rest_framework.test import APIClient

from tests.support import contract, recording

PHONE = "+966512345678"
INSTALLATION = "9d2c6a1e-2f4b-4c7d-8e9f-0a1b2c3d4e5f"


class Phone(APIClient):
    """Holds every answer against the contract."""

    sent: Any = None

    def generic(self, method: str, path: str, data: Any = "", *args: Any, **kwargs: Any) -> Any:
        try:
            self.sent = json.loads(data) if data else None
        except ValueError:
            self.sent = None
        return super().generic(method, path, data, *args, **kwargs)

    def request(self, **kwargs: Any) -> Any:
        if recording.LANGUAGE:
            kwargs["HTTP_ACCEPT_LANGUAGE"] = recording.LANGUAGE
        response = super().request(**kwargs)
        kind = response.headers.get("Content-Type", "")
        if "json" in kind or response.status_code == 204:
            parsed = response.json() if response.content else None
            contract.check(kwargs["REQUEST_METHOD"], kwargs["PATH_INFO"], response.status_code, kind, parsed)
            recording.note(kwargs["REQUEST_METHOD"], kwargs["PATH_INFO"], self.sent, response, parsed)
        return response


class Inbox:
    """The texts of the console provider, as they stand in its file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def last(self) -> str:
        return self.all()[-1]["body"]

    def code(self) -> str:
        found = re.search(r"[0-9]{6}", self.last())
        assert found
        return found.group()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def ask(client: APIClient, phone: str = "0512345678", **body: Any) -> Any:
    return client.post("/api/v1/auth/otp-requests", {"phone": phone, **body}, format="json")


def verify(client: APIClient, request_id: str, code: str, installation: str | None = INSTALLATION) -> Any:
    device = {"installation_id": installation, "platform": "android", "name": "Pixel 9"}
    body = {"otp_request_id": request_id, "code": code, "device": device}
    return client.post("/api/v1/auth/otp-verifications", body, format="json")


def sign_in(client: APIClient, inbox: Inbox, phone: str = "0512345678", **kwargs: Any) -> dict[str, Any]:
    asked = ask(client, phone)
    assert asked.status_code == 202, asked.content
    answer = verify(client, asked.json()["otp_request_id"], inbox.code(), **kwargs)
    assert answer.status_code == 200, answer.content
    return answer.json()


def refresh(client: APIClient, token: str) -> Any:
    return client.post("/api/v1/auth/token-refreshes", {"refresh_token": token}, format="json")


def bearer(token: str, **headers: str) -> Phone:
    client = Phone(**headers)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}", **headers)
    return client
