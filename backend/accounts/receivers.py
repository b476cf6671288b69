"""What accounts do when something happens to a consent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from backend.accounts.models import Purpose, User
from backend.accounts.signals import consent_withdrawn
from backend.notifications.operations.offers import skip_offers


@receiver(consent_withdrawn)
def stop_offers(sender: Any, *, user: User, purpose: str, now: datetime, **_: Any) -> None:
    if purpose == Purpose.MARKETING:
        skip_offers(user, now=now)
