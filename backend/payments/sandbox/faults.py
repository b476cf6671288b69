"""Bad days on order: faults wait in a queue until a call of the right method and path comes along."""

from __future__ import annotations

import fnmatch
import re
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from backend.payments.sandbox.errors import invalid

# Whether the call is carried out before the answer goes wrong, unless the order says otherwise.
KINDS = {
    "latency": True,  # waits `seconds`, then answers properly
    "status": False,  # answers `status` with an error body
    "drop": False,  # hangs up without a word
    "malformed": True,  # the right status, JSON that breaks off, the length to match
    "cut": True,  # announces more bytes than it sends, then hangs up
    "html": False,  # 403 with a page, as the CDN does
    "timeout_after_acting": True,  # carries the call out, keeps silent for `seconds`, hangs up
}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass
class Fault:
    kind: str
    method: str
    path: str
    count: int
    seconds: float
    status: int
    acts: bool


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []

    def add(self, order: object) -> None:
        """`path` is a shell pattern below /v1, such as `/payments/*/refund`; `*` also spans slashes."""
        if not isinstance(order, dict):
            raise invalid(fault="is not an object")
        kind = order.get("kind")
        if kind not in KINDS:
            raise invalid(kind="must be one of " + ", ".join(KINDS))
        try:
            fault = Fault(
                kind=kind,
                method=str(order.get("method", "*")).upper(),
                path=str(order.get("path", "*")),
                count=int(order.get("count", 1)),
                seconds=float(order.get("seconds", 1 if kind == "latency" else 60)),
                status=int(order.get("status", 500)),
                acts=bool(order.get("acts", KINDS[kind])),
            )
        except (TypeError, ValueError):
            raise invalid(fault="holds a wrong number") from None
        if not 400 <= fault.status <= 599 or fault.count < 1 or fault.seconds < 0:
            raise invalid(fault="holds a wrong number")
        with self._lock:
            self._queue.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The oldest fault that fits this call; it is used up after `count` calls."""
        with self._lock:
            for fault in self._queue:
                if fnmatch.fnmatchcase(method, fault.method) and fnmatch.fnmatchcase(path, fault.path):
                    fault.count -= 1
                    if fault.count == 0:
                        self._queue.remove(fault)
                    return fault
        return None

    def waiting(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._queue]

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()


class Calls:
    """How often each operation was called since the start, and what came of it: proof of "never twice"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._paths: Counter[str] = Counter()
        self._carried_out: Counter[str] = Counter()

    def arrived(self, method: str, path: str) -> None:
        with self._lock:
            self._counts[self._template(method, path)] += 1
            self._paths[f"{method} {path}"] += 1

    def carried_out(self, method: str, path: str, status: int) -> None:
        """`status` is what the operation came to, whatever a fault then made of the answer."""
        with self._lock:
            self._carried_out[f"{self._template(method, path)} {status}"] += 1

    def overview(self) -> dict[str, Any]:
        with self._lock:
            return {
                "total": sum(self._counts.values()),
                "counts": dict(self._counts),
                "carried_out": dict(self._carried_out),
                "paths": dict(self._paths),
            }

    def clear(self) -> None:
        with self._lock:
            for counter in (self._counts, self._paths, self._carried_out):
                counter.clear()

    @staticmethod
    def _template(method: str, path: str) -> str:
        return f"{method} {re.sub(r'/token_[^/]+', '/{id}', _UUID.sub('{id}', path))}"
