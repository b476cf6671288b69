"""A load generator: keep-alive connections in one process, each with one request under way, round after round.

One process is enough to outrun a server on one core: it spends some 30 µs a request. Its share of its own core is
measured too; near 1 the figures would be its own and not the server's.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

CONNECTIONS = 8
PATIENCE = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One GET, repeated. `path` holds its query, percent-encoded."""

    name: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return 200

    def requests(self, port: int) -> Iterator[bytes]:
        return repeat(self._head("GET", port, {}) + b"\r\n")

    def _head(self, method: str, port: int, more: Mapping[str, str]) -> bytes:
        headers = {"Host": f"127.0.0.1:{port}", "Accept": "application/json", "Accept-Language": "ar"}
        lines = [
            f"{method} {self.path} HTTP/1.1",
            *(f"{k}: {v}" for k, v in (headers | dict(self.headers) | dict(more)).items()),
        ]
        return ("\r\n".join(lines) + "\r\n").encode()


@dataclass(frozen=True)
class Creates(Case):
    """POSTs, each with headers and a JSON body that were not sent before."""

    sent: Iterator[tuple[Mapping[str, str], Any]] = field(default_factory=lambda: iter(()))

    @property
    def status(self) -> int:
        return 201

    def requests(self, port: int) -> Iterator[bytes]:
        for headers, body in self.sent:
            content = json.dumps(body).encode()
            more = {"Content-Type": "application/json", "Content-Length": str(len(content))} | dict(headers)
            yield self._head("POST", port, more) + b"\r\n" + content
        raise SystemExit(f"{self.name}: nothing is left to ask for")


@dataclass(frozen=True)
class Round:
    """What one case did in one round: requests/s, milliseconds, and how busy the generator was (0 to 1)."""

    rate: float
    median_ms: float
    p99_ms: float
    own_share: float


@dataclass(frozen=True)
class Figures:
    """Medians of the rounds of one case."""

    rate: float
    median_ms: float
    p99_ms: float
    own_share: float

    @property
    def microseconds(self) -> float:
        """Of the server's one core, per request."""
        return 1e6 / self.rate


def interleaved(port: int, cases: Sequence[Case], *, rounds: int, seconds: float) -> list[Figures]:
    """The figures of each case, the cases taking turns, every second round in reverse."""
    for case in cases:
        burst(port, case, seconds=min(seconds, 0.5))  # warms caches and connections
    found: list[list[Round]] = [[] for _ in cases]
    for number in range(rounds):
        order = range(len(cases)) if number % 2 == 0 else reversed(range(len(cases)))
        for index in order:
            found[index].append(burst(port, cases[index], seconds=seconds))
    return [
        Figures(
            rate=statistics.median(r.rate for r in done),
            median_ms=statistics.median(r.median_ms for r in done),
            p99_ms=statistics.median(r.p99_ms for r in done),
            own_share=statistics.median(r.own_share for r in done),
        )
        for done in found
    ]


def burst(port: int, case: Case, *, seconds: float, most: int = 200_000) -> Round:
    """Ask for `seconds`, or `most` times. Raises SystemExit for any other answer than the case's, or an empty one."""
    requests = case.requests(port)
    selector = selectors.DefaultSelector()
    times: list[float] = []
    clock = time.perf_counter
    try:
        for _ in range(CONNECTIONS):
            link = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(link, selectors.EVENT_READ, [clock(), b""])
        began, worked = clock(), time.process_time()
        until = began + seconds
        for key in selector.get_map().values():
            key.data[0] = clock()
            key.fileobj.sendall(next(requests))  # type: ignore[union-attr]
        open_links = CONNECTIONS
        while open_links:
            ready = selector.select(PATIENCE)
            if not ready:
                raise SystemExit(f"{case.name}: no answer within {PATIENCE:.0f} s")
            for key, _ in ready:
                link, state = key.fileobj, key.data
                got = link.recv(1 << 18)  # type: ignore[union-attr]
                if not got:
                    raise SystemExit(f"{case.name}: the server hung up")
                answer = state[1] + got
                if not _complete(answer, case):
                    state[1] = answer
                    continue
                now = clock()
                times.append(now - state[0])
                if now >= until or len(times) >= most:
                    selector.unregister(link)
                    link.close()  # type: ignore[union-attr]
                    open_links -= 1
                    continue
                state[0], state[1] = now, b""
                link.sendall(next(requests))  # type: ignore[union-attr]
        took, worked = clock() - began, time.process_time() - worked
    finally:
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        selector.close()
    times.sort()
    return Round(
        rate=len(times) / took,
        median_ms=statistics.median(times) * 1000,
        p99_ms=times[min(len(times) - 1, len(times) * 99 // 100)] * 1000,
        own_share=worked / took,
    )


def _complete(answer: bytes, case: Case) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(answer, 0, end)
    if not answer.startswith(b"HTTP/1.1 %d " % case.status) or length is None or length.group(1) == b"0":
        raise SystemExit(f"{case.name}: {case.path} was answered\n{answer[:1500].decode(errors='replace')}")
    return len(answer) >= end + 4 + int(length.group(1))
