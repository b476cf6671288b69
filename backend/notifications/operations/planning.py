"""What a message may do now, and its routes, by what the database says of its reader and of the providers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast

from django.conf import settings
from django.db import connection

from backend.core.time import RIYADH
from backend.notifications.addressbook import addressbook
from backend.notifications.kinds import Kind, kind_of
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations import costs, health
from backend.notifications.operations.routes import Route, channels_of, routes
from backend.notifications.providers import PHONE_CHANNELS, Channel, Template, is_ready, message_provider

ONE_DAY = timedelta(days=1)
VALID_FOR = timedelta(hours=6)
"""After this a text that is still with the carrier need not arrive any more."""


def known_kind(message: Message) -> Kind:
    """Its kind; a message that outlived the release which knew its kind is one that somebody must learn."""
    try:
        return kind_of(message.kind)
    except KeyError:
        return Kind(message.kind, topic="bookings", essential=True)


def template_of(message: Message, kind: Kind) -> Template | None:
    """The approved wording; None for an answer, which goes in free words."""
    if kind.reply:
        return None
    return Template(name=message.kind, language=message.language, values=tuple(message.values))


def _usual() -> list[Channel]:
    return cast(list[Channel], settings.MESSAGE_CHANNELS)


def providers_of(channel: Channel) -> list[str]:
    """Those that settings name for the channel, in order."""
    if channel == "push":
        return list(settings.PUSH_PROVIDER)
    if channel == "email":
        return list(settings.EMAIL_PROVIDER)
    return list(settings.SMS_PROVIDER)


def carriers_of(message: Message, kind: Kind, channel: Channel) -> list[str]:
    """Those of them that can carry this message; for WhatsApp they need a wording that was approved for it."""
    names = providers_of(channel)
    if channel != "whatsapp":
        return names
    template = template_of(message, kind)
    if template is not None and template.language not in settings.WHATSAPP_TEMPLATES.get(template.name, {}):
        return []
    return [
        name
        for name in names
        if is_ready(name, channel) and (template is None or message_provider(name).carries(channel, template))
    ]


# May it go now? ---------------------------------------------------------------------------------


def is_over(message: Message, kind: Kind, now: datetime) -> bool:
    """Nobody is to be asked to carry it: it has nothing to tell any more, or we may not, or it costs too much."""
    if message.expires_at is not None and message.expires_at <= now:
        return True
    if kind.promotional and not (message.recipient_id and addressbook().takes_offers(message.recipient_id)):
        return True
    return not kind.essential and costs.is_used_up(now)


def opens_at(kind: Kind, now: datetime) -> datetime | None:
    """For what may only go in settings.PROMOTION_HOURS (Riyadh), the next opening; None when it may go now."""
    if not kind.promotional:
        return None
    begins, ends = settings.PROMOTION_HOURS
    local = now.astimezone(RIYADH)
    if begins <= local.time() < ends:
        return None
    opening = local.replace(hour=begins.hour, minute=begins.minute, second=0, microsecond=0)
    # Riyadh has no summer time, so a day later is the same hour.
    return opening if opening > local else opening + ONE_DAY


def valid_for(message: Message, kind: Kind, now: datetime) -> timedelta:
    """How long a carrier may go on trying: an offer not beyond its hours, a reminder not beyond the visit."""
    ends = [now + VALID_FOR]
    if message.expires_at is not None:
        ends.append(message.expires_at)
    if kind.promotional:
        closing = settings.PROMOTION_HOURS[1]
        ends.append(
            now.astimezone(RIYADH).replace(hour=closing.hour, minute=closing.minute, second=0, microsecond=0)
        )
    return min(ends) - now


# Where can it go? -------------------------------------------------------------------------------


def certain_route(message: Message, kind: Kind, now: datetime) -> Route | None:
    """Where a message goes first whoever reads it, as long as nothing stands against it (`claiming.CLAIM_NEW`).

    None when that depends on devices, an address, consent, the hour or the day's cost.
    """
    if (
        kind.promotional
        or (settings.MESSAGE_SPEND_PER_DAY and not kind.essential)
        or is_over(message, kind, now)
    ):
        return None
    channels = channels_of(kind, has_account=message.recipient_id is not None, chosen=None, usual=_usual())
    for channel in channels:
        if names := carriers_of(message, kind, channel):
            return Route(channel, names[0]) if channel in PHONE_CHANNELS else None
    return None


_STANDING = """
    SELECT (SELECT channels FROM notifications_preference WHERE user_id = %(user)s AND topic = %(topic)s),
           ARRAY(SELECT channel FROM notifications_optout WHERE phone = %(phone)s),
           ARRAY(SELECT channel || ' ' || provider FROM notifications_providerhealth WHERE open_until > %(now)s),
           ARRAY(SELECT channel || ' ' || provider FROM notifications_providerhealth WHERE open_until <= %(now)s)
"""


@dataclass
class Plan:
    """The routes of one message at one moment. What they hang on is read when the first of them is asked for."""

    message: Message
    kind: Kind
    now: datetime
    seconds: float = float("inf")
    """For the first call; an open circuit's one try is not spent where there is no time for it."""

    def routes(self, *, without: Iterable[DeliveryAttempt] = ()) -> Iterator[Route]:
        """Those still open to it: an attempt of which the carrier reported "undelivered" is not repeated."""
        failed = {
            Route(cast(Channel, attempt.channel), attempt.provider)
            for attempt in without
            if attempt.report == DeliveryAttempt.Report.UNDELIVERED
            and (self.message.resent_at is None or attempt.started_at >= self.message.resent_at)
        }
        chosen, _stopped, _shut, _due = self._standing
        channels = channels_of(
            self.kind,
            has_account=self.message.recipient_id is not None,
            chosen=chosen,
            usual=_usual(),
        )
        found = routes(
            channels,
            providers=lambda channel: carriers_of(self.message, self.kind, channel),
            reaches=self._reaches,
            trusted=self._trusted,
        )
        return (route for route in found if route not in failed)

    @cached_property
    def _standing(self) -> tuple[Any, frozenset[str], frozenset[str], frozenset[str]]:
        """The reader's choice, the channels their number refused, the circuits that are shut, and those to be tried."""
        with connection.cursor() as cursor:
            cursor.execute(
                _STANDING,
                {
                    "user": self.message.recipient_id,
                    "topic": self.kind.topic,
                    "phone": self.message.to_phone,
                    "now": self.now,
                },
            )
            chosen, stopped, shut, due = cursor.fetchone()
        # Django leaves JSON to its fields: here it is text.
        wanted = None if chosen is None else json.loads(chosen)
        return wanted, frozenset(stopped), frozenset(shut), frozenset(due)

    def _reaches(self, channel: Channel) -> bool:
        if channel in PHONE_CHANNELS:
            return self.kind.topic == "account" or self.kind.reply or channel not in self._standing[1]
        if self.message.recipient_id is None or not self.message.title:
            return False
        if channel == "push":
            return bool(addressbook().push_targets(self.message.recipient_id))
        return bool(addressbook().email(self.message.recipient_id))

    def _trusted(self, route: Route) -> bool:
        _chosen, _stopped, shut, due = self._standing
        name = f"{route.channel} {route.provider}"
        if name not in due:
            return name not in shut
        enough = self.seconds >= message_provider(route.provider).longest_call
        return enough and health.may_try(route, now=self.now)
