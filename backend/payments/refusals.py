"""Why a payment cannot begin, and how a failed one is told. Codes are part of the contract."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from backend.core.errors import Conflict, Invalid, NotAllowed, NotSignedIn, Refused, Unavailable


class CardDataRefused(Refused):
    code = "card_data_refused"
    message = _("Card details must never be sent here. Nothing was kept.")
    client = "fix"


class NothingToPay(Conflict):
    code = "nothing_to_pay"
    message = _("There is nothing to pay for this booking.")


class HoldTooEarly(Refused):
    code = "hold_too_early"
    message = _("An amount against damage can be held from two days before the start.")


class DepositFirst(Conflict):
    code = "deposit_first"
    message = _("Please pay the deposit first. The rest can be paid once the booking is made.")


class MoreThanDue(Refused):
    code = "more_than_due"
    message = _("No more than SAR %(amount)s is left to pay for this booking.")
    client = "reload"


class NoCodeDue(Conflict):
    code = "no_code_due"
    message = _("This payment does not wait for a code.")


class OtpRefused(Refused):
    code = "otp_refused"
    message = _("The code was not accepted and nothing was charged. Please check it and try again.")


class TaskResolved(Conflict):
    code = "task_resolved"
    message = _("Somebody has answered for this task already.")


class MoreThanOwed(Refused):
    code = "more_than_owed"
    message = _("No more than SAR %(amount)s is owed to this salon.")
    client = "reload"


class PayoutKnown(Conflict):
    code = "payout_known"
    message = _("A transfer with this bank reference is written down already.")


class NotRefundable(Conflict):
    code = "not_refundable"
    message = _("Nothing of this payment can be given back: it was not charged, or all of it went back.")


class MoreThanRefundable(Refused):
    code = "more_than_refundable"
    message = _("No more than SAR %(amount)s of this payment can be given back.")
    client = "reload"


class RequestWaits(Conflict):
    code = "refund_request_waits"
    message = _("Another refund of this payment waits for a second person.")


class RequestDecided(Conflict):
    code = "refund_request_decided"
    message = _("This request does not wait any more: it was decided, or its time is over.")


class RequestNotYours(NotAllowed):
    code = "refund_request_not_yours"
    message = _("Only whoever asked for a refund can withdraw the request. Somebody else can decline it.")


class SecondPersonNeeded(NotAllowed):
    code = "second_person_needed"
    message = _("Whoever asked for a refund cannot decide on it. Somebody else of finance can.")


class SettlementFileInvalid(Invalid):
    """`reason` says which rule, and `rows` which lines of the file, the first ten at most."""

    code = "settlement_file_invalid"
    message = _("This file could not be read as a settlement. Nothing of it was kept.")


class ReconciliationRunning(Conflict):
    code = "reconciliation_running"
    message = _("The payments are being compared right now. Please try again shortly.")
    client = "retry"


class DifferenceClosed(Conflict):
    code = "difference_closed"
    message = _("This difference has been closed already.")


class DayNotOver(Refused):
    code = "day_not_over"
    message = _("This day is not over yet.")


class DayNotReconciled(Refused):
    code = "day_not_reconciled"
    message = _("Please compare this day first: there is no comparison of it since it ended.")


class DifferencesStand(Refused):
    code = "differences_stand"
    message = _("Differences of this day stand open: %(count)d.")


class DayClosed(Conflict):
    code = "day_closed"
    message = _("This day is closed already.")


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
    "limit_exceeded": _("The limit of the card does not allow this amount. Please use another card."),
    "card_expired": _("This card has expired. Please use another card."),
    "card_details_incorrect": _("The card details are not correct. Please check them and try again."),
    "authentication_failed": _("The bank could not confirm it was you. Please try again."),
    "code_incorrect": _(
        "The code is not correct and nothing was charged. Please pay again to get a new one."
    ),
    "wallet_unavailable": _(
        "This number cannot pay with STC Pay and nothing was charged. Please use another number or a card."
    ),
    "payment_cancelled": _(
        "The bank's confirmation was cancelled and nothing was charged. Please try again."
    ),
    "payment_expired": _("The time to pay has run out and nothing was charged. Please try again."),
    "bank_unavailable": _("The bank could not be reached and nothing was charged. Please try again shortly."),
    "gateway_unavailable": _(
        "The payment could not be sent and nothing was charged. Please try again shortly."
    ),
    "hold_lapsed": _(
        "The bank let go of the amount it held and nothing was charged. It can be paid at the salon."
    ),
    "payment_failed": _(
        "The payment did not go through and nothing was charged. Please try again or use another card."
    ),
}
"""Codes of `failure` on a failed payment: what happened, and what to do next. The bank's own words are for operators
only, and nobody is told at a counter that their card is reported stolen."""

TIME_KEPT = _("Your time is kept until %(time)s.")
"""Said after a failure while the hold still stands."""

NOTICES = {
    "waiting_for_payer": _(
        "The bank waits for your confirmation. Its page can be opened again, or another card can be used."
    ),
    "waiting_on_page": _("The payment page is ready and can be opened again at any time."),
    "waiting_for_code": _("A code was sent to the mobile number. Please enter it to finish the payment."),
    "not_started": _("Nothing has reached the bank yet and nothing was charged. You can pay again."),
    "waiting_for_bank": _("The bank has not answered yet. Please wait a moment; nothing is charged twice."),
    "under_review": _("The amount that arrived is not the one expected. Our team is looking into it."),
    "not_needed": _("What was paid beyond the amount due goes back to you."),
    "released": _("The amount held on the card was released and nothing was charged."),
}
"""Codes of `notice` on a payment that has not failed, where the payer may wonder what is going on."""

_BY_RESPONSE_CODE = {
    "51": "insufficient_funds",
    **dict.fromkeys(("61", "65"), "limit_exceeded"),
    **dict.fromkeys(("54", "33"), "card_expired"),
    "82": "card_details_incorrect",
    **dict.fromkeys(("90", "91", "92", "96"), "bank_unavailable"),
    "94": "payment_failed",
}
"""Acquirers' answers (docs.moyasar.com: Gateway Response Codes). Any other one is a plain no."""

_BY_REASON = {
    "3ds_timeout": "payment_expired",
    "3ds_declined_authentication_failed": "authentication_failed",
    "3ds_blocked_suspected_fraud": "card_declined",
    "3ds_expiration_check": "card_expired",
}
"""Reasons why 3-D Secure failed (docs.moyasar.com: 3DS Errors)."""

_BY_WORDS = (
    (("cancel",), "payment_cancelled"),
    (("insufficient",), "insufficient_funds"),
    (("invalid otp",), "code_incorrect"),
    (("not registered", "needs to be updated", "invalid account"), "wallet_unavailable"),
    (("exceed",), "limit_exceeded"),
    (("expired card",), "card_expired"),
    (("time frame", "timed out", "timeout", "expired"), "payment_expired"),
    (("3ds", "3-d", "authenticat", "otp"), "authentication_failed"),
    (("declined",), "card_declined"),
)
"""The gateway's own text, a hint where it gave no code."""


def failure_code(*, response_code: str | None, message: str | None, reason: str | None = None) -> str:
    """Our word for a failed payment: by the acquirer's code, then 3-D Secure's reason, then the gateway's text."""
    if response_code in _BY_RESPONSE_CODE:
        return _BY_RESPONSE_CODE[response_code]
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    text = (message or "").lower()
    for words, code in _BY_WORDS:
        if any(word in text for word in words):
            return code
    return "card_declined" if response_code else "payment_failed"
