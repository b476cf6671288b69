"""What bookings do when something happens below."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from backend.accounts.models import Purpose, User
from backend.accounts.signals import consent_withdrawn, phone_proven
from backend.bookings.models import OutsideCalendar
from backend.bookings.operations import adopt_guest_visits
from backend.bookings.operations.notes import forget_notes_on_health
from backend.bookings.operations.offering import offer_promptly
from backend.bookings.operations.outside import claim_what_came_free
from backend.bookings.operations.reminding import replan_reminders
from backend.bookings.signals import time_freed
from backend.salons.models import Salon


@receiver(phone_proven)
def give_guests_their_visits(sender: Any, *, user: User, now: datetime, **_: Any) -> None:
    adopt_guest_visits(user=user, now=now)


@receiver(consent_withdrawn)
def forget_what_was_not_agreed_to(sender: Any, *, user: User, purpose: str, **_: Any) -> None:
    if purpose == Purpose.HEALTH_NOTES:
        forget_notes_on_health(customer=user)


@receiver(time_freed)
def take_what_its_owner_is_busy_at(sender: Any, *, salon_id: uuid.UUID, now: datetime, **_: Any) -> None:
    """Before it is offered to anybody else."""
    calendars = OutsideCalendar.objects.filter(staff_member__salon=salon_id)
    transaction.on_commit(partial(claim_what_came_free, calendars, now=now), robust=True)


@receiver(time_freed)
def offer_it_to_who_waits(sender: Any, *, salon_id: uuid.UUID, now: datetime, **_: Any) -> None:
    transaction.on_commit(partial(offer_promptly, now, salon_id=salon_id))


@receiver(post_save, sender=Salon)
def remind_as_the_salon_wishes_now(
    sender: Any, *, instance: Salon, update_fields: frozenset[str] | None, **_: Any
) -> None:
    if update_fields and update_fields & {"reminder_hours", "timezone"}:
        replan_reminders(instance, now=timezone.now())
