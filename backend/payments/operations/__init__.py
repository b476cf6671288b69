"""How money moves: begin, settle, give back, compare. Nothing here holds a transaction open across a network call."""

from backend.payments.operations.cards import finish_cards, forget_card, forget_cards_of
from backend.payments.operations.codes import submit_code
from backend.payments.operations.desk import take_money, void_receipt
from backend.payments.operations.invoicing import catch_up_documents
from backend.payments.operations.posting import post, record_payout, settled, void_payout
from backend.payments.operations.reconciling import catch_up, open_differences, reconcile
from backend.payments.operations.refunding import owe_back, send_due_refunds, send_refund, unowed_minor
from backend.payments.operations.settling import (
    apply,
    settle,
    settle_after_commit,
    settle_on_page,
    settle_unfinished,
)
from backend.payments.operations.starting import charge, start_payment
from backend.payments.operations.tasks import Task, open_tasks, resolve_task
from backend.payments.operations.webhooks import finish_events, handle_event, receive_event, take_in

__all__ = [
    "Task",
    "apply",
    "catch_up",
    "catch_up_documents",
    "charge",
    "finish_cards",
    "finish_events",
    "forget_card",
    "forget_cards_of",
    "handle_event",
    "open_differences",
    "open_tasks",
    "owe_back",
    "post",
    "receive_event",
    "reconcile",
    "record_payout",
    "resolve_task",
    "send_due_refunds",
    "send_refund",
    "settle",
    "settle_after_commit",
    "settle_on_page",
    "settle_unfinished",
    "settled",
    "start_payment",
    "submit_code",
    "take_in",
    "take_money",
    "unowed_minor",
    "void_payout",
    "void_receipt",
]
