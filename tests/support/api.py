"""A phone: speaks HTTP to the application in its own language, and holds every answer against the contract."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import connection
from django.test import TestCase
from rest_framework.test import APIClient, ForceAuthClientHandler

from backend.accounts.models import Device, User
from backend.accounts.tokens import pair_of
from tests.support import contract, recording

HANDLER = ForceAuthClientHandler(enforce_csrf_checks=False)
"""One for all: each new one would load the middleware again, which reads every static file."""


class Api:
    """`Api(user)` is signed in as that person; `Api()` is a stranger. Paths are below /api/v1."""

    def __init__(self, user: User | None = None, *, language: str = "ar") -> None:
        self.client = APIClient()
        self.client.handler = HANDLER
        self.headers: dict[str, str] = {"Accept-Language": recording.LANGUAGE or language}
        if user is not None:
            device = Device.objects.create(user=user)
            self.headers["Authorization"] = f"Bearer {pair_of(device).access}"

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, query=query)

    def post(self, path: str, body: Any = None, *, key: uuid.UUID | str | None = None, **headers: str) -> Any:
        """`key` is the Idempotency-Key; a new one is made when none is given."""
        return self.send(
            "POST", path, body=body, headers={"Idempotency-Key": str(key or uuid.uuid4())} | headers
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        full = path if path.startswith("/") else f"/api/v1/{path}"
        extra: dict[str, Any] = {"headers": self.headers | (headers or {})}
        if query:
            extra["query_params"] = query
        if body is not None:
            extra |= {"data": body, "format": "json"}
        call = getattr(self.client, method.lower())
        if connection.in_atomic_block:
            # The test's transaction never commits, so what waits for the commit is run here.
            with TestCase.captureOnCommitCallbacks(execute=True):
                response = call(full, **extra)
        else:
            response = call(full, **extra)
        kind = response.headers.get("Content-Type", "")
        assert response.headers["X-Request-Id"]
        assert response.headers["Content-Language"] in ("ar", "en")
        if "json" in kind or response.status_code == 204:
            parsed = response.json() if response.content else None
            contract.check(method, full, response.status_code, kind, parsed)
            recording.note(method, full, body, response, parsed)
        if response.status_code >= 400:
            assert kind.startswith("application/problem+json"), kind
            if (parsed or {}).get("code") == "rate_limited":
                assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= response.headers.keys()
        return response


def ok(response: Any, status: int = 200) -> Any:
    """The body of an answer that must have succeeded."""
    assert response.status_code == status, (
        response.status_code,
        response.json() if response.content else None,
    )
    return response.json() if response.content else None


def refused(response: Any, status: int, code: str) -> Any:
    """The problem of an answer that must have been refused, with this code, in words."""
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert body["detail"]
    assert body["status"] == status
    return body
