"""The desk's rows as the dicts that leave."""

from __future__ import annotations

from typing import Any

from backend.core.api.both import both
from backend.core.money import MoneyDict, money
from backend.core.phone import masked
from backend.core.time import rfc3339
from backend.salons.models import Business, Membership, Rental, Resource, Salon, Service, StaffMember
from backend.salons.permissions import ABILITIES
from backend.salons.queries.managing import missing_of

_AS_STORED = (
    "timezone",
    "currency",
    "auto_confirm",
    "grid_minutes",
    "min_notice_minutes",
    "horizon_days",
    "respond_within_minutes",
    "deposit_percent",
    "free_cancel_hours",
    "late_cancel_percent",
    "max_reschedules",
    "reminder_hours",
    "authorise_first",
    "prayer_pause",
    "pause_prayers",
    "prayer_pause_minutes",
    "services_may_span_pauses",
)
_EMPTY_IS_NULL = (
    "building_number",
    "postal_code",
    "secondary_number",
    "unit_number",
    "short_address",
    "phone",
)


def desk(row: Membership) -> dict[str, Any]:
    return {
        "id": str(row.salon_id),
        "slug": row.salon.slug,
        "name": row.salon.name,
        "status": row.salon.status,
        "role": row.role,
        "abilities": sorted(ABILITIES[row.role]),
    }


def business(row: Business) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "version": row.version,
        "name": both(row, "name"),
        "address": both(row, "address"),
        "vat_number": row.vat_number or None,
        "commercial_registration": row.commercial_registration or None,
        "standing_steps": row.standing_steps,
        "standing_days": row.standing_days,
        "no_show_marks": row.no_show_marks,
        "late_cancel_marks": row.late_cancel_marks,
    }


def _slug_name(row: Any) -> dict[str, str]:
    return {"slug": row.slug, "name": row.name}


def standing(salon: Any) -> dict[str, Any]:
    """Expects what `queries.managing.with_profile` brings along."""
    return {
        "id": str(salon.pk),
        "slug": salon.slug,
        "version": salon.version,
        "status": salon.status,
        "status_reason": salon.moved_because or None,
        "status_changed_at": rfc3339(salon.moved_at) if salon.moved_at else None,
        "business": business(salon.business),
        "name": both(salon, "name"),
        "audience": salon.audience,
        "city": _slug_name(salon.city),
        "licence_number": salon.licence_number or None,
        "licence_expires_on": salon.licence_expires_on.isoformat() if salon.licence_expires_on else None,
        "created_at": rfc3339(salon.created_at),
    }


def profile(salon: Salon) -> dict[str, Any]:
    """Expects what `queries.managing.with_profile` brings along; asks what is missing."""
    placed = salon.latitude is not None and salon.longitude is not None
    return (
        standing(salon)
        | {
            "missing": missing_of(salon),
            "description": both(salon, "description"),
            "district": _slug_name(salon.district) if salon.district else None,
            "address": both(salon, "address"),
            "location": {"latitude": float(salon.latitude), "longitude": float(salon.longitude)}  # type: ignore[arg-type]
            if placed
            else None,
        }
        | {name: getattr(salon, name) or None for name in _EMPTY_IS_NULL}
        | {name: getattr(salon, name) for name in _AS_STORED}
    )


def service(row: Service, salon: Salon) -> dict[str, Any]:
    gap = row.processing_starts_minute is not None
    return {
        "id": str(row.pk),
        "version": row.version,
        "variant_of": str(row.variant_of_id) if row.variant_of_id else None,
        "category": _slug_name(row.category),
        "name": both(row, "name"),
        "description": both(row, "description"),
        "duration_minutes": row.duration_minutes,
        "buffer_before_minutes": row.buffer_before_minutes,
        "buffer_after_minutes": row.buffer_after_minutes,
        "processing_gap": {
            "starts_minute": row.processing_starts_minute,
            "minutes": row.processing_minutes,
        }
        if gap
        else None,
        "price": money(row.price_minor, salon.currency),
        "min_notice_minutes": row.min_notice_minutes,
        "horizon_days": row.horizon_days,
        "deposit_percent": row.deposit_percent,
        "is_active": row.is_active,
        "position": row.position,
        "staff_member_ids": [str(member.pk) for member in row.staff.all()],
        "needs": sorted(need.kind for need in row.needs.all()),
    }


def staff_member(row: StaffMember) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "version": row.version,
        "name": both(row, "name"),
        "title": both(row, "title"),
        "gender": row.gender or None,
        "languages": row.languages,
        "max_bookings_per_day": row.max_bookings_per_day,
        "has_account": row.user_id is not None,
        "service_ids": [str(service.pk) for service in row.services.all()],
        "is_active": row.is_active,
        "position": row.position,
    }


def resource(row: Resource) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "version": row.version,
        "kind": row.kind,
        "code": row.code,
        "name": both(row, "name"),
        "attributes": row.attributes,
        "is_active": row.is_active,
        "position": row.position,
    }


_OF_RENTAL = (
    "version",
    "step_minutes",
    "min_minutes",
    "max_minutes",
    "buffer_before_minutes",
    "buffer_after_minutes",
    "min_notice_minutes",
    "horizon_days",
    "deposit_percent",
    "auto_confirm",
    "is_active",
    "position",
)


def rental(row: Rental, salon: Salon) -> dict[str, Any]:
    def price(minor: int | None) -> MoneyDict | None:
        return None if minor is None else money(minor, salon.currency)

    return {
        "id": str(row.pk),
        "resource_id": str(row.resource_id),
        "name": both(row, "name"),
        "description": both(row, "description"),
        "price_per_hour": price(row.price_per_hour_minor),
        "price_per_day": price(row.price_per_day_minor),
        "deposit": price(row.deposit_minor),
        "damage_hold": price(row.damage_minor),
    } | {name: getattr(row, name) for name in _OF_RENTAL}


def member(row: Any, *, me: Any) -> dict[str, Any]:
    """No name: whoever adds a stranger's number must not learn whose it is. Expects `members_at`."""
    return {
        "id": str(row.pk),
        "version": row.version,
        "role": row.role,
        "phone_masked": masked(row.user.phone) if row.user.phone else None,
        "staff_member_id": str(row.staff_member_id) if row.staff_member_id else None,
        "is_me": row.user_id == me.pk,
        "created_at": rfc3339(row.created_at),
    }
