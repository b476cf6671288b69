"""The catalogue in the console: texts in both languages, money in riyals, hours as a clock, every change with a name.

Rules that an operation keeps are asked of that operation; the salon is locked before anything of it changes, so that
bookings and closures see each other from here too.
"""

from backend.salons.admin import hours, offer, people, photos, places, rentals

__all__ = ["hours", "offer", "people", "photos", "places", "rentals"]
