"""Combinations of settings that could not work, found at start-up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from backend.notifications.providers import message_provider


@register()
def message_providers_are_whole(**kwargs: Any) -> list[CheckMessage]:
    """Refuses a provider that is named but could not send. Those that nobody names may be as they are."""
    found: list[CheckMessage] = [
        Error(f"{name} names no provider.", id="notifications.E001")
        for name in ("SMS_PROVIDER", "OTP_PROVIDER")
        if not getattr(settings, name)
    ]
    named = dict.fromkeys((*settings.SMS_PROVIDER, *settings.OTP_PROVIDER))
    for name in named:
        found += _half_configured(name)
    if "unifonic" in named:
        found += _about_unifonic()
    if "twilio" in named:
        found += _about_twilio()
    return found


def _half_configured(name: str) -> Iterator[CheckMessage]:
    """What SMS needs must be there; what WhatsApp needs on top, all or none of it."""
    provider = message_provider(name)
    texts = provider.needs("sms")
    for variable, present in texts.items():
        if not present:
            yield Error(f"{variable} is missing beside the provider {name}.", id="notifications.E002")
    whatsapp = {v: present for v, present in provider.needs("whatsapp").items() if v not in texts}
    if any(whatsapp.values()):
        for variable, present in whatsapp.items():
            if not present:
                yield Error(
                    f"{variable} is missing: WhatsApp through {name} is half configured.",
                    id="notifications.E006",
                )


def _about_unifonic() -> Iterator[CheckMessage]:
    sender = settings.UNIFONIC_SENDER_ID
    if not sender:
        yield Warning(
            "UNIFONIC_SENDER_ID is missing: texts leave under the application's default sender.",
            id="notifications.W003",
        )
    elif not re.fullmatch(r"[A-Za-z0-9 ._-]{1,11}", sender):
        yield Error(
            "UNIFONIC_SENDER_ID must be a registered name of at most 11 characters.", id="notifications.E004"
        )
    elif sender.upper().endswith("-AD"):
        yield Error(
            "UNIFONIC_SENDER_ID ends in -AD, which may only carry advertising.", id="notifications.E005"
        )
    if bool(settings.UNIFONIC_BASIC_USER) != bool(settings.UNIFONIC_BASIC_PASSWORD):
        yield Error(
            "UNIFONIC_BASIC_USER and UNIFONIC_BASIC_PASSWORD belong together.", id="notifications.E007"
        )


def _about_twilio() -> Iterator[CheckMessage]:
    # Identifiers of Twilio's say by their first letters what they are, and are easily mixed up.
    for variable, value, begins in (
        ("TWILIO_ACCOUNT_SID", settings.TWILIO_ACCOUNT_SID, "AC"),
        ("TWILIO_MESSAGING_SERVICE_SID", settings.TWILIO_MESSAGING_SERVICE_SID, "MG"),
        *(
            (f"TWILIO_WHATSAPP_OTP_CONTENT_SID_{language.upper()}", sid, "HX")
            for language, sid in settings.TWILIO_WHATSAPP_OTP_CONTENT_SID.items()
        ),
    ):
        if value and not value.startswith(begins):
            yield Warning(f"{variable} does not begin with {begins}.", id="notifications.W008")
    for variable, sender in (
        ("TWILIO_FROM", settings.TWILIO_FROM),
        ("TWILIO_WHATSAPP_FROM", settings.TWILIO_WHATSAPP_FROM.removeprefix("whatsapp:")),
    ):
        name = variable == "TWILIO_FROM" and re.fullmatch(r"[A-Za-z0-9 ._-]{1,11}", sender)
        if sender and not name and not re.fullmatch(r"\+?[0-9]{3,15}", sender):
            yield Error(
                f"{variable} is neither a number such as +966500000000 nor, for SMS, a registered name of at "
                "most 11 characters.",
                id="notifications.E009",
            )
