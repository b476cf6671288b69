"""The only ways a booking comes into being or changes. API, commands and webhooks all pass through here."""

from backend.bookings.operations.announcing import announce
from backend.bookings.operations.creating import create_booking, quote_booking, write_walk_in
from backend.bookings.operations.expiring import expire_dead, expire_if_dead
from backend.bookings.operations.guests import adopt_guest_visits
from backend.bookings.operations.kinds import confirms_itself
from backend.bookings.operations.moving import reschedule
from backend.bookings.operations.paying import (
    deposit_charged,
    deposit_paid,
    deposit_secured,
    deposit_to_charge,
    payment_begun,
)
from backend.bookings.operations.transitions import (
    SYSTEM,
    Actor,
    act,
    allowed_actions,
    by_customer,
    by_salon,
    cancel,
    cancellation_fee,
)

__all__ = [
    "SYSTEM",
    "Actor",
    "act",
    "adopt_guest_visits",
    "allowed_actions",
    "announce",
    "by_customer",
    "by_salon",
    "cancel",
    "cancellation_fee",
    "confirms_itself",
    "create_booking",
    "deposit_charged",
    "deposit_paid",
    "deposit_secured",
    "deposit_to_charge",
    "expire_dead",
    "expire_if_dead",
    "payment_begun",
    "quote_booking",
    "reschedule",
    "write_walk_in",
]
