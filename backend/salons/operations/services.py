"""The price list: services, and variants as lines of their own below one of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from backend.core.errors import FieldError, ValidationFailed
from backend.salons.models import Category, Salon, Service, ServiceNeed, StaffMember
from backend.salons.operations.editing import in_both, lock_row, lock_salon
from backend.salons.operations.lists import (
    after_all,
    own_ids,
    refuse_more,
    remove_or_switch_off,
    reorder,
    save_row,
)
from backend.salons.operations.performers import set_staff

MOST_SERVICES = 500

FROM_ABOVE = (
    "category",
    "staff_member_ids",
    "needs",
    "min_notice_minutes",
    "horizon_days",
    "deposit_percent",
)
"""What a variant takes from the service above it, and may not be told."""


def add_service(*, salon: Salon, variant_of: uuid.UUID | None, values: Mapping[str, Any]) -> Service:
    """Add a line to the price list; with `variant_of`, a variant of that service.

    `values`: `category` (slug), `name` and `description` in both languages, `duration_minutes`, buffers,
    `processing_gap` (`{"starts_minute", "minutes"}` or None), `price_minor`, `min_notice_minutes`, `horizon_days`,
    `deposit_percent`, `is_active`, `position`, `staff_member_ids`, `needs` (kinds of resources); what is absent stays
    as the model says, and without `position` it comes last. Raises ValidationFailed or LimitReached.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        lines = Service.objects.filter(salon=salon)
        refuse_more(lines, most=MOST_SERVICES)
        service = Service(salon=salon, position=after_all(lines))
        if variant_of is not None:
            service.variant_of = _above(salon, variant_of)
            service.category_id = service.variant_of.category_id
        elif "category" not in values:
            raise ValidationFailed.at("/category", "field_required")
        columns = _columns(service, values)
        for name, value in columns.items():
            setattr(service, name, value)
        staff = _staff(salon, values)
        service.save(force_insert=True)
        if staff:
            set_staff(service, staff)
        _set_needs(service, values.get("needs", ()))
    return service


def edit_service(*, salon: Salon, service_id: uuid.UUID, version: int, changes: Mapping[str, Any]) -> Service:
    """Change what `changes` names, as in `add_service`. What was booked keeps its price, length and name.

    Raises NotFound, VersionConflict or ValidationFailed.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        service = lock_row(Service.objects.filter(salon=salon), service_id, version=version)
        columns = _columns(service, changes)
        staff = _staff(salon, changes)
        touched = staff is not None and set_staff(service, staff)
        if "needs" in changes:
            touched = _set_needs(service, changes["needs"]) or touched
        if columns.get("category_id", service.category_id) != service.category_id:
            service.variants.update(category=columns["category_id"])
        save_row(service, columns, touched=touched)
    return service


def remove_service(*, salon: Salon, service_id: uuid.UUID, version: int) -> Service | None:
    """Delete a service that was never booked, with its variants: None. Otherwise all are switched off.

    Raises NotFound or VersionConflict.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        service = lock_row(Service.objects.filter(salon=salon), service_id, version=version)
        return None if remove_or_switch_off(service, along=service.variants.all()) else service


def order_services(*, salon: Salon, service_ids: Sequence[uuid.UUID]) -> None:
    """Put the price list in this order, which names each line once. Raises ValidationFailed or VersionConflict."""
    with transaction.atomic():
        salon = lock_salon(salon)
        reorder(Service.objects.filter(salon=salon), service_ids, at="/service_ids")


def _above(salon: Salon, service_id: uuid.UUID) -> Service:
    above = Service.objects.filter(salon=salon, pk=service_id).first()
    if above is None:
        raise ValidationFailed.at("/variant_of", "not_found")
    if above.variant_of_id is not None:
        raise ValidationFailed.at("/variant_of", "invalid_choice")
    return above


def _columns(service: Service, values: Mapping[str, Any]) -> dict[str, Any]:
    if service.variant_of_id is not None:
        told = [FieldError("unknown_field", pointer=f"/{name}") for name in FROM_ABOVE if name in values]
        if told:
            raise ValidationFailed(told)
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("name", "description"):
            columns |= in_both(name, value)
        elif name == "category":
            if not Category.objects.filter(pk=value).exists():
                raise ValidationFailed.at("/category", "not_found")
            columns["category_id"] = value
        elif name == "processing_gap":
            columns["processing_starts_minute"] = value["starts_minute"] if value else None
            columns["processing_minutes"] = value["minutes"] if value else None
        elif name not in ("staff_member_ids", "needs"):
            columns[name] = value
    _check_processing(service, values, columns)
    return columns


def _check_processing(service: Service, values: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
    """The staff member comes back before the end. Raises ValidationFailed at what was sent."""
    starts = columns.get("processing_starts_minute", service.processing_starts_minute)
    minutes = columns.get("processing_minutes", service.processing_minutes)
    duration = columns.get("duration_minutes", service.duration_minutes)
    if starts is None or minutes is None or starts + minutes < duration:
        return
    if values.get("processing_gap"):
        raise ValidationFailed.at("/processing_gap/minutes", "too_large")
    raise ValidationFailed.at("/duration_minutes", "too_small")


def _staff(salon: Salon, values: Mapping[str, Any]) -> set[uuid.UUID] | None:
    if "staff_member_ids" not in values:
        return None
    people = StaffMember.objects.filter(salon=salon)
    return own_ids(people, values["staff_member_ids"], at="/staff_member_ids")


def _set_needs(service: Service, kinds: Sequence[str]) -> bool:
    wanted = set(kinds)
    have = set(service.needs.values_list("kind", flat=True))
    service.needs.filter(kind__in=have - wanted).delete()
    ServiceNeed.objects.bulk_create(ServiceNeed(service=service, kind=kind) for kind in sorted(wanted - have))
    return have != wanted
