"""Words for codes that no model lists as choices: they are kept as they came, and grow without a migration."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.payments.models import HOSTED, STC_PAY, RefundReason

SOURCES: dict[str, Any] = {
    "client": _("in the app"),
    "token": _("a card entered in the app"),
    "saved_card": _("a saved card"),
    "applepay": "Apple Pay",
    STC_PAY: "STC Pay",
    HOSTED: _("a page of the gateway"),
}
REASONS: dict[str, Any] = {
    RefundReason.BOOKING_CLOSED: _("the booking has ended"),
    RefundReason.NOTHING_TO_PAY: _("nothing was to be paid any more"),
    RefundReason.MORE_THAN_DUE: _("more was paid than is due"),
    RefundReason.GOODWILL: _("goodwill"),
}
MISMATCHES: dict[str, Any] = {
    "currency": _("another currency than we asked for"),
    "amount": _("another amount than we asked for"),
    "metadata": _("it does not name this booking"),
}
TOLD: dict[str, Any] = {
    "settled": _("the payment was brought up to date"),
    "imported": _("the settlement was brought in"),
    "unknown_settlement": _("the gateway knows no such settlement"),
    "unknown_payment": _("no payment of ours"),
    "no_money_moved": _("no money moved"),
    "wrong_mode": _("test and live mode were mixed up"),
    "ignored": _("nothing for us to do"),
}
"""What became of a webhook."""
