"""Bookings and refused times in the console, and the moon sightings that move the hours they were made for."""

from backend.bookings.admin import bookings, refusals, sightings, wordings

__all__ = ["bookings", "refusals", "sightings", "wordings"]
