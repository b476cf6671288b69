"""Telling somebody who waits that a time is kept for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import translation

from backend.bookings.messages.own import said_name
from backend.bookings.models import WaitlistEntry
from backend.notifications import operations as notifications
from backend.notifications.phrases import phrase_of, said_at


def tell_offer(entry: WaitlistEntry, *, customer: Any, now: datetime) -> None:
    """Queue that a time is on offer, and until when; nobody needs to hear of it later."""
    assert entry.starts_at is not None
    assert entry.expires_at is not None
    if not customer.phone:
        return
    salon, language = entry.salon, customer.spoken_language
    with translation.override(language):
        words = phrase_of("waitlist_offer").words(
            {
                "salon": said_name(salon),
                **said_at(entry.starts_at.astimezone(salon.zone)),
                "answer_by": said_at(entry.expires_at.astimezone(salon.zone))["time"],
            }
        )
    notifications.enqueue(
        notifications.draft(
            recipient=customer,
            to_phone=customer.phone,
            language=language,
            kind="waitlist_offer",
            audience="customer",
            words=words,
            event_key=f"waitlist:{entry.pk}:offer",
            now=now,
            salon_id=salon.pk,
            subject=notifications.Subject("salon", salon.pk),
            expires_at=entry.expires_at,
        )
    )
