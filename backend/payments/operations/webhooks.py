"""What the gateway tells us: kept once, acted on once, in any order. The call is a hint; `settle` fetches the truth."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F

from backend.payments.gateway import configured, gateway
from backend.payments.models import Payment, WebhookEvent
from backend.payments.operations.settling import settle
from backend.payments.providers import GatewayError, PaymentGateway, WebhookCall

logger = logging.getLogger("mawid.payments")
RETRY_AFTER = timedelta(minutes=1)
BATCH = 100


def receive_event(call: WebhookCall, *, now: datetime) -> int:
    """Keep an event, committed at once; a repeat only counts. Returns the row's id."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_webhookevent AS kept (provider, event_id, type, payment_id, payload, received_at,
                                                       times_received, outcome, attempts, next_attempt_at)
            VALUES ('moyasar', %s, %s, %s, %s::jsonb, %s, 1, '', 0, %s)
            ON CONFLICT (provider, event_id) DO UPDATE SET times_received = kept.times_received + 1
            RETURNING id
            """,
            [call.event_id[:80], call.type[:60], call.payment_id, json.dumps(dict(call.payload)), now, now],
        )
        row = cursor.fetchone()
    return int(row[0])


def handle_event(event_id: int, *, now: datetime, live: bool | None, using: PaymentGateway) -> str:
    """Act on a kept event unless that was done; returns what became of it. Raises GatewayError: `sweep` tries again."""
    event = WebhookEvent.objects.get(pk=event_id)
    if event.handled_at is not None:
        return event.outcome
    WebhookEvent.objects.filter(pk=event_id).update(
        attempts=F("attempts") + 1, next_attempt_at=now + RETRY_AFTER * 2 ** min(event.attempts, 6)
    )
    if live is not None and live != using.live:
        outcome = "wrong_mode"
        logger.error("webhook of the other mode", extra={"event": event.event_id})
    elif event.payment_id is None:
        outcome = "ignored"
    elif not Payment.objects.filter(pk=event.payment_id).exists():
        outcome = "unknown_payment"
    else:
        settle(event.payment_id, now=now, using=using)
        outcome = "settled"
    WebhookEvent.objects.filter(pk=event_id, handled_at=None).update(handled_at=now, outcome=outcome)
    return outcome


def finish_events(now: datetime) -> int:
    """Act on kept events that could not be finished when they came. Returns how many now are."""
    if not configured():
        return 0
    waiting = WebhookEvent.objects.filter(handled_at=None, next_attempt_at__lte=now).order_by("id")[:BATCH]
    done = 0
    for event in waiting:
        live = event.payload.get("live")
        try:
            handle_event(event.pk, now=now, live=live if isinstance(live, bool) else None, using=gateway())
        except GatewayError as error:
            logger.warning("webhook left for the next run", extra={"error": str(error)})
            break
        done += 1
    return done
