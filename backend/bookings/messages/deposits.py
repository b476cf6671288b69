"""Telling a customer that the deposit asked of them changed, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext

from backend.bookings.messages.own import said_name
from backend.bookings.models import Booking
from backend.bookings.standing import Standing
from backend.notifications import operations as notifications
from backend.notifications.phrases import phrase_of, said_at
from backend.salons.models import Salon


def tell_deposit_raised(booking: Booking, standing: Standing, *, at: datetime, now: datetime) -> None:
    """Queue that this booking's mark raises the deposit at its salon from `at`, to what `standing` says."""
    zone = booking.salon.zone
    dates = {
        "from": said_at(at.astimezone(zone))["date"],
        "until": said_at((standing.until or at).astimezone(zone))["date"],
    }
    _tell(
        booking.customer,
        "deposit_raised",
        salon=booking.salon,
        standing=standing,
        values=dates | {"ref": booking.reference},
        subject=notifications.Subject("booking", booking.pk),
        event=f"booking:{booking.pk}:v{booking.version}",
        now=now,
    )


def tell_standing_reviewed(
    customer: Any, standing: Standing, *, salon: Salon, forgiveness_id: UUID, now: datetime
) -> None:
    """Queue that a salon let go of marks, or took that back, and what is asked from now on."""
    _tell(
        customer,
        "standing_reviewed",
        salon=salon,
        standing=standing,
        values={},
        subject=notifications.Subject("salon", salon.pk),
        event=f"forgiveness:{forgiveness_id}",
        now=now,
    )


def _tell(
    customer: Any,
    kind: str,
    *,
    salon: Salon,
    standing: Standing,
    values: dict[str, str],
    subject: notifications.Subject,
    event: str,
    now: datetime,
) -> None:
    if not customer.phone:
        return
    language = customer.spoken_language
    with translation.override(language):
        asked = gettext("at least %(percent)d%%") if standing.percent else gettext("as usual")
        said = {"salon": said_name(salon), "deposit": asked % {"percent": standing.percent}}
        words = phrase_of(kind).words(said | values)
    notifications.enqueue(
        notifications.draft(
            recipient=customer,
            to_phone=customer.phone,
            language=language,
            kind=kind,
            audience="customer",
            words=words,
            event_key=f"{event}:{kind}:customer",
            now=now,
            salon_id=salon.pk,
            subject=subject,
        )
    )
