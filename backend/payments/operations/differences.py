"""What finance does about a difference: takes it, writes about it, answers for it. Each act has a name and a time."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from backend.core.errors import NotFound, VersionConflict
from backend.payments.models import Difference, DifferenceAct, DifferenceEvent, DifferenceState
from backend.payments.refusals import DifferenceClosed


def take_difference(*, difference_id: uuid.UUID, version: int, by: Any, now: datetime) -> Difference:
    """Become the one who looks into it, also in somebody else's place. Who has it already keeps it, silently.

    Raises NotFound, VersionConflict, DifferenceClosed.
    """
    with transaction.atomic():
        row = _open(difference_id)
        if row.owner_id == by.pk:
            return row
        _at_version(row, version)
        row.owner = by
        return _save(row, DifferenceAct.TAKEN, by=by, now=now)


def note_difference(
    *, difference_id: uuid.UUID, version: int, note: str, by: Any, now: datetime
) -> Difference:
    """Write down what was found out so far; earlier notes stay in the history.

    Raises NotFound, VersionConflict, DifferenceClosed.
    """
    with transaction.atomic():
        row = _open(difference_id)
        _at_version(row, version)
        row.note = note
        return _save(row, DifferenceAct.NOTED, by=by, now=now)


def resolve_difference(
    *, difference_id: uuid.UUID, version: int, resolution: str, note: str, by: Any, now: datetime
) -> Difference:
    """Answer for a difference. It stays answered for as long as later runs find it as it is now.

    `explained`: nothing is wrong. `corrected`: put right by hand. `claimed`: somebody else has to put it right.
    `written_off`: the loss is ours. Raises NotFound, VersionConflict, DifferenceClosed.
    """
    with transaction.atomic():
        row = _open(difference_id)
        _at_version(row, version)
        row.state, row.closed_at = DifferenceState.RESOLVED, now
        row.resolution, row.note, row.resolved_by = resolution, note, by
        if row.owner_id is None:
            row.owner = by
        return _save(row, DifferenceAct.RESOLVED, by=by, now=now)


def _open(difference_id: uuid.UUID) -> Difference:
    row = (
        Difference.objects.select_for_update(no_key=True, of=("self",))
        .select_related("owner", "resolved_by", "settlement")
        .filter(pk=difference_id)
        .first()
    )
    if row is None:
        raise NotFound
    if row.state != DifferenceState.OPEN:
        raise DifferenceClosed
    return row


def _at_version(row: Difference, version: int) -> None:
    if row.version != version:
        raise VersionConflict


def _save(row: Difference, act: DifferenceAct, *, by: Any, now: datetime) -> Difference:
    row.version += 1
    row.save()
    DifferenceEvent.objects.create(
        difference=row,
        act=act,
        resolution=row.resolution,
        note="" if act == DifferenceAct.TAKEN else row.note,
        by=by,
        at=now,
    )
    return row
