"""Salons somebody keeps at hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from backend.core.errors import Refused
from backend.salons.models import Favourite, Salon
from backend.salons.operations.people import lock_person
from backend.salons.queries import salon_lookup
from backend.salons.queries.favourites import favourites_of

MOST_FAVOURITES = 500
"""Far more than anybody scrolls through: it bounds what one account can store."""


class FavouritesFull(Refused):
    code = "favourites_full"
    message = _("At most %(most)d salons can be kept as favourites.")


def keep_favourite(*, user: Any, salon: Salon, now: datetime) -> None:
    """Keep a salon at hand; keeping it again changes nothing. Raises FavouritesFull, SessionRevoked."""
    with transaction.atomic():
        lock_person(user)
        if favourites_of(user).filter(salon=salon).exists():
            return
        # What a session in doubt cannot see it may still choose by itself: then it dates from now.
        if Favourite.objects.filter(user=user, salon=salon).update(created_at=now):
            return
        if Favourite.objects.filter(user=user).count() >= MOST_FAVOURITES:
            raise FavouritesFull(most=MOST_FAVOURITES)
        Favourite.objects.create(user=user, salon=salon, created_at=now)


def drop_favourite(*, user: Any, salon: str) -> None:
    """Let go of a salon by id or slug, whatever became of it; one that is no favourite changes nothing."""
    named = {f"salon__{field}": value for field, value in salon_lookup(salon).items()}
    favourites_of(user).filter(**named).delete()
