"""What we say to people about their bookings."""

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
    tell,
    tell_customer,
    tell_the_day,
    values_of,
)

__all__ = [
    "LONGEST_TEXT",
    "REPHRASABLE",
    "checked",
    "counted",
    "drop_reminders",
    "may_say",
    "placeholders_for",
    "preview",
    "tell",
    "tell_customer",
    "tell_the_day",
    "text_in_force",
    "values_of",
]
