"""The gateway as settings describe it."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from backend.payments.providers import PaymentGateway
from backend.payments.providers.moyasar import MoyasarGateway
from backend.payments.refusals import PaymentsUnavailable

MOYASAR = "https://api.moyasar.com/v1"
QUICK_SECONDS = 2.0
"""A webhook is answered within 2.5 s (the gateway's own patience is not published)."""


def configured() -> bool:
    return bool(settings.MOYASAR_SECRET_KEY)


def gateway(*, quick: bool = False) -> PaymentGateway:
    """The configured gateway; `quick` never waits longer than a webhook may. Raises PaymentsUnavailable."""
    if not configured():
        raise PaymentsUnavailable(extra={"retry_after": 60})
    return _build(
        settings.MOYASAR_SECRET_KEY,
        settings.MOYASAR_PUBLISHABLE_KEY,
        settings.MOYASAR_WEBHOOK_SECRET,
        settings.MOYASAR_BASE_URL or MOYASAR,
        quick,
    )


@lru_cache(maxsize=8)
def _build(secret: str, publishable: str, webhook_secret: str, base_url: str, quick: bool) -> PaymentGateway:
    if quick:
        return MoyasarGateway(
            secret, publishable, webhook_secret, base_url, connect_timeout=1.0, read_timeout=QUICK_SECONDS
        )
    return MoyasarGateway(secret, publishable, webhook_secret, base_url)
