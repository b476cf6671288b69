"""A salon's standing: one table of moves, each of them recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from backend.core.errors import Conflict, Refused, VersionConflict
from backend.salons.models import Salon, SalonEvent, SalonStatus
from backend.salons.operations.editing import lock_salon, save_changes
from backend.salons.queries.managing import missing_of

Verb = Literal["submit", "send_back", "approve", "suspend", "reinstate"]


@dataclass(frozen=True)
class Move:
    before: SalonStatus
    after: SalonStatus
    needs_reason: bool = False


MOVES: Mapping[Verb, Move] = {
    "submit": Move(SalonStatus.DRAFT, SalonStatus.IN_REVIEW),
    "send_back": Move(SalonStatus.IN_REVIEW, SalonStatus.DRAFT, needs_reason=True),
    "approve": Move(SalonStatus.IN_REVIEW, SalonStatus.LIVE),
    "suspend": Move(SalonStatus.LIVE, SalonStatus.SUSPENDED, needs_reason=True),
    "reinstate": Move(SalonStatus.SUSPENDED, SalonStatus.LIVE),
}


class SalonCannotChangeStatus(Conflict):
    code = "salon_cannot_change_status"
    message = _("This cannot be done from its present status.")


class SalonIncomplete(Refused):
    code = "salon_incomplete"
    message = _("The salon's profile is not complete yet.")


class ReasonRequired(Refused):
    code = "reason_required"
    message = _("A reason is needed.")
    client = "fix"


def submit(*, salon: Salon, owner: Any, version: int, now: datetime) -> Salon:
    """Hand a complete draft to the platform for review.

    Raises VersionConflict, SalonCannotChangeStatus, or SalonIncomplete naming what is `missing`.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        if salon.status == MOVES["submit"].before and (missing := missing_of(salon)):
            raise SalonIncomplete(missing=missing)
        return move(salon=salon, verb="submit", actor=owner, version=version, now=now)


def move(
    *, salon: Salon, verb: Verb, actor: Any, now: datetime, reason: str = "", version: int | None = None
) -> Salon:
    """Move a salon along the table, and write down who did, when and why.

    What was promised stays: nobody's booking is touched by a suspension. `version` is what the caller saw, or None.
    Raises VersionConflict, SalonCannotChangeStatus or ReasonRequired.
    """
    step = MOVES[verb]
    if step.needs_reason and not reason:
        raise ReasonRequired
    with transaction.atomic():
        salon = lock_salon(salon)
        if version not in (None, salon.version):
            raise VersionConflict
        if salon.status != step.before:
            raise SalonCannotChangeStatus
        save_changes(salon, {"status": step.after})
        SalonEvent.objects.create(
            salon=salon,
            from_status=step.before,
            to_status=step.after,
            actor=actor,
            reason=reason[:300],
            at=now,
        )
    return salon


def verb_between(before: str, after: str) -> Verb | None:
    """The move from one status to another, or None."""
    return next((verb for verb, step in MOVES.items() if (step.before, step.after) == (before, after)), None)
