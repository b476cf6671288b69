"""A salon's own words for what its customers are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from backend.bookings import messages
from backend.bookings.models import Wording
from backend.core.errors import NotFound
from backend.salons.models import Salon
from backend.salons.operations.editing import lock_salon


def set_wording(*, salon: Salon, kind: str, language: str, text: str, by: Any, now: datetime) -> Wording:
    """Put a kind of message in the salon's own words, with `{ref}` and the like for what is filled in.

    Raises NotFound for a kind or language that cannot be reworded, ValidationFailed for a text that may not be sent.
    """
    phrase = messages.REPHRASABLE.get(kind)
    if phrase is None or language not in ("ar", "en"):
        raise NotFound
    with transaction.atomic():
        salon = lock_salon(salon)
        text = messages.checked(text, phrase=phrase, salon=salon, language=language)
        row, _ = Wording.objects.update_or_create(
            salon=salon,
            kind=kind,
            language=language,
            defaults={"text": text, "changed_by": by, "changed_at": now},
        )
        _note(salon)
    return row


def drop_wording(*, salon: Salon, kind: str, language: str) -> None:
    """Go back to the words everybody has. Raises NotFound for a kind or language that cannot be reworded."""
    if kind not in messages.REPHRASABLE or language not in ("ar", "en"):
        raise NotFound
    with transaction.atomic():
        salon = lock_salon(salon)
        Wording.objects.filter(salon=salon, kind=kind, language=language).delete()
        _note(salon)


def _note(salon: Salon) -> None:
    salon.has_own_wordings = Wording.objects.filter(salon=salon).exists()
    salon.save(update_fields=["has_own_wordings"])
