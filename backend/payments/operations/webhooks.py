"""What the gateway tells us: kept once, acted on once, in any order. The call is a hint; `settle` fetches the truth."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q

from backend.core.alarms import raise_alarm
from backend.core.patience import patience
from backend.payments.gateway import configured, gateway
from backend.payments.models import Payment, WebhookEvent
from backend.payments.operations.importing import import_settlement
from backend.payments.operations.settling import FAULTS_ALLOWED, settle, settle_on_page
from backend.payments.providers import GatewayError, PaymentGateway, WebhookCall

logger = logging.getLogger("mawid.payments")
RETRY_AFTER = timedelta(minutes=1)
BATCH = 100
PATIENCE = 2.0
"""Seconds for all that an event sets off, so that it is answered within 2.5 (the gateway's patience is not known)."""
LONGEST_LOCK = "1s"
SETTLED = "balance_transferred"
"""The gateway sent money to the bank."""


def take_in(call: WebhookCall, *, now: datetime, using: PaymentGateway) -> bool:
    """Keep an event and act on it as far as the caller's patience goes. Never raises over what it says.

    What is slow, down or broken (the gateway, a carrier of messages, a lock) is left to `sweep` and `deliver`. False
    for an event that was acted on before.
    """
    event_id, handled = receive_event(call, now=now)
    if handled:
        return False
    if call.type == SETTLED:
        return True  # a settlement has more lines than a caller has patience: `sweep` brings it in
    try:
        with patience(PATIENCE), _short_locks():
            handle_event(event_id, now=now, live=call.live, using=using)
    except GatewayError as error:
        logger.warning("webhook left for sweep", extra={"error": str(error)})
    except Exception:  # the event is kept: whatever went wrong with it is no concern of the caller's
        logger.exception("webhook left for sweep")
    return True


@contextmanager
def _short_locks() -> Iterator[None]:
    """Wait for somebody else's lock no longer than the caller would."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        usual = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LONGEST_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [usual])


def receive_event(call: WebhookCall, *, now: datetime) -> tuple[int, bool]:
    """Keep an event, committed at once; a repeat only counts. Returns the row's id, and whether it was acted on."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_webhookevent AS kept (provider, event_id, type, payment_id, payload, received_at,
                                                       times_received, outcome, attempts, next_attempt_at)
            VALUES ('moyasar', %s, %s, %s, %s::jsonb, %s, 1, '', 0, %s)
            ON CONFLICT (provider, event_id) DO UPDATE SET times_received = kept.times_received + 1
            RETURNING id, handled_at IS NOT NULL
            """,
            [call.event_id[:80], call.type[:60], call.payment_id, json.dumps(dict(call.payload)), now, now],
        )
        row = cursor.fetchone()
    return int(row[0]), bool(row[1])


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
        raise_alarm("webhook_of_the_other_mode", str(event.payment_id or event.event_id), live=live)
    elif event.type == SETTLED:
        outcome = "imported" if _import_told(event, now=now) else "unknown_settlement"
    elif event.payment_id is None:
        outcome = "ignored"
    else:
        outcome = _settle_told(event, event.payment_id, now=now, using=using)
    WebhookEvent.objects.filter(pk=event_id, handled_at=None).update(handled_at=now, outcome=outcome)
    return outcome


def _settle_told(event: WebhookEvent, told: uuid.UUID, *, now: datetime, using: PaymentGateway) -> str:
    """Settle the payment an event is about, which on the gateway's page has an id of the gateway's."""
    ours = Payment.objects.filter(Q(pk=told) | Q(gateway_id=told)).values_list("pk", flat=True).first()
    if ours is not None:
        settle(ours, now=now, using=using)
        return "settled"
    page = _page_of(event)
    attempt = Payment.objects.filter(invoice_id=page).order_by("created_at").first() if page else None
    if page is None or attempt is None:
        return "unknown_payment"
    settled = settle_on_page(told, page, now=now, using=using)
    # The event belongs to our payment's story, whatever the gateway calls it.
    WebhookEvent.objects.filter(pk=event.pk).update(payment_id=(settled or attempt).pk)
    return "settled" if settled else "no_money_moved"


def _import_told(event: WebhookEvent, *, now: datetime) -> bool:
    """Bring in the settlement an event is about."""
    data = event.payload.get("data")
    named = data.get("id") if isinstance(data, dict) else None
    known_form = isinstance(named, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,80}", named)
    return bool(known_form and import_settlement(str(named), now=now))


def _page_of(event: WebhookEvent) -> uuid.UUID | None:
    """The gateway's page that an event says its payment was made on."""
    data = event.payload.get("data")
    named = data.get("invoice_id") if isinstance(data, dict) else None
    try:
        return uuid.UUID(named) if isinstance(named, str) else None
    except ValueError:
        return None


def finish_events(now: datetime) -> int:
    """Act on kept events that could not be finished when they came. Returns how many now are."""
    if not configured():
        return 0
    waiting = WebhookEvent.objects.filter(handled_at=None, next_attempt_at__lte=now).order_by("id")[:BATCH]
    done = faults = 0
    for event in waiting:
        live = event.payload.get("live")
        try:
            handle_event(event.pk, now=now, live=live if isinstance(live, bool) else None, using=gateway())
        except GatewayError as error:
            logger.warning("webhook left for the next run", extra={"error": str(error)})
            faults += 1
            if faults == FAULTS_ALLOWED:
                break
            continue
        except Exception:  # a fault of ours with one event must not starve the others; it is tried again
            logger.exception("webhook left for the next run", extra={"event": event.event_id})
            continue
        faults = 0
        done += 1
    return done
