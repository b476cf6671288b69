"""Why a booking, or a change of one, is refused: one class per wire code, the codes of `availability.Reason` too."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from backend.bookings.availability import Reason
from backend.core.errors import Conflict, DomainError, Refused


class AboutTime(DomainError):
    """Parent of all refusals of a time. `decided_by` is the catalogue version whose rules said no, where known."""

    decided_by: int | None = None


class SlotUnavailable(AboutTime, Conflict):
    code = "slot_unavailable"
    message = _("This time has just been taken. Please choose another time.")


class BookingOverlap(AboutTime, Conflict):
    code = "booking_overlap"
    message = _("You have another booking at the same time.")


class PastTime(AboutTime, Refused):
    code = "past_time"
    message = _("A time in the past cannot be chosen.")


class TooSoon(AboutTime, Refused):
    code = "too_soon"
    message = _("Please book further ahead of the appointment.")


class TooFar(AboutTime, Refused):
    code = "too_far"
    message = _("Bookings are not open for a date this far ahead.")


class SalonClosed(AboutTime, Refused):
    code = "salon_closed"
    message = _("The salon is closed on this day.")


class OutsideHours(AboutTime, Refused):
    code = "outside_hours"
    message = _("The chosen time is outside working hours.")


class PrayerBreak(AboutTime, Refused):
    code = "prayer_break"
    message = _("This time is set aside for prayer. Please choose another time.")


class NotOnGrid(AboutTime, Refused):
    code = "not_on_grid"
    message = _("Please choose one of the times offered.")


class StaffUnavailable(AboutTime, Refused):
    code = "staff_unavailable"
    message = _("The specialist is not available at this time.")


class ResourceUnavailable(AboutTime, Refused):
    code = "resource_unavailable"
    message = _("The room or device this service needs is not available at this time.")


class DayFull(AboutTime, Refused):
    code = "day_full"
    message = _("No more bookings are taken for this day. Please choose another day.")


class SalonNotLive(AboutTime, Refused):
    code = "salon_not_live"
    message = _("This salon does not take bookings at the moment.")


class RescheduleTooLate(Refused):
    code = "reschedule_too_late"
    message = _("The time in which this booking could be moved without a fee has passed.")


class RescheduleLimit(Refused):
    code = "reschedule_limit"
    message = _("This booking has been moved as often as the salon allows.")


class ServiceUnavailable(AboutTime, Refused):
    code = "service_unavailable"
    message = _("This service is not available at the moment.")


class AmountChanged(Refused):
    code = "amount_changed"
    message = _("The price has changed. Please review the amount before continuing.")


class LengthNotOffered(Refused):
    code = "length_not_offered"
    message = _("This cannot be rented for that long. Please choose another length.")


class WomenOnly(Refused):
    code = "women_only"
    message = _("This salon is for women.")


class MenOnly(Refused):
    code = "men_only"
    message = _("This salon is for men.")


class CannotChangeStatus(Conflict):
    code = "cannot_change_status"
    message = _("This booking cannot be changed in its current state.")


class SlotExpired(Conflict):
    code = "slot_expired"
    message = _("The time kept for this booking has run out. Please choose again.")


class NoOffer(Conflict):
    code = "no_offer"
    message = _("No time is on offer for this place on the waiting list.")


class OfferExpired(Conflict):
    code = "offer_expired"
    message = _("The time kept for you has run out. It is possible to join the waiting list again.")


class WaitlistFull(Refused):
    code = "waitlist_full"
    message = _("At most %(most)s places on waiting lists are possible at a time.")


class SeatsUnavailable(Conflict):
    code = "seats_unavailable"
    message = _("Fewer seats are left than were asked for.")


class SessionCancelled(Conflict):
    code = "session_cancelled"
    message = _("This session does not take place.")


class SessionClosed(Conflict):
    code = "session_closed"
    message = _("Seats in this session can no longer be booked.")


class CannotChangeSession(Conflict):
    code = "cannot_change_session"
    message = _("This session cannot be changed in this way in its current state.")


class CapacityTaken(Conflict):
    code = "capacity_taken"
    message = _("More seats than that are taken already.")


BY_REASON: dict[Reason, type[AboutTime]] = {
    Reason(kind.code): kind
    for kind in (
        SlotUnavailable,
        BookingOverlap,
        PastTime,
        TooSoon,
        TooFar,
        SalonClosed,
        OutsideHours,
        NotOnGrid,
        StaffUnavailable,
        PrayerBreak,
        ResourceUnavailable,
        DayFull,
        ServiceUnavailable,
    )
}


def refusal(reasons: Sequence[Reason], *, decided_by: int) -> AboutTime:
    """The refusal for the first reason, with the whole list beside it for the app."""
    error = BY_REASON[reasons[0]](extra={"params": {"reasons": [str(reason) for reason in reasons]}})
    error.decided_by = decided_by
    return error
