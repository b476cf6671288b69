"""Owing a message, in the transaction of the fact it tells."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from backend.core.patience import seconds_left
from backend.core.postgres.base import binary_cursor
from backend.core.postgres.rows import insert
from backend.core.request_context import request_notes
from backend.notifications.kinds import kind_of
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations.delivering import deliver_claimed, deliver_new

logger = logging.getLogger("mawid.messages")

REQUEST_BUDGET = 12.0
"""Seconds from a request's first delivery to its last, or a transaction's outside requests; `deliver` does the rest."""
WAKE_UP = "mawid_messages"
"""What workers LISTEN to."""


@dataclass(frozen=True)
class Words:
    """What a message says, already in its reader's language."""

    text: str
    """SMS, e-mail, inbox."""
    title: str = ""
    """At most 20 characters read well on a lock screen. Without one it goes neither by push nor by e-mail."""
    push: str = ""
    """A lock screen's text: no name of a person, salon or service. Empty: push carries the title alone."""
    values: tuple[str, ...] = ()
    """What fills the wording approved for WhatsApp, in its order."""


@dataclass(frozen=True)
class Subject:
    """What a message is about."""

    type: Literal["booking", "salon"]
    id: UUID


def draft(
    *,
    recipient: AbstractBaseUser | None,
    to_phone: str,
    language: str,
    kind: str,
    audience: str,
    words: Words,
    event_key: str,
    now: datetime,
    salon_id: UUID | None = None,
    subject: Subject | None = None,
    expires_at: datetime | None = None,
) -> Message:
    """A message to be owed to somebody: not saved yet.

    `recipient` is the person when they have an account; `kind` is registered (`kinds`); `salon_id` is who sends it
    and pays for it; `event_key` tells apart what is told once; after `expires_at` nobody needs it any more.
    Raises KeyError for an unknown kind.
    """
    kind_of(kind)
    return Message(
        recipient_id=recipient.pk if recipient else None,
        to_phone=to_phone,
        language=language,
        kind=kind,
        audience=audience,
        title=words.title,
        body=words.text,
        push_body=words.push,
        values=list(words.values),
        salon_id=salon_id,
        subject_type=subject.type if subject else "",
        subject_id=subject.id if subject else None,
        event_key=event_key,
        created_at=now,
        next_attempt_at=now,
        expires_at=expires_at,
    )


def enqueue(message: Message) -> Message | None:
    """Owe somebody what `draft` made, in the caller's transaction. None when its `event_key` was told before."""
    if not insert([message], ignore_conflicts=True):
        return None
    deliver_after_commit(message)
    return message


def deliver_after_commit(message: Message, *, claimed: DeliveryAttempt | None = None) -> None:
    """Have a message that is saved leave after the commit, or never.

    `claimed` is its attempt where it was written as claimed (`Prospect`). Its delivery never raises into the caller;
    with MESSAGE_DELIVERY=worker it is left to `manage.py deliver`.
    """
    round_ = _round_of_this_transaction()
    transaction.on_commit(lambda: round_.deliver(message, claimed))


class _Round:
    """The messages of one transaction. They share a budget of time with all others of the request."""

    def __init__(self) -> None:
        self.ends: float | None = None

    def deliver(self, message: Message, claimed: DeliveryAttempt | None) -> None:
        first = self.ends is None
        if self.ends is None:
            began = time.monotonic()
            notes = request_notes.get()
            ends = began + REQUEST_BUDGET
            self.ends = min(
                ends if notes is None else notes.setdefault("messages_end", ends), began + seconds_left()
            )
        try:
            seconds = self.ends - time.monotonic()
            if claimed is not None:
                deliver_claimed(message, claimed, now=message.created_at, seconds=seconds)
            elif settings.MESSAGE_DELIVERY == "worker":
                if first:
                    _wake_a_worker()
            else:
                deliver_new(message, now=message.created_at, seconds=seconds)
        except Exception:  # the fact is committed, so this is no error of the request; `deliver` follows
            logger.exception("delivery after commit failed", extra={"message_id": str(message.pk)})


def _wake_a_worker() -> None:
    # After the commit: inside it, PostgreSQL would let only one transaction commit at a time.
    with binary_cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [WAKE_UP])


class _Thread(threading.local):
    round: _Round | None = None


_thread = _Thread()


def _round_of_this_transaction() -> _Round:
    # A round that has begun delivering belongs to a transaction that is over.
    if _thread.round is None or _thread.round.ends is not None:
        _thread.round = _Round()
    return _thread.round
