"""Money in the console: read, never edited. The gateway decides; `settle`, `sweep` and `reconcile` write it down."""

from backend.payments.admin import books, documents, ledger, payments, wire

__all__ = ["books", "documents", "ledger", "payments", "wire"]
