"""Catalogue rows as the dicts that leave."""

from __future__ import annotations

from typing import Any

from backend.core.money import money, percentage
from backend.core.time import rfc3339
from backend.salons.api.serializers import WEEKDAYS
from backend.salons.models import (
    Category,
    City,
    Membership,
    Review,
    Salon,
    Service,
    StaffMember,
    WorkingWindow,
)


def slug_name(row: City | Category) -> dict[str, Any]:
    return {"slug": row.slug, "name": row.name}


def salon_summary(salon: Salon) -> dict[str, Any]:
    average = round(salon.rating_sum / salon.rating_count, 1) if salon.rating_count else None
    return {
        "id": str(salon.id),
        "slug": salon.slug,
        "name": salon.name,
        "city": slug_name(salon.city),
        "district": salon.district.name if salon.district else None,
        "audience": salon.audience,
        "rating": {"average": average, "count": salon.rating_count},
    }


def service(row: Service, salon: Salon) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "description": row.description or None,
        "category": slug_name(row.category),
        "duration_minutes": row.duration_minutes,
        "price": money(row.price_minor, salon.currency),
        "deposit": money(percentage(row.price_minor, salon.deposit_percent), salon.currency),
    }


def staff_member(row: StaffMember) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "title": row.title or None,
        "service_ids": sorted(str(s.id) for s in row.services.all()),
    }


def clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def hours(window: WorkingWindow) -> dict[str, Any]:
    return {
        "day": WEEKDAYS[window.weekday - 1],
        "opens": clock(window.opens_minute),
        "closes": clock(window.closes_minute),
        "closes_next_day": window.closes_minute >= 1440,
    }


def salon_detail(salon: Salon) -> dict[str, Any]:
    """Expects what `queries.salon_page` prefetches. The week starts on Sunday, as in the Kingdom."""
    windows = sorted(salon.working_windows.all(), key=lambda w: (w.weekday % 7, w.opens_minute))
    return salon_summary(salon) | {
        "description": salon.description or None,
        "address": salon.address or None,
        "timezone": salon.timezone,
        "currency": salon.currency,
        "services": [service(s, salon) for s in salon.services.all()],
        "staff": [staff_member(s) for s in salon.staff.all()],
        "hours": [hours(w) for w in windows],
        "booking_rules": {
            "auto_confirm": salon.auto_confirm,
            "deposit_percent": salon.deposit_percent,
            "free_cancel_hours": salon.free_cancel_hours,
            "min_notice_minutes": salon.min_notice_minutes,
            "horizon_days": salon.horizon_days,
        },
    }


def review(row: Review) -> dict[str, Any]:
    first_name = row.author.name.split(" ")[0] if row.author and row.author.name else None
    return {
        "id": str(row.id),
        "rating": row.rating,
        "comment": row.comment or None,
        "reply": row.reply or None,
        "author_name": first_name,
        "created_at": rfc3339(row.created_at),
    }


def desk(row: Membership) -> dict[str, Any]:
    return {"id": str(row.salon.id), "slug": row.salon.slug, "name": row.salon.name, "role": row.role}
