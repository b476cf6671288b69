"""One customer in a process of their own. A module apart, so that such a process loads nothing it does not need."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from dataclasses import dataclass
from threading import BrokenBarrierError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier, Event

PATIENCE = 60.0
"""Seconds that processes wait for each other, and for one answer."""


Ask = tuple[str, dict[str, Any]]
"""A path below /api/v1 and the body that is posted there."""


@dataclass(frozen=True)
class Outcome:
    round: int
    status: int
    code: str
    milliseconds: float


def customer(port: int, token: str, asks: list[Ask], barrier: Barrier, results: Any, over: Event) -> None:
    """Ask for one thing after another, each at the same moment as everybody else, on a connection already open.

    Ends after the last one, or with the first round in which somebody finds that it is `over`.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept-Language": "en",
    }
    for number, (path, body) in enumerate(asks):
        if connection.sock is None:
            connection.connect()
        headers["Idempotency-Key"] = str(uuid.uuid4())
        try:
            if over.is_set():
                barrier.abort()
            barrier.wait(PATIENCE)
        except BrokenBarrierError:
            return
        began = time.perf_counter()
        try:
            connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
            response = connection.getresponse()
            status, answer = response.status, json.loads(response.read())
            code = answer.get("code", "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            status, code = 0, type(error).__name__
        results.put(Outcome(number, status, code, (time.perf_counter() - began) * 1000))
