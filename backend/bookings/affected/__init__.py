"""Which bookings a change of hours collides with, and what to offer the people who come.

A booking is *affected* by a change when it fitted the salon's hours before and no longer does. The engine that lists
and accepts times is the judge, asked about the booking's own people and resources. What is none of the hours'
business (notice, horizon, grid, other visits) is left out, so other bookings' claims need not be read to judge one.

Whoever books holds the salon's row shared, and whoever changes hours locks it: one of two that meet comes first, so a
booking is either refused by the new hours or seen here.
"""

from backend.bookings.affected.changing import (
    Affected,
    Collision,
    at_odds_now,
    change_hours,
    moved_by_sighting,
)
from backend.bookings.affected.offering import Offer

__all__ = [
    "Affected",
    "Collision",
    "Offer",
    "at_odds_now",
    "change_hours",
    "moved_by_sighting",
]
