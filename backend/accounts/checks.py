"""Combinations of settings that could not work, found at start-up."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from backend.core.phone import PhoneInvalid, mobile_e164

MAX_DOMAIN = 24
"""An Arabic text with the origin-bound line fits one SMS part (70 units) up to this length of domain."""


@register()
def code_domain_fits(**kwargs: Any) -> list[CheckMessage]:
    """A longer domain would double the price of every code; a malformed one would break autofill."""
    domain = settings.OTP_DOMAIN
    if not domain:
        return []
    if len(domain) > MAX_DOMAIN:
        return [Error(f"OTP_DOMAIN may have at most {MAX_DOMAIN} characters.", id="accounts.E001")]
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
        return [Error("OTP_DOMAIN must be a bare host name such as example.sa.", id="accounts.E002")]
    return []


@register()
def review_numbers_can_sign_in(**kwargs: Any) -> list[CheckMessage]:
    """A review number that is none would be found out by the store's reviewer, and by nobody before."""
    found: list[CheckMessage] = []
    for position, number in enumerate(settings.REVIEW_NUMBERS, 1):
        try:
            fits = mobile_e164(number) == number
        except PhoneInvalid:
            fits = False
        if not fits:
            found.append(Error(f"REVIEW_NUMBERS: number {position} cannot sign in.", id="accounts.E003"))
    return found


@register()
def controller_can_be_reached(**kwargs: Any) -> list[CheckMessage]:
    """The privacy notice has to say whom to ask."""
    if settings.PRODUCTION and not settings.CONTROLLER_CONTACT:
        return [
            Warning(
                "CONTROLLER_CONTACT is empty: the privacy notice does not say how to reach you.",
                id="accounts.W001",
            )
        ]
    return []


@register()
def callers_can_be_told_apart(**kwargs: Any) -> list[CheckMessage]:
    """Behind a proxy nobody believes, all callers share its network, and so one limit on codes."""
    if settings.BEHIND_PROXY and not settings.TRUSTED_PROXIES:
        return [
            Warning(
                "BEHIND_PROXY is on and TRUSTED_PROXIES is 0: every caller counts as one network.",
                hint="Set TRUSTED_PROXIES to the number of proxies that add to X-Forwarded-For.",
                id="accounts.W002",
            )
        ]
    return []
