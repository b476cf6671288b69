"""Money as it really moved: through the gateway (`gateway`), the calls themselves (`calls`), daily proofs (`books`)."""

from backend.payments.models.books import Difference, DifferenceKind, Reconciliation
from backend.payments.models.calls import CallOutcome, GatewayCall
from backend.payments.models.cards import CardStatus, SavedCard
from backend.payments.models.desk import DeskReceipt, ReceiptMethod
from backend.payments.models.gateway import (
    HOSTED,
    PAID_STATES,
    STC_PAY,
    SURPLUS,
    Payment,
    PaymentState,
    Purpose,
    Refund,
    RefundReason,
    RefundState,
    WebhookEvent,
)
from backend.payments.models.invoices import CreditReason, DocumentKind, DocumentSeries, TaxDocument
from backend.payments.models.ledger import Account, Entry, EntryKind, Line, Payout
from backend.payments.models.tasks import Outcome, Resolution, TaskKind

__all__ = [
    "HOSTED",
    "PAID_STATES",
    "STC_PAY",
    "SURPLUS",
    "Account",
    "CallOutcome",
    "CardStatus",
    "CreditReason",
    "DeskReceipt",
    "Difference",
    "DifferenceKind",
    "DocumentKind",
    "DocumentSeries",
    "Entry",
    "EntryKind",
    "GatewayCall",
    "Line",
    "Outcome",
    "Payment",
    "PaymentState",
    "Payout",
    "Purpose",
    "ReceiptMethod",
    "Reconciliation",
    "Refund",
    "RefundReason",
    "RefundState",
    "Resolution",
    "SavedCard",
    "TaskKind",
    "TaxDocument",
    "WebhookEvent",
]
