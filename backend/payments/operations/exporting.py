"""Taking lists away: nobody does so without a trace."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from backend.payments.models import ExportTaken


def note_export(
    *, sheet: str, file_type: str, from_date: date, to_date: date, taken_by: Any, now: datetime
) -> ExportTaken:
    """Write down who takes which list, before the first row leaves."""
    return ExportTaken.objects.create(
        sheet=sheet,
        file_type=file_type,
        from_date=from_date,
        to_date=to_date,
        taken_by=taken_by,
        taken_at=now,
    )
