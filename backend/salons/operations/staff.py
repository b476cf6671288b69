"""Who works at a salon: the people with the scissors, and the rule about whom a salon may employ."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from backend.core.errors import Refused, ValidationFailed
from backend.salons.models import Audience, Gender, Membership, Salon, Service, StaffMember
from backend.salons.operations.editing import in_both, lock_row, lock_salon
from backend.salons.operations.lists import after_all, own_ids, refuse_more, remove_or_switch_off, save_row
from backend.salons.operations.performers import set_services

MOST_STAFF = 200

NOT_EMPLOYED: Mapping[str, str] = {Audience.WOMEN: Gender.MALE, Audience.MEN: Gender.FEMALE}
"""Whom a salon for this audience employs nobody of (KSA facts 4.1).

Women's salons: the ministry's rules of 2015. Barbershops: a draft of 2024, UNCONFIRMED.
"""


class StaffGenderNotAllowed(Refused):
    code = "staff_gender_not_allowed"
    message = _("A salon for this audience may not employ this person.")


def check_employment(audience: str, genders: Iterable[str]) -> None:
    """Raises StaffGenderNotAllowed when somebody declared what this audience rules out; undeclared passes."""
    if any(gender == NOT_EMPLOYED.get(audience) for gender in genders):
        raise StaffGenderNotAllowed


def add_staff_member(*, salon: Salon, values: Mapping[str, Any]) -> StaffMember:
    """Write somebody into the salon's list of staff.

    `values`: `name` and `title` in both languages, `gender`, `languages`, `max_bookings_per_day`, `service_ids`,
    `phone` (E.164 of a member of this salon, or None), `is_active`, `position`; what is absent stays as the model
    says, and without `position` they come last. Raises StaffGenderNotAllowed, LimitReached or ValidationFailed.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        others = StaffMember.objects.filter(salon=salon)
        refuse_more(others, most=MOST_STAFF)
        member = StaffMember(salon=salon, position=after_all(others))
        for name, value in _columns(salon, values).items():
            setattr(member, name, value)
        check_employment(salon.audience, [member.gender] if member.is_active else [])
        services = _services(salon, values)
        member.save(force_insert=True)
        if services:
            set_services(member, services)
    return member


def edit_staff_member(
    *, salon: Salon, staff_member_id: uuid.UUID, version: int, changes: Mapping[str, Any]
) -> StaffMember:
    """Change what `changes` names, as in `add_staff_member`. Bookings stay, also of somebody who no longer works.

    Raises NotFound, VersionConflict, StaffGenderNotAllowed or ValidationFailed.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        member = lock_row(StaffMember.objects.filter(salon=salon), staff_member_id, version=version)
        columns = _columns(salon, changes)
        works = columns.get("is_active", member.is_active)
        check_employment(salon.audience, [columns.get("gender", member.gender)] if works else [])
        services = _services(salon, changes)
        touched = services is not None and set_services(member, services)
        save_row(member, columns, touched=touched)
    return member


def remove_staff_member(*, salon: Salon, staff_member_id: uuid.UUID, version: int) -> StaffMember | None:
    """Delete somebody who was never booked: None. Anybody else is switched off and returned.

    Raises NotFound or VersionConflict.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        member = lock_row(StaffMember.objects.filter(salon=salon), staff_member_id, version=version)
        return None if remove_or_switch_off(member) else member


def _columns(salon: Salon, values: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("name", "title"):
            columns |= in_both(name, value)
        elif name == "phone":
            columns["user_id"] = _account(salon, value)
        elif name != "service_ids":
            columns[name] = value
    return columns


def _account(salon: Salon, phone: str | None) -> uuid.UUID | None:
    """Only somebody with a role here is found: whether a number has an account at all is not told."""
    if phone is None:
        return None
    found = (
        Membership.objects.filter(salon=salon, user__phone=phone).values_list("user_id", flat=True).first()
    )
    if found is None:
        raise ValidationFailed.at("/phone", "not_found")
    return found


def _services(salon: Salon, values: Mapping[str, Any]) -> set[uuid.UUID] | None:
    """Variants are performed by whoever performs the service above them, so they cannot be named."""
    if "service_ids" not in values:
        return None
    bookable = Service.objects.filter(salon=salon, variant_of=None)
    return own_ids(bookable, values["service_ids"], at="/service_ids")
