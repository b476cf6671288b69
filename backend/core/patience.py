"""How long whoever waits for our answer will wait: a budget that every call to another company stays within."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends: ContextVar[float | None] = ContextVar("patience_ends", default=None)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """For the length of the block, calls to other companies end within so many seconds from now, all together."""
    token = _ends.set(time.monotonic() + min(seconds, seconds_left()))
    try:
        yield
    finally:
        _ends.reset(token)


def seconds_left() -> float:
    """What remains of the caller's patience; without end where nobody set one."""
    ends = _ends.get()
    return float("inf") if ends is None else max(ends - time.monotonic(), 0.0)
