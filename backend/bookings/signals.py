"""Facts that bookings announce to the apps above. Receivers write rows in the same transaction, never more."""

from django.dispatch import Signal

booking_closed = Signal()
"""A booking was cancelled, declined or expired. Arguments: `booking`, `verb`, `fee_minor` (halalas the salon keeps
of what was paid), `actor` (a user or None), `now`."""

visit_ended = Signal()
"""A booking became a visit that took place, or a no-show, or the one in place of the other.
Arguments: `booking`, `now`."""

time_freed = Signal()
"""Time of a salon's people or things was given back and noted (`FreedTime`), or the salon's hours changed.
Arguments: `salon_id`, `now`."""

booking_confirmed = Signal()
"""The salon, or its setting, said yes to a booking. Arguments: `booking`, `now`."""
