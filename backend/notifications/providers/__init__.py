"""Companies that carry a text to a phone: what we ask of each, and the list of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from django.utils.module_loading import import_string

Outcome = Literal["refused", "unreachable", "unknown"]
ErrorClass = Literal[
    "recipient", "configuration", "throttled", "our_bug", "provider_fault", "duplicate", "unknown"
]


class ProviderError(Exception):
    """A text was not (or not surely) taken over.

    `outcome`: "refused" and "unreachable" mean that the company certainly did not take it, "unknown" that it
    may have. `permanent`: the same text to the same number will be refused again. The error class `duplicate`
    means that it already has it.
    The message holds no phone number and no text.
    """

    def __init__(
        self, message: str, *, outcome: Outcome, error_class: ErrorClass, permanent: bool = False
    ) -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome
        self.error_class: ErrorClass = error_class
        self.permanent = permanent


class SmsProvider(Protocol):
    longest_call: float
    """Seconds after which `send` and `find` have answered or given up, whatever the other side does."""

    def send(self, *, to: str, body: str, reference: str) -> str:
        """Hand one text to the carrier and return the carrier's id for it.

        `to` is E.164; `reference` is our own id (ASCII, at most 32 characters). Raises ProviderError.
        """

    def find(self, *, reference: str, since: datetime) -> str | None:
        """The carrier's id of a text sent under `reference` after `since`, or None when it surely has none.

        Raises ProviderError when that cannot be told.
        """


SMS: dict[str, str] = {
    "console": "backend.notifications.providers.console.ConsoleSms",
    "unifonic": "backend.notifications.providers.unifonic.UnifonicSms",
}


def sms_provider(name: str) -> SmsProvider:
    """The adapter of this name, set up from the settings."""
    adapter: type[SmsProvider] = import_string(SMS[name])
    return adapter()
