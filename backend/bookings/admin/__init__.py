"""Bookings and refused times in the console, and the moon sightings that move the hours they were made for."""

from backend.bookings.admin import (
    bookings,
    outside,
    refusals,
    sessions,
    sightings,
    standing,
    waitlist,
    wordings,
)

__all__ = ["bookings", "outside", "refusals", "sessions", "sightings", "standing", "waitlist", "wordings"]
