"""How money moves: begin, settle, give back, compare. Nothing here holds a transaction open across a network call."""

from backend.payments.operations.approving import (
    approve_refund,
    decline_refund,
    expire_requests,
    needs_second,
    refundable_minor,
    request_refund,
    withdraw_refund,
)
from backend.payments.operations.cards import finish_cards, forget_card, forget_cards_of
from backend.payments.operations.closing import close_day
from backend.payments.operations.codes import submit_code
from backend.payments.operations.damage import release_damage
from backend.payments.operations.desk import take_money, void_receipt
from backend.payments.operations.differences import note_difference, resolve_difference, take_difference
from backend.payments.operations.importing import fetch_new_settlements, import_file, import_settlements
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
from backend.payments.operations.tasks import Task, open_task, open_tasks, resolve_task
from backend.payments.operations.webhooks import finish_events, handle_event, receive_event, take_in

__all__ = [
    "Task",
    "apply",
    "approve_refund",
    "catch_up",
    "catch_up_documents",
    "charge",
    "close_day",
    "decline_refund",
    "expire_requests",
    "fetch_new_settlements",
    "finish_cards",
    "finish_events",
    "forget_card",
    "forget_cards_of",
    "handle_event",
    "import_file",
    "import_settlements",
    "needs_second",
    "note_difference",
    "open_differences",
    "open_task",
    "open_tasks",
    "owe_back",
    "post",
    "receive_event",
    "reconcile",
    "record_payout",
    "refundable_minor",
    "release_damage",
    "request_refund",
    "resolve_difference",
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
    "take_difference",
    "take_in",
    "take_money",
    "unowed_minor",
    "void_payout",
    "void_receipt",
    "withdraw_refund",
]
