"""How money moves: begin, settle, give back, compare. Nothing here holds a transaction open across a network call."""

from backend.payments.operations.reconciling import open_differences, reconcile
from backend.payments.operations.refunding import owe_back, send_due_refunds, send_refund, unowed_minor
from backend.payments.operations.settling import apply, settle, settle_unfinished
from backend.payments.operations.starting import charge, start_payment
from backend.payments.operations.webhooks import finish_events, handle_event, receive_event

__all__ = [
    "apply",
    "charge",
    "finish_events",
    "handle_event",
    "open_differences",
    "owe_back",
    "receive_event",
    "reconcile",
    "send_due_refunds",
    "send_refund",
    "settle",
    "settle_unfinished",
    "start_payment",
    "unowed_minor",
]
