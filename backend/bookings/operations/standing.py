"""Marks that change what is asked: the customer is told, and an owner may let go of them (ADR 0023)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from backend.bookings import messages
from backend.bookings.models import ActorRole, Booking, BookingState, Forgiveness, Source
from backend.bookings.queries.rules import policy_of
from backend.bookings.queries.standing import forgivenesses_of, marks_with, stands_with
from backend.bookings.standing import standing
from backend.core.errors import NotFound, Refused, ValidationFailed
from backend.core.privacy import forget_answers_about
from backend.salons.models import Business, Salon


class NothingToForgive(Refused):
    code = "nothing_to_forgive"
    message = _("Nothing is recorded that could be let go of.")


def tell_of_mark(booking: Booking, verb: str, *, before: str, actor_role: str, now: datetime) -> None:
    """After a move that may leave a mark: tell the customer when it raises the deposit, and from when.

    A missed visit counts once nobody can object to it any more, so what is told lies ahead.
    """
    leaves = verb in ("no_show", "uphold_no_show") or (
        verb == "cancel"
        and actor_role == ActorRole.CUSTOMER
        and before == BookingState.CONFIRMED
        and now >= booking.free_cancel_until
    )
    if not leaves or booking.customer is None or booking.source != Source.APP:
        return
    business = Business.objects.get(salons=booking.salon_id)
    if (policy := policy_of(business)) is None:
        return
    marked = marks_with(booking.customer, business.pk, at=now)
    own = next((one.mark for one in marked if one.booking.pk == booking.pk), None)
    if own is None or own.counts_from is None or own.is_forgiven:
        return
    at = max(now, own.counts_from)
    others = (one.mark for one in marked if one.booking.pk != booking.pk)
    stands = standing((one.mark for one in marked), policy, at=at)
    if stands.percent > standing(others, policy, at=at).percent:
        messages.tell_deposit_raised(booking, stands, at=at, now=now)


def forgive(
    *, salon: Salon, customer: Any, by: Any, reason: str, now: datetime, booking_id: uuid.UUID | None = None
) -> Forgiveness:
    """Let go of one mark of a client's, or of all there are: at every salon of the business.

    `customer` is None for a guest, of whom nothing is recorded. Raises NothingToForgive, ValidationFailed for a
    booking that left no mark, NotFound for somebody who has left.
    """
    if customer is None:
        raise NothingToForgive
    with transaction.atomic():
        customer = _hold(customer)
        stands = stands_with(customer, salon.business, at=now)
        marked = stands.marked if stands else ()
        if booking_id is not None:
            marked = tuple(one for one in marked if one.booking.pk == booking_id)
            if not marked:
                raise ValidationFailed.at("/booking_id", "not_found")
        if all(one.mark.is_forgiven for one in marked):
            raise NothingToForgive
        row = Forgiveness.objects.create(
            salon=salon, customer=customer, booking_id=booking_id, reason=reason, by=by, at=now
        )
        _tell_reviewed(row, now=now)
    return row


def withdraw_forgiveness(
    *, salon: Salon, customer: Any, forgiveness_id: uuid.UUID, by: Any, reason: str, now: datetime
) -> Forgiveness:
    """Take one back: its marks count again. What is withdrawn already is returned as it is. Raises NotFound."""
    if customer is None:
        raise NotFound
    with transaction.atomic():
        customer = _hold(customer)
        found = forgivenesses_of(customer, salon.business_id).filter(pk=forgiveness_id).first()
        if found is None:
            raise NotFound
        if getattr(found, "withdrawn_by", None) is not None:
            return found
        taken_back = Forgiveness.objects.create(
            salon=salon, customer=customer, withdraws=found, reason=reason, by=by, at=now
        )
        _tell_reviewed(taken_back, now=now)
    return found


def forget_forgivenesses(customer: Any) -> int:
    """Delete what was let go of for somebody who leaves, and its words where an answer was kept for a retry.

    Their row is locked by the caller. Returns how many there were.
    """
    rows = Forgiveness.objects.filter(customer=customer)
    if found := list(rows.values_list("pk", flat=True)):
        forget_answers_about(found)
        rows.delete()
    return len(found)


def _tell_reviewed(row: Forgiveness, *, now: datetime) -> None:
    stands = stands_with(row.customer, row.salon.business, at=now)
    if stands is not None:
        messages.tell_standing_reviewed(
            row.customer, stands.standing, salon=row.salon, forgiveness_id=row.pk, now=now
        )


def _hold(customer: Any) -> Any:
    """The account, held: of two owners who let go at once, the second sees what the first did."""
    people = get_user_model().objects.select_for_update(no_key=True)
    held = people.filter(pk=customer.pk, deleted_at__isnull=True).first()
    if held is None:
        raise NotFound
    return held
