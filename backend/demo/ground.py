"""What every writer of the demo stands on: the moment it is told from, who is who, and what was written."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from backend.core.time import RIYADH
from backend.demo.world import Person


@dataclass
class Totals:
    """What was written."""

    salons: int = 0
    staff: int = 0
    customers: int = 0
    bookings: int = 0
    payments: int = 0
    reviews: int = 0


class Ground:
    """Days and seconds of the demo's world count from the last midnight of Riyadh."""

    def __init__(self, *, seed: int, now: datetime, cast: Mapping[str, Person]) -> None:
        self.seed, self.cast = seed, cast
        self.totals = Totals()
        self.today: date = now.astimezone(RIYADH).date()
        self.midnight = datetime.combine(self.today, time.min, tzinfo=RIYADH)
        self.now_seconds = int((now - self.midnight).total_seconds())
        self.known: dict[uuid.UUID, uuid.UUID] = {}
        """People whose number had an account before the demo came, by the id the demo would have given."""
        self.calendars: dict[uuid.UUID, int] = {}
        """Of the cluster that is being written: by person or thing."""

    def at(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self.midnight + timedelta(seconds=seconds)

    def minute(self, minutes: int) -> datetime:
        return self.midnight + timedelta(minutes=minutes)

    def user(self, id: uuid.UUID) -> uuid.UUID:
        """The account a person of the demo has."""
        return self.known.get(id, id)
