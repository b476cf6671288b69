"""Which ways a message may take, and in what order. Pure: no database, no clock, no provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from backend.notifications.kinds import Kind
from backend.notifications.providers import PHONE_CHANNELS, Channel


@dataclass(frozen=True)
class Route:
    """One provider on one channel."""

    channel: Channel
    provider: str


def channels_of(
    kind: Kind, *, has_account: bool, chosen: Sequence[Channel] | None, usual: Sequence[Channel]
) -> list[Channel]:
    """The channels to think of, first one first; an empty list when the person silenced the kind's topic.

    `chosen` is what the person wants for the topic, None when they never said; `usual` is the installation's order.
    What concerns the account itself goes to its number by SMS, and an answer to where the question came from. Somebody
    without an account has a number only. What somebody must learn also goes to the number where everything else was
    silenced, or failed.
    """
    if kind.topic == "account":
        return ["sms"]
    if kind.reply:
        return ["whatsapp"]
    to_number: list[Channel] = [channel for channel in usual if channel in PHONE_CHANNELS] or ["sms"]
    if not has_account:
        return to_number
    channels = [channel for channel in (usual if chosen is None else chosen) if channel in usual]
    if kind.essential:
        channels += to_number
    return list(dict.fromkeys(channels))


def routes(
    channels: Sequence[Channel],
    *,
    providers: Callable[[Channel], Sequence[str]],
    reaches: Callable[[Channel], bool],
    trusted: Callable[[Route], bool],
) -> Iterator[Route]:
    """Each provider of each channel that reaches the person, once; those of open circuits come last, not never.

    Asks as little as it can: a question about a later route is put only when that route's turn has come.
    """
    doubtful = []
    for channel in channels:
        names = providers(channel)
        if not names or not reaches(channel):
            continue
        for name in names:
            route = Route(channel, name)
            if trusted(route):
                yield route
            else:
                doubtful.append(route)
    yield from doubtful
