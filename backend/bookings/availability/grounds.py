"""Starts under study, and what a salon's timetable says of them.

A set of starts is a Python integer whose bit `i` stands for the `i`-th start under study, so that a month of half
hours is some 700 bits and combining two sets takes less than a tenth of a microsecond. A rule about stretches of
time becomes a set by looking up, for each stretch, the first and last start it refuses.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from math import gcd
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from backend.salons.timetable import Id, Span, Timetable, instant

_KEPT_GROUNDS = 1024
"""Of all rulebooks together. A day of half hours takes some ten kilobytes, a month a hundred and more."""
_KEPT_ANSWERS = 512
_MARGIN = 24 * 60
_MOST_CELLS = 1 << 13

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Standing:
    """The starts at which a visit of some length breaks the salon's own rules; see `Reason` for each."""

    closed: int
    outside_hours: int
    in_pause: int


class Ground(Generic[Id]):
    """Some starts in order of time, each with the business date it counts for.

    What the timetable says of them is worked out when first asked and then kept.
    """

    def __init__(self, timetable: Timetable[Id], grid: int, starts: Sequence[int]) -> None:
        self.timetable = timetable
        self.starts = starts
        self.everything = (1 << len(starts)) - 1
        self.dates: list[date] = []
        self.off_grid = 0
        self._on_days_off = 0
        self._standing: dict[tuple[int, bool], Standing] = {}
        self._present: dict[tuple[Id, int, int], int] = {}
        openings = timetable.hours_between(starts[0], starts[-1] + 1) if starts else []
        ends = [opening.ends for opening in openings]
        self._divide()
        for index, start in enumerate(starts):
            following = bisect_right(ends, start)
            if following < len(openings) and openings[following].starts <= start:
                self.dates.append(openings[following].business_date)
                self.off_grid |= ((start - openings[following].opened) % grid > 0) << index
            else:
                self.dates.append(timetable.business_date(start))
                self._on_days_off |= (not timetable.has_hours(self.dates[index])) << index

    def _divide(self) -> None:
        """Cut time into cells that starts can only begin, and count the starts passed with each.

        Most of a question's time goes into finding the first and last start a claim refuses, and a division is
        three times quicker than a search. Claims that reach far, and starts that share no step, are searched for.
        """
        starts = self.starts
        self._cell = gcd(*(start - starts[0] for start in starts)) or 1
        margin = -(-_MARGIN // self._cell) * self._cell
        self._origin = starts[0] - margin if starts else 0
        cells = (starts[-1] + margin - self._origin) // self._cell + 1 if len(starts) > 1 else 0
        self._passed = (
            [bisect_right(starts, self._origin + number * self._cell) for number in range(cells)]
            if cells <= _MOST_CELLS
            else []
        )

    def before(self, minute: int) -> int:
        """The starts earlier than a minute."""
        return (1 << bisect_left(self.starts, minute)) - 1

    def up_to(self, day: date) -> int:
        """The starts that count for a business date or an earlier one."""
        return (1 << bisect_right(self.dates, day)) - 1

    def on(self, days: Collection[date]) -> int:
        """The starts that count for one of these business dates."""
        bits = 0
        for day in days:
            bits |= (1 << bisect_right(self.dates, day)) - (1 << bisect_left(self.dates, day))
        return bits

    def meeting(self, spans: Iterable[Span], begins: int, ends: int) -> int:
        """The starts for which the minutes from `begins` to `ends` after them meet one of the spans."""
        starts, passed, cell = self.starts, self._passed, self._cell
        earliest, latest = self._origin + ends, self._origin + begins + 1
        limit = latest - 1 + len(passed) * cell
        bits = 0
        for span_starts, span_ends in spans:
            if earliest <= span_starts < span_ends <= limit:
                first = passed[(span_starts - earliest) // cell]
                after = passed[(span_ends - latest) // cell]
            elif span_starts < span_ends:
                first = bisect_right(starts, span_starts - ends)
                after = bisect_left(starts, span_ends - begins)
            else:
                continue
            bits |= ((1 << after - first) - 1) << first
        return bits

    def standing(self, duration: int, *, is_let: bool = False) -> Standing:
        """What the salon's own rules say of a visit of so many minutes, or of what is let for as long."""
        known = self._standing.get((duration, is_let))
        if known is None:
            table, first = self.timetable, 1 if self.timetable.services_may_span_pauses else duration
            outside = (
                self._shut_at_an_end(duration) if is_let else self._at_odds(table.outside_hours, 0, duration)
            )
            known = Standing(
                closed=self._on_days_off | self._at_odds(table.closed, 0, duration),
                outside_hours=outside & ~self._on_days_off,
                in_pause=0 if is_let else self._at_odds(table.pauses, 0, first),
            )
            _keep(self._standing, (duration, is_let), known)
        return known

    def _shut_at_an_end(self, duration: int) -> int:
        """The starts at which the salon is shut then or so many minutes later; its opening and closing are open."""
        shut = [self._at_odds(self.timetable.outside_hours, at, at + 1) for at in (0, duration - 1, duration)]
        return shut[0] | (shut[1] & shut[2])

    def present(self, who: Id, begins: int, ends: int) -> int:
        """The starts for which `who` is at work all the time from `begins` to `ends` minutes after them."""
        known = self._present.get((who, begins, ends))
        if known is None:
            absent = self._at_odds(partial(self.timetable.absences, who), begins, ends)
            known = self.everything & ~absent
            _keep(self._present, (who, begins, ends), known)
        return known

    def _at_odds(self, spans: Callable[[int, int], Sequence[Span]], begins: int, ends: int) -> int:
        if not self.starts:
            return 0
        return self.meeting(spans(self.starts[0] + begins, self.starts[-1] + ends), begins, ends)


class Grounds(Generic[Id]):
    """The grounds of one rulebook; those of whole days are kept a while. Safe to share between threads."""

    def __init__(self, timetable: Timetable[Id], grid: int) -> None:
        self.timetable = timetable
        self.grid = grid

    @lru_cache(maxsize=_KEPT_GROUNDS)  # noqa: B019 (for all salons together, the least asked about goes first)
    def days(self, from_date: date, days: int) -> Ground[Id]:
        """Every step of the grid on some calendar days in the salon's zone."""
        return self._ground(
            tuple(self._steps(starts_on(self.timetable.zone, from_date=from_date, days=days)))
        )

    def minute(self, start: int) -> Ground[Id]:
        """One minute by itself, on the grid or not."""
        return self._ground((start,))

    def _ground(self, starts: Sequence[int]) -> Ground[Id]:
        return Ground(self.timetable, self.grid, starts)

    def _steps(self, within: Span) -> Iterator[int]:
        for opening in self.timetable.hours_between(*within):
            first = max(opening.starts, within[0])
            passed = -(-(first - opening.opened) // self.grid)
            yield from range(opening.opened + passed * self.grid, min(opening.ends, within[1]), self.grid)


def starts_on(zone: ZoneInfo, *, from_date: date, days: int) -> Span:
    """The absolute minutes of some calendar days in the salon's zone, whatever their clocks do."""
    return instant(zone, from_date, 0), instant(zone, from_date + timedelta(days=days), 0)


def _keep(kept: dict[Key, Value], key: Key, value: Value) -> None:
    """Remember an answer, and forget all others when there are too many."""
    if len(kept) >= _KEPT_ANSWERS:
        kept.clear()
    kept[key] = value
