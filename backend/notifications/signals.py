"""What notifications announce to the apps above. Receivers write rows in the same transaction, never more."""

from django.dispatch import Signal

reply_received = Signal()
"""Somebody answered a message that asked them something. Arguments: `inbound` (its `intent` is confirm or cancel, its
subject what they were asked about; a receiver that acts notes `result` on it), `message` (what they answer), `now`."""
