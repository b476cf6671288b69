"""Why a payment cannot begin, and how a failed one is told. Codes are part of the contract."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from backend.core.errors import Conflict, Invalid, NotSignedIn, Refused, Unavailable


class CardDataRefused(Refused):
    code = "card_data_refused"
    message = _("Card details must never be sent here. Nothing was kept.")
    client = "fix"


class NothingToPay(Conflict):
    code = "nothing_to_pay"
    message = _("There is nothing to pay for this booking.")


class PaymentsUnavailable(Unavailable):
    code = "payments_unavailable"
    message = _("Payments are not available at the moment. Please try again shortly.")


class WebhookUnverified(NotSignedIn):
    code = "webhook_unverified"
    message = _("The caller could not be verified.")
    client = "fix"


class WebhookUnreadable(Invalid):
    code = "webhook_unreadable"
    message = _("The request could not be read.")


FAILURES = {
    "card_declined": _("The bank declined the payment. Please use another card."),
    "insufficient_funds": _("The card does not have enough balance. Please use another card."),
    "card_expired": _("This card has expired. Please use another card."),
    "authentication_failed": _("The bank could not confirm it was you. Please try again."),
    "payment_expired": _("The time to pay has run out and nothing was charged. Please try again."),
    "payment_failed": _("The payment did not go through and nothing was charged."),
}
"""Codes of `failure` on a failed payment. The bank's own words are for operators only."""

_BY_RESPONSE_CODE = {
    "51": "insufficient_funds",
    "61": "insufficient_funds",
    "65": "insufficient_funds",
    "54": "card_expired",
    "33": "card_expired",
}


def failure_code(*, response_code: str | None, message: str | None) -> str:
    """Our word for a failed payment, from the acquirer's code first and the gateway's text as a hint."""
    if response_code in _BY_RESPONSE_CODE:
        return _BY_RESPONSE_CODE[response_code]
    text = (message or "").lower()
    if "insufficient" in text:
        return "insufficient_funds"
    if "expired card" in text:
        return "card_expired"
    if "time frame" in text or "expired" in text or "timeout" in text:
        return "payment_expired"
    if "3ds" in text or "3-d" in text or "authenticat" in text:
        return "authentication_failed"
    if response_code or "declined" in text:
        return "card_declined"
    return "payment_failed"
