"""Money as it really moved: through the gateway (`gateway`), the calls themselves (`calls`), daily proofs (`books`)."""

from backend.payments.models.books import Difference, DifferenceKind, Reconciliation
from backend.payments.models.calls import CallOutcome, GatewayCall
from backend.payments.models.cards import CardStatus, SavedCard
from backend.payments.models.desk import DeskReceipt, ReceiptMethod
from backend.payments.models.gateway import (
    PAID_STATES,
    Payment,
    PaymentState,
    Purpose,
    Refund,
    RefundState,
    WebhookEvent,
)
from backend.payments.models.tasks import Outcome, Resolution, TaskKind

__all__ = [
    "PAID_STATES",
    "CallOutcome",
    "CardStatus",
    "DeskReceipt",
    "Difference",
    "DifferenceKind",
    "GatewayCall",
    "Outcome",
    "Payment",
    "PaymentState",
    "Purpose",
    "ReceiptMethod",
    "Reconciliation",
    "Refund",
    "RefundState",
    "Resolution",
    "SavedCard",
    "TaskKind",
    "WebhookEvent",
]
