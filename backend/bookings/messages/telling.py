"""Queueing what we say to people about their bookings, each in their own language. `notifications` carries it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import translation
from django.utils.translation import ngettext

from backend.bookings.messages.own import own_text, said_name
from backend.bookings.messages.rentals import kind_for_rental, rental_values
from backend.bookings.messages.sessions import kind_for_seats, short_title
from backend.bookings.models import ActorRole, Booking, BookingState, Kind
from backend.notifications import operations as notifications
from backend.notifications.models import Message
from backend.notifications.phrases import phrase_of, said_at
from backend.salons.models import Membership, Salon, SalonRole

SUMMARY_LASTS = timedelta(hours=12)
_STANDS = frozenset({"create", "request", "auto_confirm", "confirm"})
"""Moves by which a booking comes to wait for the salon, or to stand."""


def tell(booking: Booking, verb: str, *, before: str, actor_role: str, now: datetime) -> None:
    """Queue what this change should say, to the customer and to the desk, in the transaction of the change."""
    for message in said_of(booking, verb, before=before, actor_role=actor_role, now=now):
        notifications.enqueue(message)


def said_of(booking: Booking, verb: str, *, before: str, actor_role: str, now: datetime) -> list[Message]:
    """What this change should say, not saved yet."""
    said: list[Message] = []
    if kind := _for_customer(booking, verb, before=before, actor_role=actor_role):
        message = _to_customer(booking, _in_its_words(booking, kind), event=f"v{booking.version}", now=now)
        said += filter(None, [message])
    if kind := _for_desk(booking, verb, before=before, actor_role=actor_role):
        said += _to_desk(booking, _in_its_words(booking, kind), now=now)
    return said


def prospect_of(booking: Booking) -> notifications.Prospect | None:
    """Ask, with the transaction's next statement, whether the first of what is said may be written as claimed."""
    return notifications.foresee(recipient=booking.customer, to_phone=_phone_of(booking), topic="bookings")


def _phone_of(booking: Booking) -> str:
    return (booking.customer.phone if booking.customer else booking.guest_phone) or ""


_IN_ITS_WORDS: dict[str, Callable[[Booking, str], str]] = {
    Kind.SEAT: kind_for_seats,
    Kind.RENTAL: kind_for_rental,
}
_ITS_VALUES: dict[str, Callable[[Booking], dict[str, str]]] = {
    Kind.SEAT: lambda booking: {"title": short_title(booking)},
    Kind.RENTAL: rental_values,
}


def _in_its_words(booking: Booking, kind: str) -> str:
    """The kind of message for what is booked, where it has one of its own."""
    own = _IN_ITS_WORDS.get(booking.kind)
    return own(booking, kind) if own else kind


def _for_customer(booking: Booking, verb: str, *, before: str, actor_role: str) -> str:
    """The kind of message; empty when nothing is worth one."""
    back = "_refunded" if booking.deposit_paid_at else ""
    by_customer = actor_role == ActorRole.CUSTOMER
    match booking.state:
        case _ if verb == "reschedule" and booking.salon_moved_from is not None:
            return "booking_moved_by_salon"
        case _ if verb == "reschedule":
            return "booking_rescheduled"
        case BookingState.REQUESTED if verb in _STANDS:
            return "booking_received"
        case BookingState.CONFIRMED if verb in _STANDS:
            return "booking_confirmed"
        case BookingState.DECLINED:
            return f"booking_declined{back}"
        case BookingState.CANCELLED if by_customer:
            return "booking_cancelled" if before != BookingState.HELD else ""
        case BookingState.CANCELLED:
            return f"booking_cancelled_by_salon{back}"
        case BookingState.EXPIRED if before == BookingState.REQUESTED:
            return f"booking_expired{back}"
        case _ if booking.customer is None:
            return ""  # what follows is for people who can answer it
        case BookingState.NO_SHOW if verb == "no_show":
            return "booking_no_show"
        case BookingState.NO_SHOW if verb == "uphold_no_show":
            return "booking_no_show_upheld"
        case BookingState.COMPLETED if verb == "withdraw_no_show":
            return "booking_no_show_withdrawn"
    return ""


def _for_desk(booking: Booking, verb: str, *, before: str, actor_role: str) -> str:
    by_customer = actor_role == ActorRole.CUSTOMER
    match verb:
        case "reschedule":
            return "booking_moved_by_customer" if by_customer else ""
        case "refuse_move":
            return "booking_move_refused"
        case "dispute_no_show":
            return "booking_no_show_disputed"
        case "cancel" if by_customer and before != BookingState.HELD:
            return "booking_cancelled_by_customer"
        case _ if verb in _STANDS and booking.state == BookingState.REQUESTED:
            return "booking_requested"
    return ""


def tell_customer(
    booking: Booking, kind: str, *, event: str, now: datetime, expires_at: datetime | None = None
) -> None:
    """Queue one message about a booking to whoever it is for, if they have a number.

    `event` tells apart what one booking is told more than once of the same kind.
    """
    message = _to_customer(booking, kind, event=event, now=now, expires_at=expires_at)
    if message is not None:
        notifications.enqueue(message)


def _to_customer(
    booking: Booking, kind: str, *, event: str, now: datetime, expires_at: datetime | None = None
) -> Message | None:
    phone = _phone_of(booking)
    if not phone:
        return None
    language = booking.customer.spoken_language if booking.customer else booking.language
    with translation.override(language):
        words = phrase_of(kind).words(
            values_of(booking),
            own_text=own_text(booking.salon, kind, language),
        )
    return notifications.draft(
        recipient=booking.customer,
        to_phone=phone,
        language=language,
        kind=kind,
        audience="customer",
        words=words,
        event_key=f"booking:{booking.pk}:{event}:{kind}:customer",
        now=now,
        salon_id=booking.salon_id,
        subject=notifications.Subject("booking", booking.pk),
        expires_at=expires_at,
    )


def _to_desk(booking: Booking, kind: str, *, now: datetime) -> Iterator[Message]:
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
            words = phrase_of(kind).words(values_of(booking))
        yield notifications.draft(
            recipient=member.user,
            to_phone=member.user.phone,
            language=language,
            kind=kind,
            audience="staff",
            words=words,
            event_key=f"booking:{booking.pk}:v{booking.version}:{kind}:{member.user_id}",
            now=now,
            salon_id=booking.salon_id,
            subject=notifications.Subject("booking", booking.pk),
        )


def tell_the_day(
    member: Any, *, salon: Salon, first_at: datetime, bookings: int, requests: int, now: datetime
) -> None:
    """Queue somebody's summary of the day on which `first_at` lies: how many visits, and how many unanswered.

    `member` is a person with a number who works at `salon`.
    """
    local = first_at.astimezone(salon.zone)
    language = member.spoken_language
    with translation.override(language):
        words = phrase_of("day_summary").words(said_at(local) | counted(bookings, requests))
    notifications.enqueue(
        notifications.draft(
            recipient=member,
            to_phone=member.phone,
            language=language,
            kind="day_summary",
            audience="staff",
            words=words,
            event_key=f"salon:{salon.pk}:day:{now.astimezone(salon.zone):%F}:{member.pk}",
            now=now,
            salon_id=salon.pk,
            subject=notifications.Subject("salon", salon.pk),
            expires_at=now + SUMMARY_LASTS,
        )
    )


def counted(bookings: int, requests: int) -> dict[str, str]:
    """Both numbers in words of the active language: a wording approved for WhatsApp cannot decline them itself."""
    return {
        "bookings": ngettext("%(count)d booking confirmed", "%(count)d bookings confirmed", bookings)
        % {"count": bookings},
        "requests": ngettext("%(count)d request waiting", "%(count)d requests waiting", requests)
        % {"count": requests},
    }


def values_of(booking: Booking) -> dict[str, str]:
    """What a text about a booking may name, in the active language."""
    return {
        "salon": said_name(booking.salon),
        "ref": booking.reference,
        **said_at(booking.starts_at.astimezone(booking.salon.zone)),
        **(_ITS_VALUES[booking.kind](booking) if booking.kind in _ITS_VALUES else {}),
    }


def drop_reminders(booking: Booking, *, now: datetime) -> None:
    """Reminders of a time that is no longer this booking's, if they have not left yet."""
    Message.objects.filter(
        subject_id=booking.pk, kind="booking_reminder", state=Message.State.PENDING
    ).update(state=Message.State.SKIPPED, next_attempt_at=None, finished_at=now)
