"""Where a person is reached beside their phone number. `accounts` knows, and registers its answers here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID


@dataclass(frozen=True)
class PushTarget:
    kind: Literal["fcm_token", "fid"]
    token: str


class Addressbook(Protocol):
    def push_targets(self, user_id: UUID) -> Sequence[PushTarget]:
        """The devices that are signed in and said where a push reaches them, the one seen last first; at most 10."""

    def forget_push_target(self, token: str) -> None:
        """The carrier says that this target is dead."""

    def email(self, user_id: UUID) -> str:
        """The confirmed e-mail address, or an empty text."""

    def takes_offers(self, user_id: UUID) -> bool:
        """Whether the person's consent to offers stands."""

    def works_at_a_salon(self, user_id: UUID) -> bool:
        """Whether messages for staff are any business of theirs."""


_book: Addressbook | None = None


def register(book: Addressbook) -> None:
    """Called once, from an AppConfig's `ready`."""
    global _book
    _book = book


def addressbook() -> Addressbook:
    assert _book is not None, "no app registered an address book"
    return _book
