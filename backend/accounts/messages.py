"""What sign-in says by text message."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, ngettext


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
