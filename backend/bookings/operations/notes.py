"""What a salon writes about its own clients: words for the desk, and on health only of who agreed to it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import Purpose
from backend.accounts.queries import has_consented
from backend.bookings.models import Booking, ClientNote
from backend.bookings.queries.clients import ClientKey, notes_on
from backend.core.errors import NotFound, Refused
from backend.core.models import IdempotencyRecord
from backend.salons.models import Salon

logger = logging.getLogger("mawid.clients")

ADD_NOTE = "addSalonClientNote"
"""The name of the call whose kept answers repeat a note's words."""


class HealthConsentMissing(Refused):
    code = "health_consent_missing"
    message = _(
        "A note on health needs the consent of the client, given in the privacy settings of their account."
    )


def add_note(
    *, salon: Salon, client: ClientKey, text: str, is_health: bool, author: Any, now: datetime
) -> ClientNote:
    """Write a note about one of the salon's clients, signed by `author`.

    Raises NotFound for somebody who is no client here (any more), HealthConsentMissing.
    """
    with transaction.atomic():
        customer = _hold(salon, client)
        if is_health and not (customer and has_consented(customer, Purpose.HEALTH_NOTES)):
            raise HealthConsentMissing
        return ClientNote.objects.create(
            salon=salon,
            customer=customer,
            guest_phone=client.guest_phone,
            text=text,
            is_health=is_health,
            written_by=author,
            created_at=now,
        )


def remove_note(*, salon: Salon, client: ClientKey, note_id: uuid.UUID, by: Any) -> None:
    """Delete one note of this salon about this client; the log keeps who did, not what it said. Raises NotFound."""
    with transaction.atomic():
        if not forget_notes(notes_on(salon, client).filter(pk=note_id)):
            raise NotFound
    logger.info("client note removed", extra={"note": note_id, "salon": salon.pk, "by": by.pk})


def forget_notes(notes: QuerySet[ClientNote]) -> int:
    """Delete these notes, and their words where an answer was kept for a retry. Returns how many there were."""
    found = list(notes.order_by("pk").select_for_update(of=("self",)).values_list("pk", "written_by"))
    if found:
        told = Q()
        for pk, _writer in found:
            told |= Q(answer__contains=str(pk))
        writers = {writer for _pk, writer in found}
        IdempotencyRecord.objects.filter(told, operation=ADD_NOTE, user__in=writers).delete()
        ClientNote.objects.filter(pk__in=[pk for pk, _writer in found]).delete()
    return len(found)


def forget_notes_on_health(*, customer: Any) -> int:
    """The person agrees no longer: every salon's notes on their health go. Their row is locked by the caller."""
    return forget_notes(ClientNote.objects.filter(customer=customer, is_health=True))


def forget_notes_on_guests(*, salons: Collection[uuid.UUID], phones: Collection[str]) -> int:
    """Of these numbers at these salons, forget the notes that no visit leads to any more."""
    visits = Booking.objects.filter(
        customer__isnull=True, guest_phone=OuterRef("guest_phone"), salon=OuterRef("salon")
    ).exclude(guest_phone="")
    notes = ClientNote.objects.filter(salon__in=salons, guest_phone__in=phones, customer__isnull=True)
    return forget_notes(notes.filter(~Exists(visits)))


def _hold(salon: Salon, client: ClientKey) -> Any:
    """The client's account, or None for a guest, held so that nobody erases them before the note stands."""
    if client.customer_id is not None:
        people = get_user_model().objects.select_for_update(no_key=True)
        customer = people.filter(pk=client.customer_id, deleted_at__isnull=True).first()
        if customer is None:
            raise NotFound
        return customer
    visits = Booking.objects.filter(client.rows, salon=salon).order_by("-starts_at", "-pk")
    if visits.select_for_update(no_key=True, of=("self",)).first() is None:
        raise NotFound
    return None
