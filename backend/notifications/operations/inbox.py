"""The messages of one person as the app shows them, whatever became of their delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from backend.core.errors import NotFound
from backend.notifications.kinds import registered
from backend.notifications.models import Message

MOST_COUNTED = 100
"""Where counting unread messages ends: no badge shows more."""


def inbox_of(person: Any, *, audience: str | None = None) -> QuerySet[Message]:
    """The person's own messages, as long as their words are kept; by `-id` the newest comes first.

    An offer that was held back stays away from here too. A session that may not see what is older does not.
    """
    offers = [kind.code for kind in registered().values() if kind.promotional]
    messages = Message.objects.filter(recipient=person.pk, erased_at__isnull=True).exclude(
        Q(state=Message.State.SKIPPED, kind__in=offers)
    )
    if person.history_from is not None:
        messages = messages.filter(created_at__gte=person.history_from)
    return messages.filter(audience=audience) if audience else messages


def unread_count(person: Any, *, audience: str | None = None) -> int:
    """At most MOST_COUNTED."""
    return inbox_of(person, audience=audience).filter(read_at__isnull=True).order_by()[:MOST_COUNTED].count()


def read_message(*, person: Any, message_id: UUID, now: datetime) -> Message:
    """Note that the person opened it; the first time stays. Raises NotFound."""
    mine = inbox_of(person).filter(pk=message_id)
    mine.filter(read_at__isnull=True).update(read_at=now)
    message = mine.first()
    if message is None:
        raise NotFound
    return message


def read_all(*, person: Any, audience: str | None, now: datetime) -> int:
    """Note that the person opened everything there is. Returns how many were new."""
    return inbox_of(person, audience=audience).filter(read_at__isnull=True).update(read_at=now)
