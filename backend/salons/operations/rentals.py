"""What a salon lets by itself: a resource with a price, lengths and terms of its own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from copy import copy
from typing import Any

from django.db import transaction

from backend.core.errors import ValidationFailed
from backend.salons.models import Rental, Resource, Salon
from backend.salons.operations.editing import in_both, lock_row, lock_salon, save_changes
from backend.salons.operations.lists import after_all, refuse_more, remove_or_switch_off
from backend.salons.operations.resources import MOST_RESOURCES


def add_rental(*, salon: Salon, values: Mapping[str, Any]) -> Rental:
    """Let one of the salon's resources, each once.

    `values`: `resource_id`, `name` and `description` in both languages, and columns of `Rental`. Raises LimitReached or
    ValidationFailed.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        others = Rental.objects.filter(salon=salon)
        refuse_more(others, most=MOST_RESOURCES)
        rental = Rental(salon=salon, position=after_all(others))
        for name, value in _columns(rental, values).items():
            setattr(rental, name, value)
        _check(rental)
        rental.save(force_insert=True)
    return rental


def edit_rental(*, salon: Salon, rental_id: uuid.UUID, version: int, changes: Mapping[str, Any]) -> Rental:
    """Change what `changes` names. Bookings keep what they were made with.

    Raises NotFound, VersionConflict or ValidationFailed.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        rental = lock_row(Rental.objects.filter(salon=salon), rental_id, version=version)
        columns = _columns(rental, changes)
        _check(_with(rental, columns))
        save_changes(rental, columns)
    return rental


def remove_rental(*, salon: Salon, rental_id: uuid.UUID, version: int) -> Rental | None:
    """Delete what was never booked: None. Anything else is switched off and returned.

    Raises NotFound or VersionConflict.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        rental = lock_row(Rental.objects.filter(salon=salon), rental_id, version=version)
        return None if remove_or_switch_off(rental) else rental


def _columns(rental: Rental, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    for text in ("name", "description"):
        if text in columns:
            columns |= in_both(text, columns.pop(text))
    if "resource_id" in columns:
        resource = Resource.objects.filter(salon_id=rental.salon_id, pk=columns["resource_id"]).first()
        if resource is None:
            raise ValidationFailed.at("/resource_id", "not_found")
        # The salon is locked, so nobody lets it between this look and the write.
        if Rental.objects.filter(resource=resource).exclude(pk=rental.pk).exists():
            raise ValidationFailed.at("/resource_id", "already_exists")
    return columns


def _with(rental: Rental, columns: Mapping[str, Any]) -> Rental:
    """What it would be, to be looked at only."""
    changed = copy(rental)
    for name, value in columns.items():
        setattr(changed, name, value)
    return changed


def _check(rental: Rental) -> None:
    """Raises ValidationFailed for values that do not go together."""
    if rental.price_per_hour_minor is None and rental.price_per_day_minor is None:
        raise ValidationFailed.at("/price_per_hour_minor", "field_required")
    if rental.deposit_minor is not None and rental.deposit_percent is not None:
        raise ValidationFailed.at("/deposit_minor", "deposit_twice")
    for name in ("min_minutes", "max_minutes"):
        minutes = getattr(rental, name)
        if minutes < rental.step_minutes:
            raise ValidationFailed.at(f"/{name}", "too_small")
        if minutes % rental.step_minutes:
            raise ValidationFailed.at(f"/{name}", "not_in_steps")
    if rental.max_minutes < rental.min_minutes:
        raise ValidationFailed.at("/max_minutes", "too_small")
