"""What bookings do when something happens below."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from backend.accounts.models import Purpose, User
from backend.accounts.signals import consent_withdrawn, phone_proven
from backend.bookings.operations import adopt_guest_visits
from backend.bookings.operations.notes import forget_notes_on_health
from backend.bookings.operations.reminding import replan_reminders
from backend.salons.models import Salon


@receiver(phone_proven)
def give_guests_their_visits(sender: Any, *, user: User, now: datetime, **_: Any) -> None:
    adopt_guest_visits(user=user, now=now)


@receiver(consent_withdrawn)
def forget_what_was_not_agreed_to(sender: Any, *, user: User, purpose: str, **_: Any) -> None:
    if purpose == Purpose.HEALTH_NOTES:
        forget_notes_on_health(customer=user)


@receiver(post_save, sender=Salon)
def remind_as_the_salon_wishes_now(
    sender: Any, *, instance: Salon, update_fields: frozenset[str] | None, **_: Any
) -> None:
    if update_fields and update_fields & {"reminder_hours", "timezone"}:
        replan_reminders(instance, now=timezone.now())
