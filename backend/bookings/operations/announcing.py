"""A salon's offer to the people who visit it: to those who agreed to offers, seldom, and in both languages."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Subquery
from django.utils import translation
from django.utils.translation import gettext as _

from backend.accounts.models import Consent, Purpose
from backend.bookings.models import Booking, BookingState
from backend.bookings.refusals import SalonNotLive
from backend.core import limits
from backend.core.errors import FieldError, ValidationFailed
from backend.core.limits import Limit
from backend.notifications import kinds
from backend.notifications.kinds import Kind
from backend.notifications.models import Preference
from backend.notifications.operations import Words
from backend.notifications.operations.offers import Reader, owe_offer
from backend.notifications.phrases import fill
from backend.notifications.sms import sms_units
from backend.salons.models import Audience, Salon, SalonStatus

OFFER = Kind("salon_offer", topic="offers")
kinds.register([OFFER])

SELDOM = Limit("announcement", 1, timedelta(days=7), scaled=False)
VISITED_WITHIN = timedelta(days=365)
MOST_PARTS = 2
USE = timedelta(days=3)
"""How long a carrier's trouble may hold an offer up before nobody needs it any more."""

_LINK = re.compile(r"https?:|\bwww\.|[\w-]\.[a-z]{2,}(?![a-z])", re.IGNORECASE)


def announce(*, salon: Salon, texts: Mapping[str, str], now: datetime) -> int:
    """Owe the salon's customers of the last year an offer; `texts` by language ("ar", "en"). Returns how many.

    Only those whose consent to offers stands and who did not silence them; of more than
    settings.ANNOUNCEMENT_RECIPIENTS those who came last. Raises ValidationFailed (`too_long` beyond two SMS parts
    with what we add, `link_not_allowed`), SalonNotLive, or TooManyRequests: one a week, counted with the offer.
    """
    words = {language: offer_words(salon, text, language) for language, text in texts.items()}
    wrong = [error for language in texts for error in _unfit(language, texts[language], words[language])]
    if wrong:
        raise ValidationFailed(wrong)
    if salon.status != SalonStatus.LIVE:
        raise SalonNotLive
    readers = readers_of(salon, now=now)
    if not readers:
        return 0  # and the week is not used up
    with transaction.atomic():
        wait = limits.take_here(SELDOM, salon.pk.hex, now=now)
        if wait:
            raise SELDOM.refusal(wait)
        return owe_offer(
            kind=OFFER.code,
            readers=readers,
            words=words,
            salon_id=salon.pk,
            key=f"offer:{uuid.uuid4()}",
            now=now,
            expires_at=now + USE,
        )


def readers_of(salon: Salon, *, now: datetime) -> list[Reader]:
    """Who is told: the salon's own customers, as `announce` says."""
    consent = Consent.objects.filter(user=OuterRef("customer"), purpose=Purpose.MARKETING).order_by("-id")
    silenced = Preference.objects.filter(user=OuterRef("customer"), topic=OFFER.topic, channels=[])
    visits = Booking.objects.filter(
        salon=salon,
        starts_at__gte=now - VISITED_WITHIN,
        starts_at__lt=now,
        state__in=[BookingState.CONFIRMED, BookingState.COMPLETED],
        customer__deleted_at=None,
        customer__is_active=True,
        customer__phone__isnull=False,
    )
    people = (
        visits.values("customer_id", "customer__phone", "customer__language", "customer__device_language")
        .annotate(last_at=Max("starts_at"), takes_offers=Subquery(consent.values("granted")[:1]))
        .filter(~Exists(silenced), takes_offers=True)
        .order_by("-last_at", "customer_id")
    )
    return [
        Reader(
            user_id=row["customer_id"],
            phone=row["customer__phone"] or "",
            language=row["customer__language"] or row["customer__device_language"],
        )
        for row in people[: settings.ANNOUNCEMENT_RECIPIENTS]
    ]


def offer_words(salon: Salon, text: str, language: str) -> Words:
    """A salon for women is not named: it decides itself what its text gives away.

    WhatsApp has one wording for both (`salon`, `text`), and takes no line breaks in a value.
    """
    with translation.override(language):
        if salon.audience == Audience.WOMEN:
            name, whole = _("the salon"), _("Offer: %(text)s\nOffers can be stopped in the app.")
        else:
            name, whole = str(salon.name), offer_text()
        return Words(
            title=_("An offer for you"),
            text=fill(whole, {"salon": name, "text": text}),
            push=_("A salon you visit has a new offer."),
            values=(name, " ".join(text.split())),
        )


def offer_text() -> str:
    """The wording of a salon that is named, in the active language."""
    return _("Offer from %(salon)s: %(text)s\nOffers can be stopped in the app.")


def _unfit(language: str, text: str, words: Words) -> list[FieldError]:
    pointer = f"/text_{language}"
    units, parts = sms_units(words.text)
    wrong = []
    if parts > MOST_PARTS:
        wrong.append(FieldError("too_long", pointer=pointer, params={"units": units, "parts": parts}))
    if _LINK.search(text):
        wrong.append(FieldError("link_not_allowed", pointer=pointer))
    return wrong
