"""What people want to hear, by which channel: their choices per topic, and the channels their number stopped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.db import transaction

from backend.core.errors import FieldError, ValidationFailed
from backend.notifications.addressbook import addressbook
from backend.notifications.kinds import TOPICS, Topic, registered
from backend.notifications.models import OptOut, Preference
from backend.notifications.providers import carriers

Person = Any
"""A row of AUTH_USER_MODEL: `pk`, `phone`."""

CHANNELS = ("push", "whatsapp", "sms", "email")
STOPPABLE = ("sms", "whatsapp")


@dataclass(frozen=True)
class Choice:
    """How somebody hears of one topic; `channels` in their order, empty when they want the inbox alone."""

    topic: Topic
    audience: str
    channels: tuple[str, ...]
    essential: bool
    """Some of its kinds must be learnt: silenced or not, those still go to the phone number."""


@dataclass(frozen=True)
class Wishes:
    choices: tuple[Choice, ...]
    available: tuple[str, ...]
    """The channels that reach this person now."""
    stopped_channels: tuple[str, ...]
    """Nothing of ours goes to the number there, whatever the choices say; codes do."""


def wishes_of(person: Person) -> Wishes:
    """Everything about the topics that concern this person: those for staff only when they work at a salon."""
    kept = dict(Preference.objects.filter(user=person.pk).values_list("topic", "channels"))
    essential = {kind.topic for kind in registered().values() if kind.essential}
    stopped = _stopped(person)
    return Wishes(
        choices=tuple(
            Choice(
                topic=topic,
                audience=TOPICS[topic],
                channels=tuple(kept.get(topic, settings.MESSAGE_CHANNELS)),
                essential=topic in essential,
            )
            for topic in _topics_of(person)
        ),
        available=tuple(channel for channel in CHANNELS if _reaches(person, channel, stopped)),
        stopped_channels=tuple(channel for channel in STOPPABLE if channel in stopped),
    )


def wish(
    *,
    person: Person,
    topics: Sequence[Mapping[str, Any]] = (),
    stopped_channels: Sequence[str] | None = None,
    now: datetime,
) -> None:
    """Keep what somebody wants: `topics` holds `topic` and `channels` (wanted, in order); others stay as they are.

    `stopped_channels` is the whole list from now on; None leaves it. A topic that is none of theirs is unknown to
    them. Raises ValidationFailed with a pointer for each wrong value.
    """
    allowed = _topics_of(person)
    wrong = [
        *_unfit([choice["topic"] for choice in topics], allowed, "/topics/{}/topic"),
        *(
            error
            for index, choice in enumerate(topics)
            for error in _unfit(choice["channels"], CHANNELS, f"/topics/{index}/channels/{{}}")
        ),
        *_unfit(stopped_channels or (), STOPPABLE, "/stopped_channels/{}"),
    ]
    if wrong:
        raise ValidationFailed(wrong)
    with transaction.atomic():
        Preference.objects.bulk_create(
            [
                Preference(
                    user_id=person.pk, topic=choice["topic"], channels=choice["channels"], changed_at=now
                )
                for choice in sorted(topics, key=lambda choice: str(choice["topic"]))
            ],
            update_conflicts=True,
            unique_fields=["user", "topic"],
            update_fields=["channels", "changed_at"],
        )
        if stopped_channels is not None and person.phone:
            OptOut.objects.filter(phone=person.phone).exclude(channel__in=stopped_channels).delete()
            OptOut.objects.bulk_create(
                [OptOut(phone=person.phone, channel=channel, at=now) for channel in sorted(stopped_channels)],
                ignore_conflicts=True,
            )


def _topics_of(person: Person) -> tuple[Topic, ...]:
    staff = addressbook().works_at_a_salon(person.pk)
    return tuple(topic for topic, audience in TOPICS.items() if staff or audience != "staff")


def _stopped(person: Person) -> frozenset[str]:
    return frozenset(OptOut.objects.filter(phone=person.phone).values_list("channel", flat=True))


def _reaches(person: Person, channel: str, stopped: Collection[str]) -> bool:
    if channel not in settings.MESSAGE_CHANNELS or channel in stopped:
        return False
    if channel == "push":
        return bool(settings.PUSH_PROVIDER and addressbook().push_targets(person.pk))
    if channel == "email":
        return bool(settings.EMAIL_PROVIDER and addressbook().email(person.pk))
    return bool(carriers(settings.SMS_PROVIDER, cast(Any, channel)))


def _unfit(values: Sequence[str], known: Collection[str], pointer: str) -> list[FieldError]:
    wrong = []
    for index, value in enumerate(values):
        if value not in known:
            wrong.append(FieldError("invalid_choice", pointer=pointer.format(index)))
        elif value in values[:index]:
            wrong.append(FieldError("already_exists", pointer=pointer.format(index)))
    return wrong
