"""Standing: what missed visits and late cancellations ask of whoever books again (ADR 0023).

The module is pure: it reads no clock, no database and no settings. Nothing it works out is stored, so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backend.core.money import percentage


class MarkKind(StrEnum):
    NO_SHOW = "no_show"
    LATE_CANCELLATION = "late_cancellation"


class MarkStatus(StrEnum):
    """`pending` may still be objected to, `disputed` waits for the salon's answer: neither counts."""

    PENDING = "pending"
    DISPUTED = "disputed"
    COUNTS = "counts"
    FORGIVEN = "forgiven"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Policy:
    """A business's rules: `steps` are least deposits in percent, of one mark, of two and so on; none falls."""

    steps: tuple[int, ...]
    days: int
    no_show_marks: int
    late_cancel_marks: int

    def marks_of(self, kind: MarkKind) -> int:
        return self.no_show_marks if kind is MarkKind.NO_SHOW else self.late_cancel_marks

    def percent(self, marks: int) -> int:
        """The least deposit with so many marks."""
        return self.steps[min(marks, len(self.steps)) - 1] if marks and self.steps else 0


@dataclass(frozen=True)
class Mark:
    """One visit that was missed or cancelled late.

    It counts from `counts_from`, None while an objection waits for its answer, and for the policy's days from
    `visit_at`, the start that was booked; never while it is forgiven.
    """

    kind: MarkKind
    visit_at: datetime
    counts_from: datetime | None
    is_forgiven: bool = False

    def counts_until(self, policy: Policy) -> datetime:
        return self.visit_at + timedelta(days=policy.days)

    def status(self, policy: Policy, *, at: datetime) -> MarkStatus:
        if at >= self.counts_until(policy):
            return MarkStatus.EXPIRED
        if self.is_forgiven:
            return MarkStatus.FORGIVEN
        if self.counts_from is None:
            return MarkStatus.DISPUTED
        return MarkStatus.COUNTS if self.counts_from <= at else MarkStatus.PENDING


@dataclass(frozen=True)
class Standing:
    """How somebody stands with a business: marks that count, and the least deposit in percent of the price.

    `until` is when that percentage is next lower if nothing is added; None where there is nothing to lower.
    """

    marks: int
    percent: int
    until: datetime | None

    def deposit_of(self, price_minor: int, usual_minor: int) -> int:
        """The deposit asked of a visit that usually asks `usual_minor`: never less, never more than the price."""
        return max(usual_minor, percentage(price_minor, self.percent))


USUAL = Standing(marks=0, percent=0, until=None)
"""Nothing that counts."""


def standing(marks: Iterable[Mark], policy: Policy, *, at: datetime) -> Standing:
    """How these marks stand under a policy at a moment."""
    known = tuple(marks)
    count = _counted(known, policy, at)
    percent = policy.percent(count)
    ends = sorted({mark.counts_until(policy) for mark in known})
    lower = (end for end in ends if end > at and policy.percent(_counted(known, policy, end)) < percent)
    return Standing(marks=count, percent=percent, until=next(lower, None))


def _counted(marks: Sequence[Mark], policy: Policy, at: datetime) -> int:
    return sum(
        policy.marks_of(mark.kind) for mark in marks if mark.status(policy, at=at) is MarkStatus.COUNTS
    )
