"""What the outbox keeps about a person: their number and the words we sent them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Case, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from backend.core.privacy import Erased, Erasure, Keeper, Kept, Leftover, Person, Record, pick
from backend.core.time import rfc3339
from backend.notifications.models import InboundMessage, Message, OptOut, Preference

_State = Message.State
WORDS_KEPT = timedelta(days=90)
"""Long enough to settle whether somebody was told. The privacy notice says the same: change both."""


def export(person: Person, since: datetime) -> Mapping[str, Iterable[Record]]:
    return {
        "messages": (
            {
                "at": rfc3339(message.created_at),
                "read_at": rfc3339(message.read_at) if message.read_at else None,
                "kind": message.kind,
                "channel": message.channel,
                "language": message.language,
                "to": message.to_phone,
                "title": message.title,
                "body": message.body,
                "state": message.state,
            }
            for message in Message.objects.filter(recipient=person, created_at__gte=since).order_by(
                "-created_at", "-id"
            )
        ),
        "message_preferences": (
            {
                "topic": preference.topic,
                "channels": preference.channels,
                "changed_at": rfc3339(preference.changed_at),
            }
            for preference in Preference.objects.filter(user=person, changed_at__gte=since).order_by(
                "-changed_at", "topic"
            )
        ),
        "message_stops": (
            {"channel": stop.channel, "number": stop.phone, "at": rfc3339(stop.at)}
            for stop in OptOut.objects.filter(phone=person.phone, at__gte=since).order_by("-at", "channel")
        ),
        "replies": (
            {
                "at": rfc3339(reply.received_at),
                "channel": reply.channel,
                "meant": reply.intent,
                "came_of_it": reply.result,
            }
            for reply in InboundMessage.objects.filter(
                from_phone=person.phone, received_at__gte=since
            ).order_by("-received_at", "-id")
        ),
    }


def erase(person: Person, now: datetime) -> Erasure:
    """Also what was sent to the number without an account: a visit written down by a desk.

    That the number asked us to stop is kept as long as it is a number of somebody: it is theirs, not the account's.
    """
    InboundMessage.objects.filter(from_phone=person.phone).update(from_phone="")
    chosen, _each = Preference.objects.filter(user=person).delete()
    messages = Message.objects.filter(Q(recipient=person) | Q(to_phone=person.phone), erased_at__isnull=True)
    return Erasure(
        erased=[
            Erased("messages", _("Numbers and texts of messages"), _empty(messages, now)),
            Erased("message_preferences", _("Choices about messages"), chosen),
        ],
        kept=[
            Kept(
                "message_stops",
                _("That this number asked for no messages"),
                _("So that nothing is sent to a number that said stop, whoever has it."),
                OptOut.objects.filter(phone=person.phone).count(),
                None,
            )
        ],
    )


def _empty(messages: QuerySet[Message], now: datetime) -> int:
    """Let go of numbers and words. What was not sent yet never will be; a worker that has it in hand may still
    note that it went out."""
    return messages.update(
        to_phone="",
        title="",
        body="",
        push_body="",
        values=[],
        erased_at=now,
        state=Case(
            When(state__in=[_State.PENDING, _State.SENDING], then=Value(_State.FAILED)), default="state"
        ),
        next_attempt_at=None,
        claimed_until=None,
        finished_at=Coalesce("finished_at", Value(now)),
    )


def _purge_words(before: datetime, limit: int, now: datetime) -> int:
    old = Message.objects.filter(
        created_at__lt=before,
        erased_at__isnull=True,
        state__in=[_State.SENT, _State.FAILED, _State.UNKNOWN, _State.SKIPPED],
    )
    return _empty(Message.objects.filter(pk__in=pick(old, limit)), now)


def _purge_replies(before: datetime, limit: int, now: datetime) -> int:
    """As long as the texts they answered."""
    picked = pick(InboundMessage.objects.filter(received_at__lt=before), limit)
    InboundMessage.objects.filter(pk__in=picked).delete()
    return len(picked)


KEEPER = Keeper(
    export=export,
    erase=erase,
    leftovers=(
        Leftover("message_texts", WORDS_KEPT, _purge_words),
        Leftover("replies", WORDS_KEPT, _purge_replies),
    ),
)
