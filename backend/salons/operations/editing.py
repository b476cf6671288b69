"""How every row of the catalogue is changed: its salon locked first, the version that was seen compared, one save."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet

from backend.core.errors import NotFound, VersionConflict
from backend.salons.models import Salon
from backend.salons.operations import indexing

Row = TypeVar("Row", bound=Model)


def lock_salon(salon: Salon) -> Salon:
    """The salon's row, locked until the transaction ends.

    Whoever changes the catalogue locks its salon before anything else, and whoever books holds it shared: a closure
    and a booking that meet queue here, so one of them always sees the other. Search learns of the change once it is
    committed.
    """
    transaction.on_commit(partial(indexing.refresh, salon.pk), robust=True)
    return Salon.objects.select_for_update(no_key=True).get(pk=salon.pk)


def lock_row(rows: QuerySet[Row], row_id: uuid.UUID, *, version: int) -> Row:
    """One of `rows`, locked, still at the version the caller saw. Raises NotFound or VersionConflict."""
    row = rows.select_for_update(no_key=True, of=("self",)).filter(pk=row_id).first()
    if row is None:
        raise NotFound
    if row.version != version:  # type: ignore[attr-defined]
        raise VersionConflict
    return row


def save_changes(row: Model, changes: Mapping[str, Any]) -> None:
    """Write `changes` to a locked row and raise its version; nothing to change changes nothing."""
    changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1  # type: ignore[attr-defined]
    row.save(update_fields=[*changed, "version"])


def in_both(field: str, texts: Mapping[str, str]) -> dict[str, str]:
    """A text in both languages as the columns that hold it: `{"ar", "en"}` becomes `name_ar` and `name_en`."""
    return {f"{field}_{language}": text for language, text in texts.items()}
