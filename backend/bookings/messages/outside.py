"""Telling a salon's people that somebody's calendar elsewhere can no longer be read."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q
from django.utils import translation

from backend.accounts.models import User
from backend.bookings.messages.sessions import LONGEST_TITLE
from backend.bookings.models import OutsideCalendar
from backend.notifications import operations as notifications
from backend.notifications.phrases import phrase_of, said_at
from backend.salons.models import Membership, SalonRole


def tell_calendar_failing(calendar: OutsideCalendar, *, since: datetime, now: datetime) -> None:
    """Queue once that a calendar has not been read since then, to its person and the salon's owners."""
    person, salon = calendar.staff_member, calendar.staff_member.salon
    owners = Membership.objects.filter(salon=salon, role=SalonRole.OWNER).values("user")
    readers = User.objects.filter(Q(pk__in=owners) | Q(pk=person.user_id), phone__isnull=False).order_by("pk")
    for reader in readers:
        assert reader.phone is not None
        language = reader.spoken_language
        with translation.override(language):
            name = str(person.name)[:LONGEST_TITLE].rstrip()
            words = phrase_of("outside_calendar_failing").words(
                {"title": name, **said_at(since.astimezone(salon.zone))}
            )
        notifications.enqueue(
            notifications.draft(
                recipient=reader,
                to_phone=reader.phone,
                language=language,
                kind="outside_calendar_failing",
                audience="staff",
                words=words,
                event_key=f"outside-calendar:{calendar.pk}:{since:%Y%m%dT%H%M%S}:{reader.pk}",
                now=now,
                salon_id=salon.pk,
                subject=notifications.Subject("salon", salon.pk),
            )
        )
