"""What people write back on WhatsApp: stop, start again, and the answer to a reminder. Saudi SMS takes no replies."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_noop as N_

from backend.core.search_text import fold
from backend.notifications import kinds, operations, phrases
from backend.notifications.kinds import Kind
from backend.notifications.models import DeliveryAttempt, InboundMessage, Message, OptOut
from backend.notifications.phrases import Phrase
from backend.notifications.signals import reply_received

ANSWERS_WITHIN = timedelta(hours=48)
"""How long a reminder can be answered."""
WINDOW = timedelta(hours=24)
"""For so long after somebody wrote, WhatsApp carries free words to them."""

Intent = InboundMessage.Intent

STOPPED = Phrase(
    Kind("stop_confirmed", topic="bookings", reply=True),
    "customer",
    N_("Messages stopped"),
    N_("Our messages on WhatsApp are stopped.\nTo get them again, please reply: START"),
    N_("Our messages on WhatsApp are stopped."),
)
phrases.register([STOPPED])

_SAID = {
    Intent.STOP: (
        *("stop", "stop all", "stopall", "stop messages", "unsubscribe", "opt out"),
        *("إيقاف", "أوقف", "توقف", "إيقاف الرسائل", "إلغاء الاشتراك"),
    ),
    Intent.START: ("start", "unstop", "subscribe", "اشتراك", "ابدأ", "بدء", "استئناف"),
    Intent.CONFIRM: (
        *("confirm", "confirmed", "confirm attendance", "yes"),
        *("تأكيد", "تأكيد الحضور", "تأكيد الحجز", "تأكيد الموعد", "مؤكد", "نعم", "حضور", "سأحضر"),
    ),
    Intent.CANCEL: (
        *("cancel", "cancel booking", "cancel appointment"),
        *("إلغاء", "إلغاء الحجز", "إلغاء الموعد", "ألغ"),
    ),
}
_INTENT_OF = {fold(words): intent for intent, said in _SAID.items() for words in said}


def intent_of(*texts: str) -> str:
    """What somebody wants who writes one of these and nothing else, in any spelling: the first that is understood."""
    return next((_INTENT_OF[folded] for text in texts if (folded := fold(text)) in _INTENT_OF), Intent.OTHER)


def receive(
    *,
    provider: str,
    provider_message_id: str,
    from_phone: str,
    texts: tuple[str, ...],
    answers: str,
    now: datetime,
) -> InboundMessage | None:
    """Take in what a number wrote on WhatsApp, and act on it, once: None when it was handed over before.

    `from_phone` is E.164. `texts` are a pressed button's payload and words, and the text; `answers` is the provider's
    id of the message it answers, where that is known. Without it, a confirmation or cancellation answers the newest
    reminder that went to the number in the last 48 hours.
    """
    with transaction.atomic():
        inbound, is_new = InboundMessage.objects.get_or_create(
            provider=provider,
            provider_message_id=provider_message_id,
            defaults={
                "channel": "whatsapp",
                "from_phone": from_phone,
                "intent": intent_of(*texts),
                "received_at": now,
            },
        )
        if not is_new:
            return None
        if inbound.intent == Intent.STOP:
            _stop(inbound, language="ar" if _is_arabic(texts) else "en", now=now)
        elif inbound.intent == Intent.START:
            OptOut.objects.filter(phone=from_phone, channel="whatsapp").delete()
        elif inbound.intent in (Intent.CONFIRM, Intent.CANCEL):
            _answer(inbound, answers, now=now)
        return inbound


def _stop(inbound: InboundMessage, *, language: str, now: datetime) -> None:
    OptOut.objects.get_or_create(phone=inbound.from_phone, channel="whatsapp", defaults={"at": now})
    with translation.override(language):
        words = STOPPED.words({})
    operations.enqueue(
        operations.draft(
            recipient=None,
            to_phone=inbound.from_phone,
            language=language,
            kind=STOPPED.kind.code,
            audience="customer",
            words=words,
            event_key=f"inbound:{inbound.pk}",
            now=now,
            expires_at=now + WINDOW,
        )
    )


def _answer(inbound: InboundMessage, answers: str, *, now: datetime) -> None:
    message = _asked(inbound, answers, now=now)
    if message is None:
        return
    inbound.subject_type, inbound.subject_id = message.subject_type, message.subject_id
    inbound.save(update_fields=["subject_type", "subject_id"])
    reply_received.send(sender=InboundMessage, inbound=inbound, message=message, now=now)


def _asked(inbound: InboundMessage, answers: str, *, now: datetime) -> Message | None:
    """The reminder that is answered: the one they replied to, if that is known, else the newest they got."""
    reminders = Message.objects.filter(
        to_phone=inbound.from_phone,
        channel="whatsapp",
        state__in=[Message.State.SENT, Message.State.UNKNOWN],
        kind__in=[code for code, kind in kinds.registered().items() if kind.topic == "reminders"],
        subject_id__isnull=False,
        created_at__gte=now - ANSWERS_WITHIN,
    ).order_by("-created_at", "-id")
    if answers:
        attempts = DeliveryAttempt.objects.filter(provider=inbound.provider, provider_message_id=answers[:80])
        if attempts.exists():
            return reminders.filter(pk__in=attempts.values("message")).first()
    return reminders.first()


def _is_arabic(texts: tuple[str, ...]) -> bool:
    return any("\u0600" <= letter <= "\u06ff" for text in texts for letter in text)
