"""One customer who books one slot after another. A module apart: such a process loads nothing it does not need."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

PATIENCE = 60.0
TRIES = 400
PAUSE = 0.3


@dataclass(frozen=True)
class Answer:
    status: int
    code: str
    booking: str
    cuts: int
    milliseconds: float
    """Of the try that was answered."""


def book(port: int, token: str, slots: list[dict[str, Any]], results: Any, until: float) -> None:
    """Ask for each slot until it is answered, with one key, as an app does on a bad line; no new one after `until`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for slot in slots:
        if time.monotonic() > until:
            return
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept-Language": "en",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        status, answer, cuts, began = 0, {}, 0, 0.0
        for _ in range(TRIES):
            began = time.perf_counter()
            try:
                connection.request("POST", "/api/v1/bookings", json.dumps(slot), headers)
                response = connection.getresponse()
                status, answer = response.status, json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                status = 0
            if status and answer.get("code") != "request_in_progress":
                break
            cuts += 1
            time.sleep(PAUSE)
        took = (time.perf_counter() - began) * 1000
        results.put(Answer(status, answer.get("code", ""), answer.get("id", ""), cuts, took))
