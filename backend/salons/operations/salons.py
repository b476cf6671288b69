"""A salon's profile: opening one, and changing it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from backend.core.errors import (
    FieldError,
    PermissionDenied,
    Refused,
    ValidationFailed,
    VersionConflict,
)
from backend.salons.models import (
    LONGEST_WAIT_FOR_CAPTURE,
    Business,
    City,
    District,
    Membership,
    PrayerPause,
    Salon,
    SalonRole,
    SalonStatus,
    StaffMember,
)
from backend.salons.operations.businesses import new_business
from backend.salons.operations.editing import in_both, lock_salon, save_changes
from backend.salons.operations.people import lock_person
from backend.salons.operations.staff import check_employment
from backend.salons.queries.managing import businesses_of

MOST_DRAFTS = 5
"""Salons of one owner that are not yet approved."""
_SLUG_TRIES = 5


class TooManyDrafts(Refused):
    code = "too_many_drafts"
    message = _("%(most)d salons already wait to be completed. Please finish one of them first.")


def open_salon(
    *,
    owner: Any,
    business_id: uuid.UUID | None,
    business: Mapping[str, Any] | None,
    slug: str | None,
    profile: Mapping[str, Any],
    now: datetime,
) -> Salon:
    """Open a salon as a draft that `owner` owns: of a business they have, or of a new one.

    `profile` as in `edit_salon`, with `name`, `audience` and `city`. Without `slug` one is made of the English name.
    Raises TooManyDrafts, ValidationFailed, or PermissionDenied for a session in doubt, which owns nothing.
    """
    if owner.history_from is not None:
        raise PermissionDenied
    with transaction.atomic():
        lock_person(owner)
        waiting = Membership.objects.filter(
            user=owner,
            role=SalonRole.OWNER,
            salon__status__in=(SalonStatus.DRAFT, SalonStatus.IN_REVIEW),
        )
        if waiting.count() >= MOST_DRAFTS:
            raise TooManyDrafts(most=MOST_DRAFTS)
        seller = _seller(owner, business_id, business, now=now)
        salon = Salon(business=seller, status=SalonStatus.DRAFT, created_at=now)
        for name, value in _columns(salon, profile).items():
            setattr(salon, name, value)
        _insert(salon, slug, english=profile["name"]["en"])
        Membership.objects.create(salon=salon, user=owner, role=SalonRole.OWNER, created_at=now)
    return salon


def edit_salon(*, salon: Salon, version: int, changes: Mapping[str, Any]) -> Salon:
    """Change what `changes` names of a salon's profile.

    Columns of the model by their names, with `name`, `description` and `address` in both languages, `city` and
    `district` as slugs, and `location` as `{"latitude", "longitude"}` or None. A salon that moves to another city
    loses the district of the former one unless a new one is named.
    Raises VersionConflict, ValidationFailed, or StaffGenderNotAllowed when somebody who works here does not suit a
    new audience.
    """
    with transaction.atomic():
        salon = lock_salon(salon)
        if salon.version != version:
            raise VersionConflict
        columns = _columns(salon, changes)
        if columns.get("audience", salon.audience) != salon.audience:
            working = StaffMember.objects.filter(salon=salon, is_active=True)
            check_employment(columns["audience"], set(working.values_list("gender", flat=True)))
        save_changes(salon, columns)
    return salon


def _seller(
    owner: Any, business_id: uuid.UUID | None, business: Mapping[str, Any] | None, *, now: datetime
) -> Business:
    if business is not None:
        seller = new_business(business, now=now)
        seller.save(force_insert=True)
        return seller
    found = businesses_of(owner).filter(pk=business_id).first() if business_id else None
    if found is None:
        raise ValidationFailed.at("/business_id", "not_found")
    return found


def _columns(salon: Salon, values: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("name", "description", "address"):
            columns |= in_both(name, value)
        elif name == "location":
            columns["latitude"] = value["latitude"] if value else None
            columns["longitude"] = value["longitude"] if value else None
        elif name not in ("city", "district"):
            columns[name] = value
    columns |= _place(salon, values)
    pause = columns.get("prayer_pause", salon.prayer_pause)
    if pause == PrayerPause.CHOSEN and not columns.get("pause_prayers", salon.pause_prayers):
        raise ValidationFailed.at("/pause_prayers", "list_empty")
    wait = columns.get("respond_within_minutes", salon.respond_within_minutes)
    if columns.get("authorise_first", salon.authorise_first) and wait > LONGEST_WAIT_FOR_CAPTURE:
        raise ValidationFailed.at("/respond_within_minutes", "authorisation_too_short")
    return columns


def _place(salon: Salon, values: Mapping[str, Any]) -> dict[str, Any]:
    """City and district, which belong together."""
    place: dict[str, Any] = {}
    wrong: list[FieldError] = []
    city = values.get("city", salon.city_id)
    if city != salon.city_id:
        place = {"city_id": city, "district_id": None}
        if not City.objects.filter(pk=city).exists():
            wrong.append(FieldError("not_found", pointer="/city"))
    if "district" in values:
        place["district_id"] = values["district"]
        if values["district"] and not District.objects.filter(pk=values["district"], city=city).exists():
            wrong.append(FieldError("not_found", pointer="/district"))
    if wrong:
        raise ValidationFailed(wrong)
    return place


def _insert(salon: Salon, wanted: str | None, *, english: str) -> None:
    """Write a new salon under the slug that is wanted, or under one made of its English name."""
    for slug in [wanted] if wanted else islice(_slugs(english), _SLUG_TRIES):
        salon.slug = slug
        try:
            with transaction.atomic():
                salon.save(force_insert=True)
            return
        except IntegrityError:
            if not Salon.objects.filter(slug=slug).exists():
                raise
    raise ValidationFailed.at("/slug", "already_exists")


def _slugs(name: str) -> Iterator[str]:
    """The name in Latin letters, digits and hyphens, then the same with a random end."""
    base = slugify(name)[:48].replace("_", "-").strip("-")
    if len(base) < 2 or reads_as_id(base):
        base = f"salon-{base}".strip("-")
    yield base
    while True:
        yield f"{base}-{secrets.token_hex(3)}"


def reads_as_id(slug: str) -> bool:
    """Whether a path that takes an id or a slug would read this as an id."""
    try:
        uuid.UUID(slug)
    except ValueError:
        return False
    return True
