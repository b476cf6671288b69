"""What a salon's own lists share: how long they may get, their order, and how a row leaves them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Model, ProtectedError, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.core.errors import FieldError, Refused, ValidationFailed, VersionConflict
from backend.salons.operations.editing import save_changes

LAST_POSITION = 32_000
"""What the column holds, with some to spare. Rows at one position stand in the order they were added."""


class LimitReached(Refused):
    code = "limit_reached"
    message = _("No more can be added here: the limit is %(most)d.")


def refuse_more(rows: QuerySet[Any], *, most: int) -> None:
    """Raises LimitReached when `rows` are as many as there may be. Called under the salon's lock."""
    if rows.count() >= most:
        raise LimitReached(most=most)


def after_all(rows: QuerySet[Any]) -> int:
    """The position behind all of `rows`."""
    last: int | None = rows.aggregate(last=Max("position"))["last"]
    return 0 if last is None else min(last + 1, LAST_POSITION)


def own_ids(rows: QuerySet[Any], ids: Sequence[uuid.UUID], *, at: str) -> set[uuid.UUID]:
    """`ids` as a set, all of them among `rows`. Raises ValidationFailed pointing below `at` at each that is not."""
    known = set(rows.filter(pk__in=ids).values_list("pk", flat=True))
    wrong = [FieldError("not_found", pointer=f"{at}/{n}") for n, one in enumerate(ids) if one not in known]
    if wrong:
        raise ValidationFailed(wrong)
    return known


def save_row(row: Any, changes: Mapping[str, Any], *, touched: bool) -> None:
    """Write `changes`; a row whose relations alone were `touched` gets its new version too."""
    before = row.version
    save_changes(row, changes)
    if touched and row.version == before:
        row.version += 1
        row.save(update_fields=["version"])


def reorder(rows: QuerySet[Any], ids: Sequence[uuid.UUID], *, at: str) -> None:
    """Put `rows` in this order; the list names each of them once.

    Raises ValidationFailed pointing below `at` at an id that is not among them or named before, and VersionConflict
    when there are others: somebody has just added one.
    """
    own_ids(rows, ids, at=at)
    twice = [FieldError("invalid_choice", pointer=f"{at}/{n}") for n, one in enumerate(ids) if one in ids[:n]]
    if twice:
        raise ValidationFailed(twice)
    found = {row.pk: row for row in rows}
    if len(found) != len(ids):
        raise VersionConflict
    for position, one in enumerate(ids):
        found[one].position = position
    rows.model._default_manager.bulk_update(found.values(), ["position"])


def remove_or_switch_off(row: Model, *, along: QuerySet[Any] | None = None) -> bool:
    """Delete `row`, and before it the rows `along`; True when they are gone.

    What a booking points at stays for its history and is switched off instead. Called under the salon's lock, which
    a booking holds shared: none is being written meanwhile.
    """
    try:
        with transaction.atomic():
            if along is not None:
                along.delete()
            row.delete()
    except ProtectedError:
        if along is not None:
            along.filter(is_active=True).update(is_active=False, version=F("version") + 1)
        save_changes(row, {"is_active": False})
        return False
    return True
