"""Combinations of settings that could not work, found at start-up."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def message_providers_are_whole(**kwargs: Any) -> list[CheckMessage]:
    """Refuses a provider that is named but could not send."""
    found: list[CheckMessage] = []
    for name in ("SMS_PROVIDER", "OTP_PROVIDER"):
        if not getattr(settings, name):
            found.append(Error(f"{name} names no provider.", id="notifications.E001"))
    if "unifonic" in (*settings.SMS_PROVIDER, *settings.OTP_PROVIDER):
        sender = settings.UNIFONIC_SENDER_ID
        if not settings.UNIFONIC_APP_SID:
            found.append(
                Error("UNIFONIC_APP_SID is missing beside the provider unifonic.", id="notifications.E002")
            )
        if not sender:
            found.append(
                Warning(
                    "UNIFONIC_SENDER_ID is missing: texts leave under the application's default sender.",
                    id="notifications.W003",
                )
            )
        elif not re.fullmatch(r"[A-Za-z0-9 ._-]{1,11}", sender):
            found.append(
                Error(
                    "UNIFONIC_SENDER_ID must be a registered name of at most 11 characters.",
                    id="notifications.E004",
                )
            )
        elif sender.upper().endswith("-AD"):
            found.append(
                Error(
                    "UNIFONIC_SENDER_ID ends in -AD, which may only carry advertising.",
                    id="notifications.E005",
                )
            )
    return found
