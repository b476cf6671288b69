"""What sign-in says by text message."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from backend.core.time import RIYADH
from backend.notifications import kinds
from backend.notifications.kinds import Kind

kinds.register(
    Kind(code, topic="account", essential=True) for code in ("phone_change_announced", "phone_changed")
)


def code_text(*, code: str, language: str, minutes: int, app_hash: str | None) -> str:
    """The message with the code, one SMS part in both languages.

    The last line belongs to the phone: the 11 characters Android's SMS Retriever wants, or the origin-bound
    code of iOS and browsers (`@domain #code`). Nothing may follow it, not even a line end.
    """
    with translation.override(language):
        if app_hash or settings.OTP_DOMAIN:
            text = gettext("Verification code: %(code)s\nPlease do not share it.") % {"code": code}
        else:
            text = ngettext(
                "Verification code: %(code)s\nValid for %(minutes)d minute. Please do not share it.",
                "Verification code: %(code)s\nValid for %(minutes)d minutes. Please do not share it.",
                minutes,
            ) % {"code": code, "minutes": minutes}
    if app_hash:
        return f"{text}\n{app_hash}"
    if settings.OTP_DOMAIN:
        return f"{text}\n@{settings.OTP_DOMAIN} #{code}"
    return text


def whatsapp_code_text(*, code: str, language: str) -> str:
    """What a code looks like on WhatsApp, for the record: WhatsApp writes it itself, in wording of its own.

    It takes one value from us, the code; the app's hash and the origin-bound line belong to SMS.
    """
    with translation.override(language):
        text = gettext("%(code)s is your verification code. For your security, do not share this code.")
        return text % {"code": code}


def leaving_code_text(*, code: str, language: str, minutes: int) -> str:
    """The code to the old number: it says what it is for, so that nobody gives it away unknowingly."""
    with translation.override(language):
        return gettext(
            "Code to move your account to another number: %(code)s\nIf you did not ask, please ignore it."
        ) % {"code": code}


def number_has_an_account(*, code: str, language: str, minutes: int) -> str:
    """Instead of a code, to a number somebody wants to move to although it has an account: the code stays here."""
    with translation.override(language):
        return gettext("No account was moved to this number: it already has one.")


def number_will_change(at: datetime, *, language: str) -> str:
    """To the old number when a change cools: until when, and how to stop it."""
    local = at.astimezone(RIYADH)
    with translation.override(language):
        return gettext(
            "Your account's number changes on %(date)s at %(time)s\nTo stop it: sign in with this number."
        ) % {"date": f"{local.day}/{local.month}", "time": date_format(local, "g:i A")}


def number_changed(*, language: str) -> str:
    """To the old number when it has stopped being the account's."""
    with translation.override(language):
        return gettext("Your account moved to another number.\nIf you did not ask, please contact support.")
