"""Questions to the catalogue. Only live salons are found by customers."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.db.models import QuerySet

from backend.core.errors import NotFound
from backend.salons.models import (
    Category,
    City,
    Membership,
    Review,
    ReviewStatus,
    Salon,
)

_SLUG = re.compile(r"[A-Za-z0-9_-]{1,60}")


def salon_lookup(salon: str) -> dict[str, Any]:
    """The filter for a path's `{salon}`: an id or a slug. Raises NotFound for what can be neither."""
    try:
        return {"id": uuid.UUID(salon)}
    except ValueError:
        if not _SLUG.fullmatch(salon):  # a NUL, say, which PostgreSQL would not even compare
            raise NotFound from None
        return {"slug": salon}


def live_salon(salon: str) -> Salon:
    """A live salon by id or slug. Raises NotFound."""
    found: Salon | None = (
        Salon.objects.live().select_related("city", "district").filter(**salon_lookup(salon)).first()
    )
    if found is None:
        raise NotFound
    return found


def categories() -> QuerySet[Category]:
    return Category.objects.order_by("position", "slug")


def cities() -> QuerySet[City]:
    return City.objects.order_by("position", "slug")


def reviews_of(salon: Salon) -> QuerySet[Review]:
    return Review.objects.filter(salon=salon, status=ReviewStatus.PUBLISHED).select_related("author")


def memberships_of(user: Any) -> QuerySet[Membership]:
    """Where somebody works. A session in doubt (`Device.history_from`, recycled numbers) works nowhere."""
    memberships = Membership.objects.filter(user=user)
    return memberships if user.history_from is None else memberships.none()


def desks_of(user: Any) -> QuerySet[Membership]:
    """The salons somebody works at, with their role there."""
    return memberships_of(user).select_related("salon__city").order_by("salon__slug", "id")
