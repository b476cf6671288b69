"""The legal seller behind one or several salons."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from backend.salons.models import Business
from backend.salons.operations.editing import in_both, lock_row, save_changes
from backend.salons.queries.managing import businesses_of


def new_business(values: Mapping[str, Any], *, now: datetime) -> Business:
    """A seller as it is about to be written: `name` and `address` in both languages, and its two numbers."""
    business = Business(created_at=now)
    for name, value in _columns(values).items():
        setattr(business, name, value)
    return business


def edit_business(
    *, owner: Any, business_id: uuid.UUID, version: int, changes: Mapping[str, Any]
) -> Business:
    """Change what `changes` names. Invoices already written keep what they say.

    Raises NotFound when `owner` owns none of its salons, or VersionConflict.
    """
    with transaction.atomic():
        # Its salons are locked by the database, in order of id, when their versions rise.
        business = lock_row(businesses_of(owner), business_id, version=version)
        save_changes(business, _columns(changes))
    return business


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in values.items():
        columns |= in_both(name, value) if name in ("name", "address") else {name: value}
    return columns
