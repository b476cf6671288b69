"""Combinations of settings that could not work, found at start-up."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

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
