"""What we say to people about their bookings, in their own language. `notifications` carries it.

SMS texts follow the templates of the KSA facts 7.3: short, gender-neutral, one Arabic segment with a salon name of
twelve characters, numbers kept apart by line breaks so that right-to-left text does not reorder them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from backend.bookings.models import ActorRole, Booking, BookingState
from backend.notifications import kinds
from backend.notifications import operations as notifications
from backend.notifications.kinds import Kind
from backend.salons.models import Membership, SalonRole

kinds.register(
    (
        *(
            Kind(code, topic="bookings", essential=True)
            for code in (
                "booking_received",
                "booking_confirmed",
                "booking_declined",
                "booking_cancelled",
                "booking_cancelled_by_salon",
                "booking_expired",
                "booking_rescheduled",
                "booking_moved_by_salon",
                "booking_no_show",
                "booking_no_show_upheld",
                "booking_no_show_withdrawn",
            )
        ),
        *(
            Kind(code, topic="desk")
            for code in (
                "booking_requested",
                "booking_moved_by_customer",
                "booking_move_refused",
                "booking_no_show_disputed",
                "booking_cancelled_by_customer",
            )
        ),
    )
)

LONGEST_SALON_NAME = 12
_STANDS = frozenset({"create", "request", "auto_confirm", "confirm"})
"""Moves by which a booking comes to wait for the salon, or to stand."""


def tell(booking: Booking, verb: str, *, before: str, actor_role: str, now: datetime) -> None:
    """Queue what this change should say, to the customer and to the desk, in the transaction of the change."""
    _tell_customer(booking, verb, before=before, actor_role=actor_role, now=now)
    if verb == "reschedule":
        if actor_role == ActorRole.CUSTOMER:
            _tell_desk(booking, "booking_moved_by_customer", now=now)
    elif booking.state == BookingState.REQUESTED and verb in _STANDS:
        _tell_desk(booking, "booking_requested", now=now)
    elif verb == "refuse_move":
        _tell_desk(booking, "booking_move_refused", now=now)
    elif verb == "dispute_no_show":
        _tell_desk(booking, "booking_no_show_disputed", now=now)
    elif verb == "cancel" and actor_role == ActorRole.CUSTOMER and before != BookingState.HELD:
        _tell_desk(booking, "booking_cancelled_by_customer", now=now)


def _tell_customer(booking: Booking, verb: str, *, before: str, actor_role: str, now: datetime) -> None:
    phone = booking.customer.phone if booking.customer else booking.guest_phone
    if not phone:
        return
    language = booking.customer.spoken_language if booking.customer else booking.language
    with translation.override(language):
        kind, body = _customer_words(booking, verb, before=before, actor_role=actor_role)
    if kind:
        notifications.enqueue(
            recipient=booking.customer,
            to_phone=phone,
            language=language,
            kind=kind,
            audience="customer",
            words=notifications.Words(text=body),
            event_key=f"booking:{booking.pk}:v{booking.version}:{kind}:customer",
            now=now,
            salon_id=booking.salon_id,
            subject=notifications.Subject("booking", booking.pk),
        )


def _customer_words(booking: Booking, verb: str, *, before: str, actor_role: str) -> tuple[str, str]:
    """(kind, text) in the active language; an empty kind says nothing is worth a message."""
    words = _words(booking)
    match booking.state:
        case _ if verb == "reschedule" and booking.salon_moved_from is not None:
            return (
                "booking_moved_by_salon",
                _(
                    "The salon has moved your booking %(ref)s\n%(day)s %(date)s at %(time)s\n"
                    "Refusing is free of charge"
                )
                % words,
            )
        case _ if verb == "reschedule":
            return (
                "booking_rescheduled",
                _("Your booking %(ref)s has been moved\nNow: %(day)s %(date)s at %(time)s") % words,
            )
        case BookingState.REQUESTED if verb in _STANDS:
            return "booking_received", _(
                "Your request at %(salon)s was received\n%(day)s %(date)s at %(time)s"
            ) % words
        case BookingState.CONFIRMED if verb in _STANDS:
            return (
                "booking_confirmed",
                _("Your booking at %(salon)s is confirmed\n%(day)s %(date)s at %(time)s\nBooking %(ref)s")
                % words,
            )
        case BookingState.DECLINED if booking.deposit_paid_at:
            return (
                "booking_declined",
                _(
                    "Sorry, your booking %(ref)s\nat %(salon)s could not be confirmed. You will be refunded in full."
                )
                % words,
            )
        case BookingState.DECLINED:
            return (
                "booking_declined",
                _("Sorry, your booking %(ref)s at %(salon)s could not be confirmed.\nNothing was charged.")
                % words,
            )
        case BookingState.CANCELLED if actor_role == ActorRole.CUSTOMER and before != BookingState.HELD:
            return (
                "booking_cancelled",
                _("Your booking %(ref)s at %(salon)s was cancelled as you asked.") % words,
            )
        case BookingState.CANCELLED if actor_role != ActorRole.CUSTOMER and booking.deposit_paid_at:
            return (
                "booking_cancelled_by_salon",
                _("Sorry, your booking %(ref)s was cancelled by %(salon)s.\nYou will be refunded in full.")
                % words,
            )
        case BookingState.CANCELLED if actor_role != ActorRole.CUSTOMER:
            return "booking_cancelled_by_salon", _(
                "Sorry, your booking %(ref)s was cancelled by %(salon)s."
            ) % words
        case BookingState.EXPIRED if before == BookingState.REQUESTED and booking.deposit_paid_at:
            return (
                "booking_expired",
                _("Sorry, %(salon)s did not answer about booking %(ref)s.\nYou will be refunded in full.")
                % words,
            )
        case BookingState.EXPIRED if before == BookingState.REQUESTED:
            return "booking_expired", _("Sorry, %(salon)s did not answer about booking %(ref)s.") % words
        case _ if booking.customer is None:
            return "", ""  # what follows is for people who can answer it
        case BookingState.NO_SHOW if verb == "no_show":
            return (
                "booking_no_show",
                _("Booking %(ref)s was marked as a no-show.\nThe app takes objections for 48 hours.") % words,
            )
        case BookingState.NO_SHOW if verb == "uphold_no_show":
            return (
                "booking_no_show_upheld",
                _("Your objection about booking %(ref)s was reviewed.\nThe no-show stands.") % words,
            )
        case BookingState.COMPLETED if verb == "withdraw_no_show":
            return "booking_no_show_withdrawn", _("The no-show of booking %(ref)s was withdrawn.") % words
    return "", ""


def _tell_desk(booking: Booking, kind: str, *, now: datetime) -> None:
    """One message to each person who answers for the salon."""
    desk = Membership.objects.filter(
        salon_id=booking.salon_id,
        role__in=(SalonRole.OWNER, SalonRole.RECEPTIONIST),
        user__phone__isnull=False,
    ).select_related("user")
    for member in desk:
        assert member.user.phone is not None
        language = member.user.spoken_language
        with translation.override(language):
            words = _words(booking)
            if kind == "booking_requested":
                body = _("New booking request %(ref)s\n%(day)s %(date)s at %(time)s") % words
            elif kind == "booking_moved_by_customer":
                body = (
                    _("Booking %(ref)s was moved by the customer\nNow: %(day)s %(date)s at %(time)s") % words
                )
            elif kind == "booking_move_refused":
                body = (
                    _("Booking %(ref)s is cancelled: its new time was refused\n%(day)s %(date)s at %(time)s")
                    % words
                )
            elif kind == "booking_no_show_disputed":
                body = _("Objection to the no-show of booking %(ref)s\n%(day)s %(date)s at %(time)s") % words
            else:
                body = (
                    _("Booking %(ref)s was cancelled by the customer\n%(day)s %(date)s at %(time)s") % words
                )
        notifications.enqueue(
            recipient=member.user,
            to_phone=member.user.phone,
            language=language,
            kind=kind,
            audience="staff",
            words=notifications.Words(text=body),
            event_key=f"booking:{booking.pk}:v{booking.version}:{kind}:{member.user_id}",
            now=now,
            salon_id=booking.salon_id,
            subject=notifications.Subject("booking", booking.pk),
        )


def _words(booking: Booking) -> dict[str, Any]:
    local = booking.starts_at.astimezone(booking.salon.zone)
    hour = local.hour % 12 or 12
    if translation.get_language() == "ar":
        half = "ص" if local.hour < 12 else "م"
    else:
        half = "AM" if local.hour < 12 else "PM"
    return {
        "salon": str(booking.salon.name)[:LONGEST_SALON_NAME].rstrip(),
        "ref": booking.reference,
        "day": date_format(local, "l"),
        "date": f"{local.day}/{local.month}",
        "time": f"{hour}:{local.minute:02d} {half}",
    }
