"""The parts of a visit in time: what it may touch, who serves it, and which time it takes on whose calendar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Generic

from backend.bookings.availability.wishes import Step
from backend.salons.timetable import Id, Span

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison


def offsets(steps: Sequence[Step[Id]]) -> list[int]:
    """Minutes from the start of the visit to the start of each step."""
    return list(accumulate((step.duration for step in steps[:-1]), initial=0))


def reach(steps: Sequence[Step[Id]], starts: Span) -> Span:
    """The minutes that can matter to starts within a span: nothing outside it need be fetched."""
    timed = list(zip(steps, offsets(steps), strict=True))
    lead = max(0, *(step.buffer_before - offset for step, offset in timed))
    trail = max(offset + step.duration + step.buffer_after for step, offset in timed)
    return starts[0] - lead, starts[1] - 1 + trail


def choose(
    able: Sequence[Sequence[Sequence[Id]]], rank: Callable[[Id], SupportsRichComparison] | None = None
) -> tuple[tuple[Id, ...], ...]:
    """Pick one candidate for each need of each step of an offered slot.

    The lowest rank wins each need. Among equals the customer changes hands, and rooms, as seldom as possible, and
    then the one listed first is taken.
    """
    chosen: list[list[Id | None]] = [[None] * len(needs) for needs in able]
    running: list[_Run[Id]] = []
    for number, needs in enumerate(able):
        going_on: list[_Run[Id]] = []
        for position, candidates in enumerate(needs):
            best = list(candidates) if rank is None else _lowest(candidates, rank)
            run = next((run for run in running if run.shared(best)), None)
            if run is None:
                run = _Run(best)
            else:
                running.remove(run)
                run.candidates = run.shared(best)
            run.places.append((number, position))
            going_on.append(run)
        for run in running:
            run.settle(chosen)
        running = going_on
    for run in running:
        run.settle(chosen)
    return tuple(tuple(one for one in step if one is not None) for step in chosen)


def claims(steps: Sequence[Step[Id]], chosen: Sequence[Sequence[Id]], start: int) -> list[tuple[Id, Span]]:
    """Say which time the visit takes on which calendar, buffers included, in order of time.

    `chosen` names one candidate for each need of each step. Claims of one calendar that touch or overlap become one,
    because a booking cannot stand in its own way; a processing gap stays free on the staff member's.
    """
    merged: dict[Id, list[Span]] = {}
    for step, offset, takers in zip(steps, offsets(steps), chosen, strict=True):
        for need, taker in zip(step.needs, takers, strict=True):
            for begins, ends in step.held(need.kind):
                _add(merged.setdefault(taker, []), start + offset + begins, start + offset + ends)
    taken = [(taker, span) for taker, spans in merged.items() for span in spans]
    return sorted(taken, key=lambda claim: claim[1])


@dataclass(eq=False)
class _Run(Generic[Id]):
    """Needs of steps in a row that one and the same candidate can serve."""

    candidates: list[Id]
    places: list[tuple[int, int]] = field(default_factory=list)

    def shared(self, others: Sequence[Id]) -> list[Id]:
        return [candidate for candidate in self.candidates if candidate in others]

    def settle(self, chosen: list[list[Id | None]]) -> None:
        for number, position in self.places:
            chosen[number][position] = self.candidates[0]


def _add(spans: list[Span], begins: int, ends: int) -> None:
    apart = []
    for span in spans:
        if span[1] < begins or ends < span[0]:
            apart.append(span)
        else:
            begins, ends = min(begins, span[0]), max(ends, span[1])
    spans[:] = [*apart, (begins, ends)]


def _lowest(candidates: Sequence[Id], rank: Callable[[Id], SupportsRichComparison]) -> list[Id]:
    ranks = {candidate: rank(candidate) for candidate in candidates}
    lowest = min(ranks.values())
    return [candidate for candidate in candidates if ranks[candidate] == lowest]
