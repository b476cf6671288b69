"""Rooms, chairs and devices."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from backend.core.errors import ValidationFailed
from backend.salons.models import Resource, Salon
from backend.salons.operations.editing import in_both, lock_row, lock_salon, save_changes
from backend.salons.operations.lists import after_all, refuse_more, remove_or_switch_off

MOST_RESOURCES = 200


def add_resource(*, salon: Salon, values: Mapping[str, Any]) -> Resource:
    """Add a room, chair or device.

    `values`: `kind`, `code` (once per salon), `name` in both languages, `attributes` (flat), `is_active`, `position`
    (absent: last).
    Raises LimitReached or ValidationFailed.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        others = Resource.objects.filter(salon=salon)
        refuse_more(others, most=MOST_RESOURCES)
        resource = Resource(salon=salon, position=after_all(others))
        for name, value in _columns(resource, values).items():
            setattr(resource, name, value)
        resource.save(force_insert=True)
    return resource


def edit_resource(
    *, salon: Salon, resource_id: uuid.UUID, version: int, changes: Mapping[str, Any]
) -> Resource:
    """Change what `changes` names. Bookings keep the resource they were given.

    Raises NotFound, VersionConflict or ValidationFailed.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        resource = lock_row(Resource.objects.filter(salon=salon), resource_id, version=version)
        save_changes(resource, _columns(resource, changes))
    return resource


def remove_resource(*, salon: Salon, resource_id: uuid.UUID, version: int) -> Resource | None:
    """Delete what was never booked: None. Anything else is switched off and returned.

    Raises NotFound or VersionConflict.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        resource = lock_row(Resource.objects.filter(salon=salon), resource_id, version=version)
        return None if remove_or_switch_off(resource) else resource


def _columns(resource: Resource, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: value for name, value in values.items() if name != "name"}
    if "name" in values:
        columns |= in_both("name", values["name"])
    # The salon is locked, so nobody takes the code between this look and the write.
    others = Resource.objects.filter(salon_id=resource.salon_id).exclude(pk=resource.pk)
    if "code" in columns and others.filter(code=columns["code"]).exists():
        raise ValidationFailed.at("/code", "already_exists")
    return columns
