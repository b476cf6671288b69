"""Companies that carry a message to a person: what we ask of each, what their failures mean, and their list."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

Channel = Literal["sms", "whatsapp", "push", "email"]
CHANNELS: tuple[Channel, ...] = ("sms", "whatsapp", "push", "email")
PHONE_CHANNELS: tuple[Channel, ...] = ("sms", "whatsapp")
"""The channels that reach a phone number."""
REPEATABLE: frozenset[Channel] = frozenset({"push"})
"""Where a second copy replaces the first, so that a message whose fate nobody saw is simply sent again."""

Outcome = Literal["refused", "unreachable", "unknown"]
ErrorClass = Literal[
    "recipient",
    "opted_out",
    "no_route",
    "provider_fault",
    "throttled",
    "duplicate",
    "unknown",
    "configuration",
    "our_bug",
    "blocked",
]

Report = Literal["sent", "undelivered", "delivered", "read"]
"""What a company tells later of a message that it took over."""

CONNECT_TIMEOUT = 3.0
"""Seconds in which a connection is made or given up; settings.PROVIDER_TIMEOUT bounds the whole call."""


class Reaction(enum.StrEnum):
    """What we do about a message that a provider did not take."""

    TELL_USER = "tell the user"
    TRY_NEXT = "try the next"
    BACK_OFF = "back off"
    ALARM = "alarm"


REACTIONS: Mapping[ErrorClass, Reaction] = {
    "recipient": Reaction.TELL_USER,
    "opted_out": Reaction.TELL_USER,
    "no_route": Reaction.TRY_NEXT,
    "provider_fault": Reaction.TRY_NEXT,
    "throttled": Reaction.BACK_OFF,
    "duplicate": Reaction.BACK_OFF,
    "unknown": Reaction.BACK_OFF,
    "configuration": Reaction.ALARM,
    "our_bug": Reaction.ALARM,
    "blocked": Reaction.ALARM,
}

_NOBODY_ELSE: frozenset[ErrorClass] = frozenset({"recipient", "opted_out", "duplicate", "unknown", "blocked"})
_NO_OTHER_CHANNEL: frozenset[ErrorClass] = frozenset({"duplicate", "unknown", "blocked"})


class ProviderError(Exception):
    """A message was not (or not surely) taken over.

    `outcome`: "refused" and "unreachable" mean that the company certainly did not take it, "unknown" that it
    may have. `permanent`: the same text to the same address will be refused again. `retry_after`: how long they
    asked not to be asked. The error class maps to exactly one reaction, and says whether the next provider of the
    channel's list is asked:

    | error class    | what happened                                    | reaction      | next provider |
    |----------------|--------------------------------------------------|---------------|---------------|
    | recipient      | this number or address cannot get a message      | tell the user | no            |
    | opted_out      | the person refused messages on this channel      | tell the user | no            |
    | no_route       | this company finds no way to the number          | try the next  | yes           |
    | provider_fault | their own trouble, or nobody there               | try the next  | yes           |
    | throttled      | they want less from us                           | back off      | yes           |
    | duplicate      | they have it already: the person has the text    | back off      | no            |
    | unknown        | it may have gone out: nobody sends it again      | back off      | no            |
    | configuration  | credential, sender, balance, country: our set-up | alarm         | yes           |
    | our_bug        | what we sent is malformed                        | alarm         | yes           |
    | blocked        | stopped as suspected fraud                       | alarm         | no            |

    "Back off" means that this company is not asked again at once: a person is told to wait longer, the outbox
    lets its delays grow. An alarm is a row that somebody acknowledges (`core.alarms`).
    The message holds no phone number, no address and no text.
    """

    def __init__(
        self,
        message: str,
        *,
        outcome: Outcome,
        error_class: ErrorClass,
        permanent: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome
        self.error_class: ErrorClass = error_class
        self.permanent = permanent
        self.retry_after = retry_after

    @property
    def reaction(self) -> Reaction:
        return REACTIONS[self.error_class]

    @property
    def passes_on(self) -> bool:
        """The next provider may be asked: this one surely did not take it, and another one could."""
        return self.outcome != "unknown" and self.error_class not in _NOBODY_ELSE

    @property
    def passes_to_other_channels(self) -> bool:
        """The person may be reached another way: who cannot get an SMS may have an e-mail address."""
        return self.outcome != "unknown" and self.error_class not in _NO_OTHER_CHANNEL


@dataclass(frozen=True)
class DeliveryReport:
    """A company's word on one message, in ours. `report` is None for a state that tells nothing new."""

    provider_message_id: str
    report: Report | None
    error_class: str = ""


@dataclass(frozen=True)
class Template:
    """A wording that was approved beforehand, filled in. WhatsApp takes nothing else from us first.

    `name` is ours: "otp", or the kind of the message. Each adapter knows from the settings what its company calls it.
    """

    name: str
    language: str
    values: tuple[str, ...]


class MessageProvider(Protocol):
    channels: Sequence[Channel]
    """What the company carries, whether or not it is set up."""

    @property
    def longest_call(self) -> float:
        """Seconds after which `send` and `find` have answered or given up, whatever the other side does."""

    def needs(self, channel: Channel) -> Mapping[str, bool]:
        """The variables this channel cannot do without, and whether each has a value."""

    def address(self, channel: Channel) -> str | None:
        """The base URL that messages on this channel go to; None when no HTTP call of ours carries them."""

    def carries(self, channel: Channel, template: Template) -> bool:
        """Whether the wording may go by this channel. On WhatsApp the company must have approved it in its language."""

    def send(
        self,
        *,
        channel: Channel,
        to: str,
        body: str,
        reference: str,
        template: Template | None = None,
        valid_for: timedelta | None = None,
        title: str = "",
        data: Mapping[str, str] | None = None,
        promotional: bool = False,
    ) -> str:
        """Hand one message to the carrier and return the carrier's id for it.

        `to` is E.164, an e-mail address, or for push the id of the person, whose devices the address book knows;
        `body` is what the person reads, and on WhatsApp only sent when there is no `template`; `title` heads a push
        and an e-mail; `data` is what a push tells the app; `reference` is our own id (ASCII, at most 32 characters);
        a message older than `valid_for` need not arrive any more; a `promotional` text bears the `-AD` sender.
        Raises ProviderError.
        """

    def find(self, *, reference: str, to: str, body: str, since: datetime) -> str | None:
        """The carrier's id of a text (SMS) sent after `since`, or None when it surely has none.

        None also where sending again does no harm (`REPEATABLE`). Raises ProviderError when that cannot be told.
        """


PROVIDERS: dict[str, str] = {
    "console": "backend.notifications.providers.console.ConsoleProvider",
    "twilio": "backend.notifications.providers.twilio.TwilioProvider",
    "unifonic": "backend.notifications.providers.unifonic.UnifonicProvider",
    "fcm": "backend.notifications.providers.fcm.FcmProvider",
    "django": "backend.notifications.providers.mail.MailProvider",
}


def message_provider(name: str) -> MessageProvider:
    """The adapter of this name, set up from the settings."""
    adapter: Callable[[], MessageProvider] = import_string(PROVIDERS[name])
    return adapter()


def is_ready(name: str, channel: Channel) -> bool:
    """Whether this provider carries this channel and has all it needs for it."""
    provider = message_provider(name)
    return channel in provider.channels and all(provider.needs(channel).values())


def carriers(names: Sequence[str], channel: Channel) -> list[str]:
    """Those of the named providers that are asked to carry a one-time code on this channel, in order.

    Every one of them sends texts (a system check sees to it); WhatsApp only those that are set up for it, with
    approved wordings for codes.
    """
    return [name for name in names if channel == "sms" or (is_ready(name, channel) and _carries_codes(name))]


def _carries_codes(name: str) -> bool:
    provider = message_provider(name)
    return all(provider.carries("whatsapp", Template("otp", language, ())) for language in ("ar", "en"))


def approved_name(provider: str, template: Template) -> str | None:
    """What this company calls the approved wording (settings.WHATSAPP_TEMPLATES); None when it has none."""
    languages: Mapping[str, Mapping[str, str]] = settings.WHATSAPP_TEMPLATES.get(template.name, {})
    return languages.get(template.language, {}).get(provider)


def has_approved_names(provider: str) -> bool:
    """Whether any wording of ours was approved with this company."""
    return any(
        provider in names
        for languages in settings.WHATSAPP_TEMPLATES.values()
        for names in languages.values()
    )
