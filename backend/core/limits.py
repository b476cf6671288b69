"""Rate limits that hold under parallel requests: one statement in PostgreSQL counts and refuses.

DRF's throttles read a cache, compute, and write back, so parallel requests slip through; these cannot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection


@dataclass(frozen=True)
class Limit:
    """At most `most` per `window`, counted from the first request. `scaled=False` ignores LIMITS_SCALE."""

    name: str
    most: int
    window: timedelta
    scaled: bool = True

    @property
    def allowed(self) -> int:
        return max(1, math.floor(self.most * settings.LIMITS_SCALE)) if self.scaled else self.most


def take(limit: Limit, subject: str, *, now: datetime) -> int:
    """Count one request of `subject`. Returns 0 when it may pass, else the whole seconds until the window ends.

    A refused request is not counted, so asking again does not push the end away. Run it in a transaction of its own
    (autocommit): a rollback must not undo a count.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_ratecount AS kept (key, window_started_at, taken) VALUES (%(key)s, %(now)s, 1)
            ON CONFLICT (key) DO UPDATE
               SET taken = CASE WHEN kept.window_started_at <= %(ended)s THEN 1 ELSE kept.taken + 1 END,
                   window_started_at =
                       CASE WHEN kept.window_started_at <= %(ended)s OR kept.taken = 0
                            THEN %(now)s ELSE kept.window_started_at END
             WHERE kept.window_started_at <= %(ended)s OR kept.taken < %(most)s
            RETURNING 0
            """,
            {
                "key": f"{limit.name}:{subject}",
                "now": now,
                "ended": now - limit.window,
                "most": limit.allowed,
            },
        )
        if cursor.fetchone():
            return 0
        cursor.execute(
            "SELECT window_started_at FROM core_ratecount WHERE key = %s", [f"{limit.name}:{subject}"]
        )
        row = cursor.fetchone()
    return max(1, math.ceil((row[0] + limit.window - now).total_seconds())) if row else 1


def give_back(limit: Limit, subject: str) -> None:
    """Undo one count: only after a clear refusal by whoever should have acted.

    A window whose counts were all given back begins anew with the next request.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_ratecount SET taken = taken - 1 WHERE key = %s AND taken > 0",
            [f"{limit.name}:{subject}"],
        )
