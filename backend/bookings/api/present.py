"""Free times, quotes and bookings as the dicts that leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext as _

from backend.bookings.availability import Reason
from backend.bookings.models import Booking, BookingEvent, BookingItem, BookingState, Source
from backend.bookings.operations import Actor, allowed_actions, by_customer, cancellation_fee
from backend.bookings.operations.creating import Quote
from backend.bookings.operations.transitions import may
from backend.bookings.queries import phase_of
from backend.bookings.refusals import BY_REASON
from backend.core import phone
from backend.core.money import money, percentage, split_vat
from backend.core.time import rfc3339, seconds_until
from backend.salons.models import Salon

STATE_LABELS = {
    BookingState.HELD: pgettext_lazy("booking", "Waiting for the deposit"),
    BookingState.REQUESTED: pgettext_lazy("booking", "Waiting for the salon"),
    BookingState.CONFIRMED: pgettext_lazy("booking", "Confirmed"),
    BookingState.COMPLETED: pgettext_lazy("booking", "Completed"),
    BookingState.NO_SHOW: pgettext_lazy("booking", "No-show"),
    BookingState.DECLINED: pgettext_lazy("booking", "Declined by the salon"),
    BookingState.CANCELLED: pgettext_lazy("booking", "Cancelled"),
    BookingState.EXPIRED: pgettext_lazy("booking", "Expired"),
}


def explanation(starts_at: datetime, reasons: Sequence[Reason], salon: Salon) -> dict[str, Any]:
    return {
        "starts_at": rfc3339(starts_at, salon.zone),
        "bookable": not reasons,
        "reasons": [{"code": str(reason), "detail": BY_REASON[reason]().detail} for reason in reasons],
    }


def price_parts(price_minor: int, currency: str) -> dict[str, Any]:
    net, vat = split_vat(price_minor)
    return {
        "subtotal": money(net, currency),
        "vat": money(vat, currency),
        "total": money(price_minor, currency),
    }


def quote(found: Quote) -> dict[str, Any]:
    salon = found.visit.salon
    at = found.starts_at
    items = []
    for line, step in zip(found.visit.lines, found.visit.steps, strict=True):
        until = at + timedelta(minutes=step.duration)
        items.append(
            {
                "service": {
                    "id": str(line.booked["service"].id),
                    "name": line.name_ar if in_arabic() else line.name_en,
                },
                "starts_at": rfc3339(at, salon.zone),
                "ends_at": rfc3339(until, salon.zone),
                "price": money(line.price_minor, salon.currency),
            }
        )
        at = until
    return {"items": items} | terms(found)


def terms(found: Quote) -> dict[str, Any]:
    """When it would be, what it would cost, and on which terms: the same for all that is booked."""
    salon = found.visit.salon
    return {
        "salon": {"id": str(salon.id), "name": salon.name},
        "starts_at": rfc3339(found.starts_at, salon.zone),
        "ends_at": rfc3339(found.ends_at, salon.zone),
        "business_date": found.business_date.isoformat(),
        "price": money(found.visit.price_minor, salon.currency),
        "price_parts": price_parts(found.visit.price_minor, salon.currency),
        "deposit": money(found.deposit_minor, salon.currency),
        "deposit_reason": deposit_reason(found),
        "cancellation": {
            "free_until": rfc3339(found.starts_at - timedelta(hours=salon.free_cancel_hours), salon.zone),
            "fee_after": money(percentage(found.deposit_minor, salon.late_cancel_percent), salon.currency),
        },
    }


def deposit_reason(found: Quote) -> dict[str, Any] | None:
    """Why more is asked than of others, where it is."""
    stands, salon = found.standing, found.visit.salon
    if found.deposit_minor == found.visit.deposit_minor or stands.until is None:
        return None
    until = stands.until.astimezone(salon.zone)
    return {
        "code": "standing",
        "detail": _("Missed or late-cancelled visits raise the deposit to %(percent)d%% until %(date)s.")
        % {"percent": stands.percent, "date": f"{until:%d/%m/%Y}"},
        "usual_deposit": money(found.visit.deposit_minor, salon.currency),
        "marks": stands.marks,
        "percent": stands.percent,
        "until": rfc3339(stands.until, salon.zone),
    }


def in_arabic() -> bool:
    return (get_language() or "ar").startswith("ar")


def booking_item(item: BookingItem, booking: Booking) -> dict[str, Any]:
    zone = booking.salon.zone
    return {
        "service": {
            "id": str(item.service_id),
            "name": item.service_name_ar if in_arabic() else item.service_name_en,
        },
        "staff_member": {"id": str(item.staff_member_id), "name": item.staff_member.name}
        if item.staff_member
        else None,
        "resources": _resources(item),
        "starts_at": rfc3339(item.starts_at, zone),
        "ends_at": rfc3339(item.ends_at, zone),
        "price": money(item.price_minor, booking.currency),
    }


def _resources(item: BookingItem) -> list[dict[str, str]]:
    return [
        {"id": str(r.resource_id), "name": r.resource.name, "code": r.resource.code}
        for r in item.resources.all()
    ]


def booked_rental(row: Booking) -> dict[str, Any] | None:
    """What is let by this booking, under the name it had when it was booked."""
    for item in row.items.all():
        if item.rental_id is not None:
            return {
                "id": str(item.rental_id),
                "name": item.service_name_ar if in_arabic() else item.service_name_en,
                "resource": _resources(item)[0],
                "damage_hold": money(row.damage_minor, row.currency),
            }
    return None


def booked_session(row: Booking) -> dict[str, Any] | None:
    """In which session these seats are, under the title it had when they were booked."""
    if row.session_id is None:
        return None
    [item] = row.items.all()
    return {
        "id": str(row.session_id),
        "name": item.service_name_ar if in_arabic() else item.service_name_en,
        "seats": row.seats,
        "staff_member": {"id": str(item.staff_member_id), "name": item.staff_member.name}
        if item.staff_member
        else None,
        "resources": _resources(item),
    }


def booking(row: Booking, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """A booking as `actor` may see it."""
    zone = row.salon.zone
    held = row.state == BookingState.HELD and row.hold_expires_at
    actions = allowed_actions(row, actor=actor, now=now)
    moved_from = (
        row.salon_moved_from if may(row, "accept_move", actor=by_customer(row.customer), now=now) else None
    )
    cancellation = None
    if "cancel" in actions:
        fee = cancellation_fee(row, now=now) if actor.role == "customer" else 0
        cancellation = {
            "free_until": rfc3339(row.free_cancel_until, zone),
            "fee_now": money(fee, row.currency),
        }
    return {
        "id": str(row.id),
        "reference": row.reference,
        "version": row.version,
        "kind": row.kind,
        "state": row.state,
        "phase": phase_of(row, now),
        "state_label": str(STATE_LABELS[BookingState(row.state)]),
        "starts_at": rfc3339(row.starts_at, zone),
        "ends_at": rfc3339(row.ends_at, zone),
        "business_date": row.business_date.isoformat(),
        "salon": {"id": str(row.salon.id), "name": row.salon.name},
        "items": [booking_item(item, row) for item in row.items.all() if item.service_id is not None],
        "rental": booked_rental(row),
        "session": booked_session(row),
        "price": money(row.price_minor, row.currency),
        "deposit": money(row.deposit_minor, row.currency),
        "allowed_actions": actions,
        "cancellation": cancellation,
        "hold_expires_at": rfc3339(row.hold_expires_at, zone) if held and row.hold_expires_at else None,
        "hold_expires_in_seconds": seconds_until(row.hold_expires_at, now)
        if held and row.hold_expires_at
        else None,
        "respond_by": rfc3339(row.respond_by, zone)
        if row.respond_by and row.state == BookingState.REQUESTED
        else None,
        "moves_left": row.moves_left,
        "moved_by_salon": {"from": rfc3339(moved_from, zone)} if moved_from else None,
        "attendance_confirmed_at": _moment(row.attendance_confirmed_at, zone),
        "arrived_at": _moment(row.arrived_at, zone),
        "no_show": no_show(row),
        "poll_after_seconds": {BookingState.HELD: 5, BookingState.REQUESTED: 15}.get(BookingState(row.state)),
        # What a desk wrote down of its guest stays its own when the guest finds the visit.
        "note": row.note or None if row.source == Source.APP or actor.role == "salon" else None,
        "created_at": rfc3339(row.created_at, zone),
    }


def no_show(row: Booking) -> dict[str, Any] | None:
    """That the guest did not come, while the salon says so."""
    if row.state != BookingState.NO_SHOW:
        return None
    zone = row.salon.zone
    return {
        "disputable_until": _moment(row.disputable_until, zone),
        "disputed_at": _moment(row.disputed_at, zone),
        "answered_at": _moment(row.dispute_answered_at, zone),
    }


def _moment(at: datetime | None, zone: ZoneInfo) -> str | None:
    return rfc3339(at, zone) if at else None


def desk_booking(row: Booking, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """The same for the salon's desk, with who comes."""
    return booking(row, actor=actor, now=now) | {
        "customer": desk_customer(row),
        "is_overbooked": row.is_overbooked,
        "source": Source(row.source).value,
    }


def desk_customer(row: Booking) -> dict[str, Any]:
    """Who comes, under the name the desk wrote down where it did; the number masked: tea is poured without it."""
    name = row.guest_name or (row.customer.name if row.customer else "")
    number = row.customer.phone if row.customer else row.guest_phone
    return {
        "name": name or None,
        "phone_masked": phone.masked(number) if number else None,
        "is_guest": row.customer_id is None,
    }


def event(row: BookingEvent, salon: Salon) -> dict[str, Any]:
    return {
        "at": rfc3339(row.at, salon.zone),
        "verb": row.verb,
        "from": row.from_state or None,
        "to": row.to_state,
        "actor": row.actor_role,
        "moved_from": rfc3339(row.moved_from, salon.zone) if row.moved_from else None,
        "reason": row.reason or None,
    }
