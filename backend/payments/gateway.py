"""The gateway as settings describe it, leaving a trace of every call."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import Error
from django.utils import timezone

from backend.core.purge import purge
from backend.payments.models import GatewayCall
from backend.payments.providers import CallMade, PaymentGateway
from backend.payments.providers.moyasar import MoyasarGateway
from backend.payments.refusals import PaymentsUnavailable

logger = logging.getLogger("mawid.payments")

MOYASAR = "https://api.moyasar.com/v1"
QUICK_SECONDS = 2.0
"""A webhook is answered within 2.5 s (the gateway's own patience is not published)."""
CALLS_KEPT = timedelta(days=400)
"""A year of disputes, and some weeks to look into the last of them."""


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
            secret,
            publishable,
            webhook_secret,
            base_url,
            connect_timeout=1.0,
            read_timeout=QUICK_SECONDS,
            observe=write_down,
        )
    return MoyasarGateway(secret, publishable, webhook_secret, base_url, observe=write_down)


def write_down(call: CallMade) -> None:
    """Keep a trace of a call. Money comes first: a trace that cannot be written is only logged."""
    try:
        GatewayCall.objects.create(
            payment_id=call.payment_id,
            verb=call.verb,
            at=timezone.now() - timedelta(milliseconds=call.took_ms),
            took_ms=call.took_ms,
            status=call.status,
            outcome=call.outcome,
            request_id=call.request_id,
            note=call.note,
        )
    except Error:
        logger.exception("call to the gateway not written down", extra={"verb": call.verb})


def purge_calls(now: datetime) -> int:
    """Delete traces past their time. Returns how many."""
    return purge(GatewayCall.objects.filter(at__lt=now - CALLS_KEPT))
