"""What the kinds of booking do differently once they are made: one row of a table for each (ADR 0027)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.bookings.models import Booking, BookingItem, Kind
from backend.bookings.queries import SalonRules, Visit, Wish, plan_visit
from backend.bookings.queries.renting import minutes_between, plan_letting
from backend.bookings.refusals import CannotChangeStatus, LengthNotOffered, ServiceUnavailable
from backend.core.errors import NotFound, ValidationFailed


@dataclass(frozen=True)
class Custom:
    """`confirms_itself`: whether nobody of the salon has to answer.

    `plan_again`: what was booked, as the salon gives it today: rules, items, a chosen person or None, whether the desk
    asks. Raises ServiceUnavailable, or ValidationFailed for the person.
    """

    confirms_itself: Callable[[Booking], bool]
    plan_again: Callable[[SalonRules, Sequence[BookingItem], uuid.UUID | None, bool], Visit]


def confirms_itself(booking: Booking) -> bool:
    """Whether a booking stands without an answer of the salon's."""
    return CUSTOMS[Kind(booking.kind)].confirms_itself(booking)


def plan_again(
    booking: Booking,
    rules: SalonRules,
    items: Sequence[BookingItem],
    *,
    chosen: uuid.UUID | None,
    at_desk: bool,
) -> Visit:
    """What was booked, as the salon gives it today. Raises ServiceUnavailable, or ValidationFailed for the person."""
    return CUSTOMS[Kind(booking.kind)].plan_again(rules, items, chosen, at_desk)


def _same_visit(
    rules: SalonRules, items: Sequence[BookingItem], chosen: uuid.UUID | None, at_desk: bool
) -> Visit:
    services = [item.service_id for item in items if item.service_id is not None]
    if any(service_id not in rules.lines for service_id in services):
        raise ServiceUnavailable
    if chosen is not None and chosen not in rules.staff:
        raise ValidationFailed.at("/staff_member_id", "not_found")
    try:
        return plan_visit(rules, [Wish(one, chosen) for one in services], at_desk=at_desk)
    except ValidationFailed as error:  # it has variants now
        raise ServiceUnavailable from error


def _same_rental(
    rules: SalonRules, items: Sequence[BookingItem], chosen: uuid.UUID | None, at_desk: bool
) -> Visit:
    if chosen is not None:
        raise ValidationFailed.at("/staff_member_id", "not_found")
    [item] = items
    assert item.rental_id is not None
    try:
        return plan_letting(
            rules, item.rental_id, minutes_between(item.starts_at, item.ends_at), at_desk=at_desk
        )
    except (NotFound, LengthNotOffered) as error:
        raise ServiceUnavailable from error


def _let_at_once(booking: Booking) -> bool:
    [item] = booking.items.select_related("rental").all()
    return item.rental is not None and item.rental.auto_confirm


def _stays_in_its_session(
    rules: SalonRules, items: Sequence[BookingItem], chosen: uuid.UUID | None, at_desk: bool
) -> Visit:
    raise CannotChangeStatus


CUSTOMS = {
    Kind.VISIT: Custom(lambda booking: booking.salon.auto_confirm, _same_visit),
    Kind.SEAT: Custom(lambda booking: True, _stays_in_its_session),
    Kind.RENTAL: Custom(_let_at_once, _same_rental),
}
