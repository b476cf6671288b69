"""Catalogue rows as the dicts that leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from backend.core.money import money, percentage
from backend.core.privacy import without_phones
from backend.core.time import rfc3339
from backend.salons.api.photo_shapes import photo
from backend.salons.api.serializers import WEEKDAYS
from backend.salons.models import (
    Category,
    City,
    District,
    Review,
    Salon,
    Service,
    StaffMember,
    WorkingWindow,
)
from backend.salons.queries.pages import SalonPage, Today, price_list
from backend.salons.queries.search import ShownPhoto, Summary
from backend.salons.timetable import moment_of


def slug_name(row: City | Category | District) -> dict[str, Any]:
    return {"slug": row.slug, "name": row.name}


def found_salon(row: Summary) -> dict[str, Any]:
    """A salon in a list, from what search read of it."""
    return {
        "id": str(row.id),
        "slug": row.slug,
        "name": row.name,
        "city": {"slug": row.city_slug, "name": row.city_name},
        "district": row.district_name,
        "district_slug": row.district_slug,
        "audience": row.audience,
        "rating": {
            # Half a tenth rounds up, as the filter by rating does.
            "average": (row.rating_sum * 20 + row.rating_count) // (2 * row.rating_count) / 10
            if row.rating_count
            else None,
            "count": row.rating_count,
        },
        "from_price": None if row.from_price_minor is None else money(row.from_price_minor, row.currency),
        "photo": None if row.photo is None else photo(row.photo),
        "location": None if row.latitude is None else {"latitude": row.latitude, "longitude": row.longitude},
        "distance_m": row.distance_m,
    }


def salon_summary(salon: Salon) -> dict[str, Any]:
    """A salon in a list, from its row. Expects what `queries.pages.summarised` reads."""
    shown = next(
        (p for p in salon.photos.all() if p.is_primary and not (p.service_id or p.staff_member_id)), None
    )
    return found_salon(
        Summary(
            id=salon.id,
            slug=salon.slug,
            name=salon.name,
            city_slug=salon.city_id,
            city_name=salon.city.name,
            district_slug=salon.district_id,
            district_name=salon.district.name if salon.district else None,
            audience=salon.audience,
            rating_sum=salon.rating_sum,
            rating_count=salon.rating_count,
            from_price_minor=salon.search_entry.from_price_minor,
            currency=salon.currency,
            latitude=None if salon.latitude is None else float(salon.latitude),
            longitude=None if salon.longitude is None else float(salon.longitude),
            photo=None
            if shown is None
            else ShownPhoto(
                shown.pk, shown.key, shown.width, shown.height, shown.blurhash, shown.caption, shown.alt
            ),
            distance_m=None,
        )
    )


def variant(row: Service, salon: Salon, deposit_percent: int) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "description": row.description or None,
        "duration_minutes": row.duration_minutes,
        "price": money(row.price_minor, salon.currency),
        "deposit": money(percentage(row.price_minor, deposit_percent), salon.currency),
    }


def service(row: Service, variants: Sequence[Service], salon: Salon) -> dict[str, Any]:
    """A line of the price list. What it takes behind the scenes (buffers, waiting, rooms) stays there."""
    deposit_percent = _either(row.deposit_percent, salon.deposit_percent)
    cheapest = min([v.price_minor for v in variants], default=row.price_minor)
    return variant(row, salon, deposit_percent) | {
        "category": slug_name(row.category),
        "duration_minutes": min([v.duration_minutes for v in variants], default=row.duration_minutes),
        "price": money(cheapest, salon.currency),
        "price_from": any(v.price_minor > cheapest for v in variants),
        "deposit": money(percentage(cheapest, deposit_percent), salon.currency),
        "variants": [variant(v, salon, deposit_percent) for v in variants],
        "min_notice_minutes": _either(row.min_notice_minutes, salon.min_notice_minutes),
        "horizon_days": _either(row.horizon_days, salon.horizon_days),
    }


def staff_member(row: StaffMember, service_ids: Iterable[Any]) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "title": row.title or None,
        "gender": row.gender or None,
        "languages": row.languages,
        "service_ids": sorted(map(str, service_ids)),
    }


def _either(own: int | None, salons: int) -> int:
    return salons if own is None else own


def clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def hours(window: WorkingWindow) -> dict[str, Any]:
    return {
        "day": WEEKDAYS[window.weekday - 1],
        "opens": clock(window.opens_minute),
        "closes": clock(window.closes_minute),
        "closes_next_day": window.closes_minute >= 1440,
    }


def salon_detail(page: SalonPage) -> dict[str, Any]:
    """The page of a salon in the active language. The week starts on Sunday, as in the Kingdom."""
    salon = page.salon
    windows = sorted(salon.working_windows.all(), key=lambda w: (w.weekday % 7, w.opens_minute))
    photos = list(salon.photos.all())
    pictures: dict[Any, dict[str, Any]] = {}
    for row in sorted(photos, key=lambda p: p.is_primary, reverse=True):
        pictures.setdefault(row.service_id or row.staff_member_id, photo(row))
    return salon_summary(salon) | {
        "description": salon.description or None,
        "address": salon.address or None,
        "national_address": {
            "building_number": salon.building_number or None,
            "district": salon.district.name if salon.district else None,
            "city": salon.city.name,
            "postal_code": salon.postal_code or None,
            "secondary_number": salon.secondary_number or None,
            "unit_number": salon.unit_number or None,
            "short_address": salon.short_address or None,
        },
        "business": {
            "name": salon.business.name,
            "vat_number": salon.business.vat_number or None,
            "commercial_registration": salon.business.commercial_registration or None,
        },
        "licence": {
            "number": salon.licence_number,
            "expires_on": salon.licence_expires_on.isoformat() if salon.licence_expires_on else None,
        }
        if salon.licence_number
        else None,
        "timezone": salon.timezone,
        "currency": salon.currency,
        "photos": [photo(p) for p in photos if not (p.service_id or p.staff_member_id)],
        "services": [
            service(s, variants, salon) | {"photo": pictures.get(s.id)}
            for s, variants in price_list(salon.services.all())
        ],
        "staff": [
            staff_member(s, page.skills.get(s.id, ())) | {"photo": pictures.get(s.id)}
            for s in salon.staff.all()
        ],
        "hours": [hours(w) for w in windows],
        "today": today(page.today, salon),
        "seasons": [
            {
                "name": coming.season.name,
                "first_date": coming.first_date.isoformat(),
                "last_date": coming.last_date.isoformat(),
            }
            for coming in page.seasons
        ],
        "hours_may_differ_on": [day.isoformat() for day in page.may_differ],
        "rating_breakdown": [{"stars": stars, "count": count} for stars, count in page.ratings.items()],
        "booking_rules": {
            "auto_confirm": salon.auto_confirm,
            "deposit_percent": salon.deposit_percent,
            "free_cancel_hours": salon.free_cancel_hours,
            "min_notice_minutes": salon.min_notice_minutes,
            "horizon_days": salon.horizon_days,
        },
    }


def today(row: Today, salon: Salon) -> dict[str, Any]:
    def moment(minute: int | None) -> str | None:
        return None if minute is None else rfc3339(moment_of(minute), salon.zone)

    return {
        "business_date": row.business_date.isoformat(),
        "windows": [{"starts_at": moment(starts), "ends_at": moment(ends)} for starts, ends in row.windows],
        "open_now": row.open_now,
        "closes_at": moment(row.closes),
        "opens_at": moment(row.opens),
    }


def review(row: Review) -> dict[str, Any]:
    first_name = row.author.name.split(" ")[0] if row.author and row.author.name else None
    return {
        "id": str(row.id),
        "rating": row.rating,
        "comment": without_phones(row.comment) or None,
        "reply": without_phones(row.reply) or None,
        "replied_at": rfc3339(row.replied_at) if row.replied_at else None,
        "author_name": first_name,
        "created_at": rfc3339(row.created_at),
    }
