"""Saved cards: kept when their owner wished it and paid with them, forgotten here and at the gateway."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.queries import is_gone
from backend.core.alarms import raise_alarm
from backend.core.errors import NotFound
from backend.payments.gateway import configured, gateway
from backend.payments.models import CardStatus, Payment, SavedCard
from backend.payments.providers import GatewayError, GatewayPayment, GatewayRefused
from backend.payments.queries import cards_of

logger = logging.getLogger("mawid.payments")

RETRY_AFTER = timedelta(minutes=5)
UNREAD_FOR = timedelta(days=1)
BATCH = 50


def keep_card(payment: Payment, truth: GatewayPayment, *, now: datetime) -> None:
    """Meet the payer's wish to have the card saved, once, in the transaction that settles the payment.

    `payment` is locked and is saved here. The card's details are fetched after the commit.
    """
    if not payment.save_card or not truth.token:
        return
    payment.save_card = False
    payment.save(update_fields=["save_card"])
    customer = payment.booking.customer
    if customer is None or is_gone(customer):
        return
    card, _ = SavedCard.objects.get_or_create(
        token=truth.token,
        defaults={
            "customer": customer,
            "created_at": now,
            "next_attempt_at": now,
        },
    )
    if card.status == CardStatus.UNREAD:
        transaction.on_commit(partial(_finish_quietly, card.pk))


def forget_card(*, customer: Any, card_id: uuid.UUID, now: datetime) -> None:
    """Take a card from its owner at once, and from the gateway after the commit. Raises NotFound."""
    with transaction.atomic():
        card = cards_of(customer).select_for_update(no_key=True).filter(pk=card_id).first()
        if card is None:
            raise NotFound
        _let_go(card, now=now)


def forget_cards_of(customer: Any, *, now: datetime) -> int:
    """Let go of all of somebody's cards, in the caller's transaction. Returns how many there were."""
    cards = list(SavedCard.objects.select_for_update(no_key=True).filter(customer=customer).order_by("pk"))
    for card in cards:
        _let_go(card, now=now)
    return len(cards)


def finish_cards(now: datetime) -> int:
    """Read the cards nobody read, and have the gateway forget what was removed. Returns how many are done."""
    if not configured():
        return 0
    waiting = (
        SavedCard.objects.filter(
            status__in=(CardStatus.UNREAD, CardStatus.REMOVING), next_attempt_at__lte=now
        )
        .order_by("next_attempt_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    done = 0
    for card_id in list(waiting):
        try:
            done += finish_card(card_id, now=now)
        except GatewayRefused as error:
            raise_alarm("card_needs_a_person", str(card_id), why=str(error)[:200])
        except GatewayError as error:
            logger.warning("card left for the next run", extra={"error": str(error)})
            break
    return done


def finish_card(card_id: uuid.UUID, *, now: datetime) -> bool:
    """Bring one card to the end it waits for. Both calls may be repeated. Raises GatewayError."""
    card = SavedCard.objects.filter(pk=card_id).first()
    if card is None or card.status == CardStatus.ACTIVE:
        return False
    SavedCard.objects.filter(pk=card_id).update(next_attempt_at=now + RETRY_AFTER)
    if card.status == CardStatus.REMOVING:
        gateway().delete_token(card.token)
        SavedCard.objects.filter(pk=card_id, status=CardStatus.REMOVING).delete()
        return True
    return _read(card, now=now)


def _read(card: SavedCard, *, now: datetime) -> bool:
    token = gateway().fetch_token(card.token)
    known = token is not None and token.last_four and token.month and token.year
    with transaction.atomic():
        fresh = SavedCard.objects.select_for_update(no_key=True).filter(pk=card.pk).first()
        if fresh is None or fresh.status != CardStatus.UNREAD:
            return False
        if token is not None and token.status == "active" and known:
            fresh.brand, fresh.last_four = (token.brand or "")[:20], token.last_four or ""
            fresh.month, fresh.year = token.month, token.year
            fresh.status = CardStatus.ACTIVE
            # The same card saved once more is one card to its owner: the newest token stays.
            twins = cards_of(fresh.customer).filter(
                brand=fresh.brand, last_four=fresh.last_four, month=fresh.month, year=fresh.year
            )
            for twin in twins.select_for_update(no_key=True).order_by("pk"):
                _let_go(twin, now=now)
            fresh.save(update_fields=["brand", "last_four", "month", "year", "status"])
            return True
        if token is None or token.status != "initiated" or now - fresh.created_at > UNREAD_FOR:
            _let_go(fresh, now=now)
            return True
    return False


def _let_go(card: SavedCard, *, now: datetime) -> None:
    card.customer, card.status, card.next_attempt_at = None, CardStatus.REMOVING, now
    card.save(update_fields=["customer", "status", "next_attempt_at"])
    transaction.on_commit(partial(_finish_quietly, card.pk))


def _finish_quietly(card_id: uuid.UUID) -> None:
    """After commit the request must not fail any more: what goes wrong here is finished by `sweep`."""
    try:
        if configured():
            finish_card(card_id, now=timezone.now())
    except Exception:
        logger.exception("card left for sweep", extra={"card_id": str(card_id)})
