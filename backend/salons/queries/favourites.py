"""Questions about the salons somebody keeps at hand."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet

from backend.salons.models import Favourite, Salon, SalonStatus
from backend.salons.queries.pages import summarised


def favourites_of(user: Any) -> QuerySet[Favourite]:
    """A person's favourites. A session in doubt (`Device.history_from`) has none that are older than it."""
    favourites = Favourite.objects.filter(user=user)
    return favourites if user.history_from is None else favourites.filter(created_at__gte=user.history_from)


def live_favourites_of(user: Any) -> QuerySet[Favourite]:
    """Those that can be found and booked, with what a list of salons shows."""
    live = favourites_of(user).filter(salon__status=SalonStatus.LIVE)
    return live.prefetch_related(Prefetch("salon", summarised(Salon.objects.all())))
