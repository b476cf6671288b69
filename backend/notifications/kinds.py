"""What can be told: each app registers its kinds of message here; delivery knows no more about them than this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Topic = Literal["bookings", "reminders", "payments", "reviews", "offers", "desk", "digest", "account"]
"""Kinds that belong together from where a person stands."""

TOPICS: Mapping[Topic, Literal["customer", "staff"]] = {
    "bookings": "customer",
    "reminders": "customer",
    "payments": "customer",
    "reviews": "customer",
    "offers": "customer",
    "desk": "staff",
    "digest": "staff",
}
"""The topics a person has a say in, and who each is written for. "account" (a number that changed) is not one."""


@dataclass(frozen=True)
class Kind:
    """One kind of message, such as `booking_confirmed`.

    `essential`: somebody must learn it (money, a visit that is off), so it keeps going to the phone number by the
    channels it has when all were silenced. `reply`: the answer to what a number has just written to us on WhatsApp; it
    goes there and nowhere else, in free words, whatever was chosen or stopped. `promotional`: needs consent, an `-AD`
    sender, and the hours of settings.PROMOTION_HOURS.
    """

    code: str
    topic: Topic
    essential: bool = False
    reply: bool = False

    @property
    def promotional(self) -> bool:
        return self.topic == "offers"


_kinds: dict[str, Kind] = {}


def register(kinds: Iterable[Kind]) -> None:
    """Called where an app's messages are written down; a code is registered once."""
    for kind in kinds:
        if _kinds.setdefault(kind.code, kind) != kind:
            raise ValueError(f"two different kinds of message are called {kind.code}")


def kind_of(code: str) -> Kind:
    """Raises KeyError for a kind nobody registered."""
    return _kinds[code]


def registered() -> Mapping[str, Kind]:
    return dict(_kinds)
