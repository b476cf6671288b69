"""Facts that accounts announce to the apps above. Receivers write rows in the same transaction, never more."""

from django.dispatch import Signal

phone_proven = Signal()
"""Somebody proved that a number is theirs, and nothing says that the account may be somebody else's. Arguments:
`user`, whose row is locked, and `now`."""

consent_withdrawn = Signal()
"""A consent was refused or taken back. Arguments: `user`, whose row is locked, `purpose` and `now`."""
