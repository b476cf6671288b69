"""Offers: the only messages that need a consent, and that go to many people at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.core.postgres.rows import insert
from backend.notifications.kinds import kind_of, registered
from backend.notifications.models import Message
from backend.notifications.operations import Words

BATCH = 500


@dataclass(frozen=True)
class Reader:
    """Somebody with an account who takes offers."""

    user_id: UUID
    phone: str
    language: str


def owe_offer(
    *,
    kind: str,
    readers: Sequence[Reader],
    words: Mapping[str, Words],
    salon_id: UUID,
    key: str,
    now: datetime,
    expires_at: datetime,
) -> int:
    """Owe each reader the same offer, in the caller's transaction; `words` by language. How many were new.

    `key` names the offer: nobody is owed it twice. Nothing is sent on the way: `deliver` does, in the hours of
    settings.PROMOTION_HOURS.
    """
    assert kind_of(kind).promotional
    return sum(
        insert(
            [
                Message(
                    recipient_id=reader.user_id,
                    to_phone=reader.phone,
                    language=reader.language,
                    kind=kind,
                    audience=Message.Audience.CUSTOMER,
                    title=words[reader.language].title,
                    body=words[reader.language].text,
                    push_body=words[reader.language].push,
                    values=list(words[reader.language].values),
                    salon_id=salon_id,
                    subject_type="salon",
                    subject_id=salon_id,
                    event_key=f"{key}:{reader.user_id}",
                    created_at=now,
                    next_attempt_at=now,
                    expires_at=expires_at,
                )
                for reader in some
            ],
            ignore_conflicts=True,
        )
        for some in _batches(readers)
    )


def skip_offers(person: Any, *, now: datetime) -> int:
    """What was still to be sent rests on a consent that is gone. In the caller's transaction."""
    offers = [kind.code for kind in registered().values() if kind.promotional]
    waiting = Message.objects.filter(
        recipient=person.pk, erased_at__isnull=True, state=Message.State.PENDING, kind__in=offers
    )
    return waiting.update(state=Message.State.SKIPPED, next_attempt_at=None, finished_at=now)


def _batches(readers: Sequence[Reader]) -> list[Sequence[Reader]]:
    return [readers[start : start + BATCH] for start in range(0, len(readers), BATCH)]
