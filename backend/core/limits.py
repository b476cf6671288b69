"""Rate limits that hold under parallel requests: one statement in PostgreSQL counts, and what is too much is undone.

DRF's throttles read a cache, compute, and write back, so parallel requests slip through; these cannot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from backend.core.errors import TooManyRequests
from backend.core.models import RateCount


@dataclass(frozen=True)
class Limit:
    """At most `most` per `window`, counted from the first request. `scaled=False` ignores LIMITS_SCALE.

    Two limits of one name share their counts.
    """

    name: str
    most: int
    window: timedelta
    scaled: bool = True

    @property
    def allowed(self) -> int:
        return max(1, math.floor(self.most * settings.LIMITS_SCALE)) if self.scaled else self.most

    def headers(self, *, left: int, resets_in: int) -> dict[str, str]:
        """Informative headers of an answer (IETF draft-ietf-httpapi-ratelimit-headers); seconds."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.allowed};w={int(self.window.total_seconds())}',
            "RateLimit": f'"{self.name}";r={left};t={resets_in}',
        }

    def refusal(
        self, wait: int, kind: type[TooManyRequests] = TooManyRequests, **params: int
    ) -> TooManyRequests:
        """What to raise when nothing is left for `wait` more seconds; `params` are the numbers in its message."""
        return kind(retry_after=wait, headers=self.headers(left=0, resets_in=wait), **params)


@dataclass(frozen=True)
class Count:
    """One limit applied to one subject, such as a phone; `amount` is how much a request weighs."""

    limit: Limit
    subject: str
    amount: int = 1

    @property
    def key(self) -> str:
        return f"{self.limit.name}:{self.subject}"


@dataclass(frozen=True)
class Refusal:
    count: Count
    retry_after: int
    """Whole seconds until the window ends."""


def take_all(counts: Sequence[Count], *, now: datetime) -> Refusal | None:
    """Take every count or none; the refusal with the longest wait when one of them is used up.

    A refused request is not counted, so asking again does not push the end away. The counts are committed at
    once: inside a transaction, whose rollback would undo them, this raises RuntimeError.
    """
    # One order for everybody, so that parallel requests queue and never deadlock.
    by_key = {count.key: count for count in sorted(counts, key=lambda count: count.key)}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_ratecount AS kept (key, ends_at, taken)
            SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::int[])
            ON CONFLICT (key) DO UPDATE
               SET taken = CASE WHEN kept.ends_at <= %s THEN excluded.taken ELSE kept.taken + excluded.taken END,
                   ends_at = CASE WHEN kept.ends_at <= %s OR kept.taken = 0 THEN excluded.ends_at
                                  ELSE kept.ends_at END
            RETURNING key, ends_at, taken
            """,
            [
                list(by_key),
                [now + count.limit.window for count in by_key.values()],
                [count.amount for count in by_key.values()],
                now,
                now,
            ],
        )
        refusals = [
            Refusal(count=by_key[key], retry_after=_seconds(ends_at, now))
            for key, ends_at, taken in cursor.fetchall()
            if taken > by_key[key].limit.allowed
        ]
        if refusals:
            transaction.set_rollback(True)
    return max(refusals, key=lambda refusal: refusal.retry_after, default=None)


def used_up(counts: Sequence[Count], *, now: datetime) -> Refusal | None:
    """What `take_all` would refuse, by reading alone: under an attack a refusal costs no write and no lock."""
    by_key = {count.key: count for count in counts}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, ends_at, taken FROM core_ratecount WHERE key = ANY(%s) AND ends_at > %s",
            [list(by_key), now],
        )
        refusals = [
            Refusal(count=by_key[key], retry_after=_seconds(ends_at, now))
            for key, ends_at, taken in cursor.fetchall()
            if taken + by_key[key].amount > by_key[key].limit.allowed
        ]
    return max(refusals, key=lambda refusal: refusal.retry_after, default=None)


def take(limit: Limit, subject: str, *, now: datetime, amount: int = 1) -> int:
    """Count one request of `subject`. Returns 0 when it may pass, else the whole seconds until the window ends."""
    refusal = take_all([Count(limit, subject, amount)], now=now)
    return refusal.retry_after if refusal else 0


def take_here(limit: Limit, subject: str, *, now: datetime) -> int:
    """Count one request of `subject` in the caller's transaction: what undoes the act undoes the count.

    Others of the same subject wait until that transaction ends. Returns 0 when it may pass, else the whole seconds
    until the window ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_ratecount AS kept (key, ends_at, taken) VALUES (%s, %s, 1)
            ON CONFLICT (key) DO UPDATE
               SET taken = CASE WHEN kept.ends_at <= %s THEN 1 ELSE least(kept.taken, %s) + 1 END,
                   ends_at = CASE WHEN kept.ends_at <= %s THEN excluded.ends_at ELSE kept.ends_at END
            RETURNING ends_at, taken
            """,
            [f"{limit.name}:{subject}", now + limit.window, now, limit.allowed, now],
        )
        ends_at, taken = cursor.fetchone()
    return _seconds(ends_at, now) if taken > limit.allowed else 0


def give_back(limit: Limit, subject: str, amount: int = 1) -> None:
    """Undo one count: only after a clear refusal by whoever should have acted, or when it proved to be honest.

    A window whose counts were all given back begins anew with the next request.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_ratecount SET taken = greatest(taken - %s, 0) WHERE key = %s AND taken > 0",
            [amount, f"{limit.name}:{subject}"],
        )


def left(limit: Limit, subject: str, *, now: datetime) -> tuple[int, int]:
    """What may still be taken, and in how many whole seconds it is everything again."""
    row = RateCount.objects.filter(key=f"{limit.name}:{subject}", ends_at__gt=now).first()
    if row is None or row.taken == 0:
        return limit.allowed, int(limit.window.total_seconds())
    return max(0, limit.allowed - row.taken), _seconds(row.ends_at, now)


def _seconds(ends_at: datetime, now: datetime) -> int:
    return max(1, math.ceil((ends_at - now).total_seconds()))
