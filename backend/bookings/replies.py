"""What a reply to a reminder does: the customer's own confirmation or cancellation, by the same operations as the app.

Whoever holds the number that was reminded may answer, with an account or as a guest: a sign-in proves no more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.dispatch import receiver
from django.utils import translation
from django.utils.translation import gettext_noop as N_

from backend.bookings.messages import values_of
from backend.bookings.models import Booking, BookingState
from backend.bookings.operations import by_customer, cancel, cancellation_fee
from backend.bookings.operations.answering import answer
from backend.bookings.operations.transitions import lock_booking
from backend.core.errors import DomainError, NotFound
from backend.notifications import operations as notifications
from backend.notifications import phrases
from backend.notifications.kinds import Kind
from backend.notifications.models import InboundMessage, Message
from backend.notifications.operations.inbound import WINDOW
from backend.notifications.phrases import Phrase
from backend.notifications.signals import reply_received


def _reply(code: str, title: str, text: str) -> Phrase:
    return Phrase(Kind(code, topic="bookings", reply=True), "customer", title, text, text)


CONFIRMED = _reply(
    "reply_confirmed",
    N_("Attendance confirmed"),
    N_("Your attendance is confirmed\n%(day)s %(date)s at %(time)s\nBooking %(ref)s"),
)
CANCELLED = _reply("reply_cancelled", N_("Booking cancelled"), N_("Booking %(ref)s is cancelled."))
COSTS = _reply(
    "reply_costs",
    N_("Not cancelled yet"),
    N_("Cancelling booking %(ref)s costs a fee by now.\nThe app shows it and cancels."),
)
NOT_POSSIBLE = _reply(
    "reply_not_possible",
    N_("Nothing was changed"),
    N_("A reply cannot change booking %(ref)s any more.\nPlease see the app, or ask the salon."),
)
phrases.register((CONFIRMED, CANCELLED, COSTS, NOT_POSSIBLE))


@receiver(reply_received)
def act_on_reply(sender: Any, *, inbound: InboundMessage, message: Message, now: datetime, **_: Any) -> None:
    """Confirm or cancel the booking somebody was reminded of, and answer on WhatsApp what came of it.

    A repeated webhook does not get here; another reply with the same wish finds it fulfilled and is answered alike.
    """
    if message.subject_type != "booking" or message.subject_id is None:
        return
    phone = inbound.from_phone
    bookings = Booking.objects.filter(Q(customer__phone=phone) | Q(customer=None, guest_phone=phone))
    wish = _confirm if inbound.intent == InboundMessage.Intent.CONFIRM else _cancel
    try:
        with transaction.atomic():
            booking = lock_booking(bookings, message.subject_id)
            # The visit they were reminded of is not this one any more.
            moved = booking.events.filter(verb="reschedule", at__gt=message.created_at).exists()
            said = NOT_POSSIBLE if moved else wish(booking, bookings, now=now)
            inbound.result = "done" if said in (CONFIRMED, CANCELLED) else said.kind.code
    except NotFound:  # the number, or the booking, is somebody else's by now
        return
    except DomainError as refusal:
        said, inbound.result = NOT_POSSIBLE, refusal.code
    inbound.save(update_fields=["result"])
    _tell(booking, said, inbound=inbound, now=now)


def _confirm(booking: Booking, bookings: QuerySet[Booking], *, now: datetime) -> Phrase:
    if booking.state != BookingState.CONFIRMED or booking.attendance_confirmed_at is None:
        answer(
            bookings=bookings,
            booking_id=booking.pk,
            verb="confirm_attendance",
            actor=by_customer(booking.customer),
            version=booking.version,
            now=now,
        )
    return CONFIRMED


def _cancel(booking: Booking, bookings: QuerySet[Booking], *, now: datetime) -> Phrase:
    if cancellation_fee(booking, now=now):
        return COSTS  # whoever taps in the app is shown the fee first
    cancel(
        bookings=bookings,
        booking_id=booking.pk,
        actor=by_customer(booking.customer),
        version=booking.version,
        now=now,
    )
    return CANCELLED


def _tell(booking: Booking, said: Phrase, *, inbound: InboundMessage, now: datetime) -> None:
    language = booking.customer.spoken_language if booking.customer else booking.language
    with translation.override(language):
        words = said.words(values_of(booking))
    notifications.enqueue(
        notifications.draft(
            recipient=booking.customer,
            to_phone=inbound.from_phone,
            language=language,
            kind=said.kind.code,
            audience="customer",
            words=words,
            event_key=f"inbound:{inbound.pk}",
            now=now,
            salon_id=booking.salon_id,
            subject=notifications.Subject("booking", booking.pk),
            expires_at=now + WINDOW,
        )
    )
