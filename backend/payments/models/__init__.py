"""Money as it really moved: through the gateway (`gateway`), the calls themselves (`calls`), what it sent to
our bank (`settlements`), and the proofs that all of it agrees (`books`)."""

from backend.payments.models.approvals import (
    ExportSheet,
    ExportTaken,
    ExportType,
    RefundRequest,
    RequestState,
)
from backend.payments.models.books import (
    DayClose,
    Difference,
    DifferenceAct,
    DifferenceEvent,
    DifferenceKind,
    DifferenceResolution,
    DifferenceState,
    Finding,
    Reconciliation,
)
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
from backend.payments.models.settlements import Settlement, SettlementLine, SettlementSource
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
    "DayClose",
    "DeskReceipt",
    "Difference",
    "DifferenceAct",
    "DifferenceEvent",
    "DifferenceKind",
    "DifferenceResolution",
    "DifferenceState",
    "DocumentKind",
    "DocumentSeries",
    "Entry",
    "EntryKind",
    "ExportSheet",
    "ExportTaken",
    "ExportType",
    "Finding",
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
    "RefundRequest",
    "RefundState",
    "RequestState",
    "Resolution",
    "SavedCard",
    "Settlement",
    "SettlementLine",
    "SettlementSource",
    "TaskKind",
    "TaxDocument",
    "WebhookEvent",
]
