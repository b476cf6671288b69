"""Combinations of settings that could not work, found at start-up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail import get_connection
from django.core.validators import validate_email

from backend.notifications import kinds
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
    found += _about_approved_wordings()
    if "fcm" in settings.PUSH_PROVIDER:
        found += _about_fcm()
    if "django" in settings.EMAIL_PROVIDER:
        found += _about_mail()
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
    yield from _about_advertising("UNIFONIC_PROMOTION_SENDER_ID")
    secret = settings.UNIFONIC_CALLBACK_SECRET
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]{32,128}", secret):
        yield Error(
            "UNIFONIC_CALLBACK_SECRET is all that protects the reports: 32 to 128 letters, digits, - and _.",
            id="notifications.E010",
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
    if settings.TWILIO_FROM.upper().endswith("-AD"):
        yield Error("TWILIO_FROM ends in -AD, which may only carry advertising.", id="notifications.E005")
    yield from _about_advertising("TWILIO_PROMOTION_FROM")
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


def _about_advertising(variable: str) -> Iterator[CheckMessage]:
    sender = getattr(settings, variable)
    if sender and not re.fullmatch(r"[A-Za-z0-9 ._-]{1,8}-AD", sender):
        yield Error(
            f"{variable} must be a registered name that ends in -AD, at most 11 characters with it.",
            id="notifications.E011",
        )


def _about_approved_wordings() -> Iterator[CheckMessage]:
    registered = kinds.registered()
    for name, languages in settings.WHATSAPP_TEMPLATES.items():
        if name not in registered:
            yield Error(f"WHATSAPP_TEMPLATES names {name}, which is no message.", id="notifications.E012")
        for language, names in languages.items():
            if not names.get("twilio", "HX").startswith("HX"):
                yield Warning(
                    f"WHATSAPP_TEMPLATES: {name} in {language} does not begin with HX at Twilio.",
                    id="notifications.W008",
                )


def _about_fcm() -> Iterator[CheckMessage]:
    for variable, present in message_provider("fcm").needs("push").items():
        if not present:
            yield Error(f"{variable} is missing beside the provider fcm.", id="notifications.E002")
    account = settings.FCM_SERVICE_ACCOUNT
    if not account:
        return
    try:
        load_pem_private_key(str(account.get("private_key", "")).encode(), password=None)
    except (ValueError, TypeError):
        yield Error("FCM_SERVICE_ACCOUNT holds no usable private_key.", id="notifications.E013")
    encrypted = str(account.get("token_uri", "")).startswith("https://")
    if not encrypted and (settings.PRODUCTION or not settings.FCM_BASE_URL):
        yield Error("FCM_SERVICE_ACCOUNT: its token_uri must be an https address.", id="notifications.E014")


def _about_mail() -> Iterator[CheckMessage]:
    for variable, present in message_provider("django").needs("email").items():
        if not present:
            yield Error(f"{variable} is missing beside the provider django.", id="notifications.E002")
    for variable in ("EMAIL_FROM", "EMAIL_OFFERS_FROM", "EMAIL_REPLY_TO"):
        given = getattr(settings, variable)
        try:
            if given:
                validate_email(parseaddr(given)[1])
        except ValidationError:
            yield Error(
                f"{variable} is no address such as Mawid <mawid@example.sa>.", id="notifications.E015"
            )
    try:
        get_connection()
    except ImproperlyConfigured as error:  # django-anymail says which of its settings is missing
        yield Error(f"ANYMAIL: {' '.join(str(error).split())}", id="notifications.E016")
