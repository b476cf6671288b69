"""The wordings of what we say about bookings. Gender-neutral, numbers apart (KSA facts 7.3)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as N_

from backend.notifications import phrases
from backend.notifications.kinds import Kind, Topic
from backend.notifications.phrases import Phrase

_WHEN = N_("Booking %(ref)s\n%(day)s %(date)s at %(time)s")
"""Most lock screens: what happened is in the title."""
_REFUNDED = N_("Booking %(ref)s\nYou will be refunded in full.")


def _customer(
    code: str, title: str, text: str, push: str = _WHEN, *, topic: Topic = "bookings", essential: bool = True
) -> Phrase:
    return Phrase(Kind(code, topic, essential), "customer", title, text, push)


def _desk(code: str, title: str, text: str, push: str = _WHEN, *, topic: Topic = "desk") -> Phrase:
    return Phrase(Kind(code, topic), "staff", title, text, push)


CUSTOMER = (
    _customer(
        "booking_received",
        N_("Request received"),
        N_("Your request at %(salon)s was received\n%(day)s %(date)s at %(time)s"),
    ),
    _customer(
        "booking_confirmed",
        N_("Booking confirmed"),
        N_("Your booking at %(salon)s is confirmed\n%(day)s %(date)s at %(time)s\nBooking %(ref)s"),
    ),
    _customer(
        "booking_declined",
        N_("Booking declined"),
        N_("Sorry, your booking %(ref)s at %(salon)s could not be confirmed.\nNothing was charged."),
    ),
    _customer(
        "booking_declined_refunded",
        N_("Booking declined"),
        N_("Sorry, your booking %(ref)s\nat %(salon)s could not be confirmed. You will be refunded in full."),
        _REFUNDED,
    ),
    _customer(
        "booking_cancelled",
        N_("Booking cancelled"),
        N_("Your booking %(ref)s at %(salon)s was cancelled as you asked."),
    ),
    _customer(
        "booking_cancelled_by_salon",
        N_("Booking cancelled"),
        N_("Sorry, your booking %(ref)s was cancelled by %(salon)s."),
    ),
    _customer(
        "booking_cancelled_by_salon_refunded",
        N_("Booking cancelled"),
        N_("Sorry, your booking %(ref)s was cancelled by %(salon)s.\nYou will be refunded in full."),
        _REFUNDED,
    ),
    _customer(
        "booking_expired",
        N_("Request expired"),
        N_("Sorry, %(salon)s did not answer about booking %(ref)s."),
    ),
    _customer(
        "booking_expired_refunded",
        N_("Request expired"),
        N_("Sorry, %(salon)s did not answer about booking %(ref)s.\nYou will be refunded in full."),
        _REFUNDED,
    ),
    _customer(
        "booking_rescheduled",
        N_("Booking moved"),
        N_("Your booking %(ref)s has been moved\nNow: %(day)s %(date)s at %(time)s"),
    ),
    _customer(
        "booking_moved_by_salon",
        N_("Moved by the salon"),
        N_(
            "The salon has moved your booking %(ref)s\n%(day)s %(date)s at %(time)s\n"
            "Refusing is free of charge"
        ),
    ),
    _customer(
        "booking_no_show",
        N_("Marked as no-show"),
        N_("Booking %(ref)s was marked as a no-show.\nThe app takes objections for 48 hours."),
    ),
    _customer(
        "booking_no_show_upheld",
        N_("Objection reviewed"),
        N_("Your objection about booking %(ref)s was reviewed.\nThe no-show stands."),
    ),
    _customer(
        "booking_no_show_withdrawn",
        N_("No-show withdrawn"),
        N_("The no-show of booking %(ref)s was withdrawn."),
    ),
    _customer(
        "booking_reminder",
        N_("Booking reminder"),
        N_("Reminder of your appointment at %(salon)s\n%(day)s %(date)s at %(time)s\nBooking %(ref)s"),
        topic="reminders",
        essential=False,
    ),
    _customer(
        "review_request",
        N_("How was your visit?"),
        N_("How was your visit at %(salon)s?\nBooking %(ref)s can be rated in the app."),
        N_("Booking %(ref)s can be rated in the app."),
        topic="reviews",
        essential=False,
    ),
)

STANDING = (
    _customer(
        "deposit_raised",
        N_("Deposit raised"),
        N_("Deposit at %(salon)s: %(deposit)s\nFrom %(from)s to %(until)s\nBecause of booking %(ref)s"),
        N_("Because of booking %(ref)s\nThe app says until when and why."),
    ),
    _customer(
        "standing_reviewed",
        N_("Record reviewed"),
        N_("Your record at %(salon)s was reviewed.\nDeposit: %(deposit)s"),
        N_("The app says what is asked now."),
    ),
)
"""In nobody's own words: they name sums."""

WAITLIST = (
    _customer(
        "waitlist_offer",
        N_("A time is free"),
        N_("Free at %(salon)s\n%(date)s at %(time)s\nCan be accepted in the app until %(answer_by)s"),
        N_("%(date)s at %(time)s\nKept for a short while. The app says until when."),
        essential=False,
    ),
)
"""In nobody's own words: an offer lapses, and says when."""

SESSIONS = (
    _customer(
        "seats_confirmed",
        N_("Booking confirmed"),
        N_("Your booking %(ref)s is confirmed\n%(title)s\n%(day)s %(date)s at %(time)s"),
    ),
    _customer(
        "session_cancelled",
        N_("Booking cancelled"),
        N_("Sorry, this does not take place: %(title)s\nBooking %(ref)s"),
        N_("Booking %(ref)s\nIt does not take place."),
    ),
    _customer(
        "session_cancelled_refunded",
        N_("Booking cancelled"),
        N_("Sorry, this does not take place: %(title)s\nBooking %(ref)s\nYou will be refunded in full."),
        _REFUNDED,
    ),
)
"""In nobody's own words: they name the session."""

DESK = (
    _desk(
        "booking_requested",
        N_("New booking request"),
        N_("New booking request %(ref)s\n%(day)s %(date)s at %(time)s"),
    ),
    _desk(
        "rental_requested",
        N_("New booking request"),
        N_("Request %(ref)s: %(title)s\nFrom %(date)s at %(time)s\nTo %(until_date)s at %(until_time)s"),
    ),
    _desk(
        "booking_moved_by_customer",
        N_("Moved by customer"),
        N_("Booking %(ref)s was moved by the customer\nNow: %(day)s %(date)s at %(time)s"),
    ),
    _desk(
        "booking_move_refused",
        N_("New time refused"),
        N_("Booking %(ref)s is cancelled: its new time was refused\n%(day)s %(date)s at %(time)s"),
    ),
    _desk(
        "booking_no_show_disputed",
        N_("No-show disputed"),
        N_("Objection to the no-show of booking %(ref)s\n%(day)s %(date)s at %(time)s"),
    ),
    _desk(
        "booking_cancelled_by_customer",
        N_("Customer cancelled"),
        N_("Booking %(ref)s was cancelled by the customer\n%(day)s %(date)s at %(time)s"),
    ),
    _desk(
        "outside_calendar_failing",
        N_("Calendar not read"),
        N_("The calendar of %(title)s cannot be read since\n%(day)s %(date)s at %(time)s"),
        N_("Not since %(day)s %(date)s at %(time)s\nKnown busy times stay taken."),
    ),
    _desk(
        "day_summary",
        N_("Your day"),
        N_("%(day)s %(date)s from %(time)s\n%(bookings)s\n%(requests)s"),
        N_("%(day)s %(date)s from %(time)s\n%(bookings)s\n%(requests)s"),
        topic="digest",
    ),
)

RENTALS = (
    _customer(
        "rental_received",
        N_("Request received"),
        N_(
            "Your request was received: %(title)s\nFrom %(date)s at %(time)s\n"
            "To %(until_date)s at %(until_time)s"
        ),
    ),
    _customer(
        "rental_confirmed",
        N_("Booking confirmed"),
        N_(
            "Your booking is confirmed: %(title)s\nFrom %(date)s at %(time)s\n"
            "To %(until_date)s at %(until_time)s"
        ),
    ),
)
"""In nobody's own words: they name what is let, and when it ends."""

phrases.register((*CUSTOMER, *STANDING, *WAITLIST, *SESSIONS, *RENTALS, *DESK))
