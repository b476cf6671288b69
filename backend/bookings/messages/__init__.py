"""What we say to people about their bookings."""

from backend.bookings.messages.deposits import tell_deposit_raised, tell_standing_reviewed
from backend.bookings.messages.outside import tell_calendar_failing
from backend.bookings.messages.own import (
    LONGEST_TEXT,
    REPHRASABLE,
    checked,
    may_say,
    placeholders_for,
    preview,
    text_in_force,
)
from backend.bookings.messages.telling import (
    counted,
    drop_reminders,
    prospect_of,
    said_of,
    tell,
    tell_customer,
    tell_the_day,
    values_of,
)
from backend.bookings.messages.waitlist import tell_offer

__all__ = [
    "LONGEST_TEXT",
    "REPHRASABLE",
    "checked",
    "counted",
    "drop_reminders",
    "may_say",
    "placeholders_for",
    "preview",
    "prospect_of",
    "said_of",
    "tell",
    "tell_calendar_failing",
    "tell_customer",
    "tell_deposit_raised",
    "tell_offer",
    "tell_standing_reviewed",
    "tell_the_day",
    "text_in_force",
    "values_of",
]
