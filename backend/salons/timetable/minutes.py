"""Absolute minutes, stretches of them, and the wall clock of a zone.

A moment is a whole number of minutes since 1970-01-01 00:00 UTC; a span of them is half-open.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

Span: TypeAlias = tuple[int, int]
"""A half-open stretch `[starts, ends)` of absolute minutes."""

DAY = timedelta(days=1)


@lru_cache(maxsize=1 << 14)
def instant(zone: ZoneInfo, day: date, minute: int) -> int:
    """The first moment the salon's wall clock shows `minute` minutes after midnight of `day`, or later.

    Where clocks go back, a time shown twice means its first showing, so hours across the change last longer.
    Where they go forward, every skipped time means the moment of the change, so hours lying in the gap vanish
    that day. A later wall time is therefore never an earlier moment. Zones are taken to be whole minutes from
    UTC, as all have been since 1972.
    """
    wall = datetime.combine(day, time.min) + timedelta(minutes=minute)
    shown = floor_minute(wall.replace(tzinfo=zone, fold=0))
    other = floor_minute(wall.replace(tzinfo=zone, fold=1))
    if other >= shown:
        return shown
    return other + bisect_left(range(other, shown), True, key=lambda at: _wall(zone, at) >= wall)


def date_of(zone: ZoneInfo, minute: int) -> date:
    """The calendar day a minute lies in, counted from midnight to midnight as `instant` does."""
    day = _wall(zone, minute).date()
    return day + DAY if minute >= instant(zone, day + DAY, 0) else day


def floor_minute(moment: datetime) -> int:
    """Turn an aware moment into an absolute minute, rounding down: for whatever begins."""
    return int(moment.timestamp() // 60)


def ceil_minute(moment: datetime) -> int:
    """Turn an aware moment into an absolute minute, rounding up: for whatever ends, and for `now`.

    A `now` rounded down would still offer a start that passed half a minute ago.
    """
    return int(-(-moment.timestamp() // 60))


def moment_of(minute: int) -> datetime:
    """Turn an absolute minute into an aware moment in UTC."""
    return datetime.fromtimestamp(minute * 60, UTC)


def _wall(zone: ZoneInfo, minute: int) -> datetime:
    return moment_of(minute).astimezone(zone).replace(tzinfo=None, fold=0)


def within(spans: Iterable[Span], minute: int) -> bool:
    return any(starts <= minute < ends for starts, ends in spans)


def meeting(spans: Iterable[Span], begins: int, ends: int) -> list[Span]:
    return [span for span in spans if span[0] < ends and begins < span[1]]


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same minutes as stretches in order, none of which touch."""
    joined: list[Span] = []
    for starts, ends in sorted(spans):
        if joined and starts <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        elif starts < ends:
            joined.append((starts, ends))
    return joined


def without(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """What is left of some stretches once others, in order and apart, are cut out."""
    left: list[Span] = []
    for starts, ends in spans:
        for cut_starts, cut_ends in taken:
            if cut_ends <= starts or ends <= cut_starts:
                continue
            if starts < cut_starts:
                left.append((starts, cut_starts))
            starts = cut_ends
        if starts < ends:
            left.append((starts, ends))
    return left
