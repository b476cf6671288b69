"""What sign-in says by text message."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as N_

from backend.core.time import RIYADH
from backend.notifications import phrases
from backend.notifications.kinds import Kind
from backend.notifications.operations import Words
from backend.notifications.phrases import Phrase, phrase_of, said_at

_WILL_CHANGE = N_(
    "Your account's number changes on %(date)s at %(time)s\nTo stop it: sign in with this number."
)
_CHANGED = N_("Your account moved to another number.\nIf you did not ask, please contact support.")

phrases.register(
    Phrase(Kind(code, topic="account", essential=True), "customer", title, text, text)
    for code, title, text in (
        ("phone_change_announced", N_("Number will change"), _WILL_CHANGE),
        ("phone_changed", N_("Number changed"), _CHANGED),
    )
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


def number_will_change(at: datetime, *, language: str) -> Words:
    """To the old number when a change cools: until when, and how to stop it."""
    with translation.override(language):
        return phrase_of("phone_change_announced").words(said_at(at.astimezone(RIYADH)))


def number_changed(*, language: str) -> Words:
    """To the old number when it has stopped being the account's."""
    with translation.override(language):
        return phrase_of("phone_changed").words({})


def email_code(*, code: str, minutes: int, language: str) -> tuple[str, str]:
    """(subject, text) of the mail that proves an address. The code stands on a line of its own."""
    with translation.override(language):
        text = ngettext(
            "Code to confirm this e-mail address:\n\n%(code)s\n\n"
            "Valid for %(minutes)d minute. Please do not share it. If you did not ask, please ignore this message.",
            "Code to confirm this e-mail address:\n\n%(code)s\n\n"
            "Valid for %(minutes)d minutes. Please do not share it. If you did not ask, please ignore this message.",
            minutes,
        )
        return gettext("Confirming your e-mail address"), text % {"code": code, "minutes": minutes}
