"""Money as it really moved: through the gateway (`gateway`), and the daily proofs of it (`books`)."""

from backend.payments.models.books import Difference, DifferenceKind, Reconciliation
from backend.payments.models.gateway import (
    PAID_STATES,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    WebhookEvent,
)

__all__ = [
    "PAID_STATES",
    "Difference",
    "DifferenceKind",
    "Payment",
    "PaymentState",
    "Reconciliation",
    "Refund",
    "RefundState",
    "WebhookEvent",
]
