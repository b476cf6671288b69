"""How fast one signed-in person may call: a brake on apps that run away, not a guard of anything secret.

Each process counts for itself, in memory: a row written for every read would cost more than most reads do. So whoever
is answered by several processes has as many times the calls, and a restart forgets. What guards money or codes is
counted in PostgreSQL (`core.limits`).
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta

from rest_framework.permissions import SAFE_METHODS

from backend.core.limits import Limit


@dataclass(slots=True)
class _Window:
    began_at: float
    taken: int


class Pace:
    """What each person has taken of one limit, in this process. Safe to share between threads.

    Windows that ended are dropped when the next one begins: what is kept is bounded by the requests of one window.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._seconds = limit.window.total_seconds()
        self._lock = threading.Lock()
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()
        """By person; the one that ends first comes first."""

    def take(self, person: Hashable) -> int:
        """Count one request. Returns 0 when it may pass, else the whole seconds until the window ends.

        A refused request is not counted, so asking again does not push the end away.
        """
        allowed = self.limit.allowed
        with self._lock:
            # The clock is read behind the lock, so that windows begin in the order in which they are kept.
            now = time.monotonic()
            window = self._windows.get(person)
            if window is None or now - window.began_at >= self._seconds:
                self._drop_ended(now)
                window = self._windows[person] = _Window(began_at=now, taken=0)
            if window.taken < allowed:
                window.taken += 1
                return 0
            return math.ceil(self._seconds - (now - window.began_at))

    def _drop_ended(self, now: float) -> None:
        while self._windows:
            person, window = next(iter(self._windows.items()))
            if now - window.began_at < self._seconds:
                return
            del self._windows[person]


READS = Pace(Limit("reads", most=120, window=timedelta(minutes=1)))
WRITES = Pace(Limit("writes", most=30, window=timedelta(minutes=1)))


def admit(person: Hashable, *, method: str) -> None:
    """Count one request of somebody signed in. Raises TooManyRequests."""
    pace = READS if method in SAFE_METHODS else WRITES
    if wait := pace.take(person):
        raise pace.limit.refusal(wait)
