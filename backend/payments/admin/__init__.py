"""Money in the console: read, never edited. The gateway decides; `settle`, `sweep` and `reconcile` write it down."""

from backend.payments.admin import approvals, books, documents, ledger, payments, settlements, wire

__all__ = ["approvals", "books", "documents", "ledger", "payments", "settlements", "wire"]
