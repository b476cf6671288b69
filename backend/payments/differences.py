"""What each kind of difference means and what to do about it: one table, for the API, the console and the command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.payments.models import DifferenceKind


@dataclass(frozen=True)
class Meaning:
    """`severity`: `money` when an amount is at stake, `notice` when it is only unusual. `is_healable`: asking the
    gateway once more may settle it, and changes nothing else."""

    title: Any
    explanation: Any
    what_to_do: Any
    severity: str = "money"
    is_healable: bool = False


MEANINGS: dict[str, Meaning] = {
    DifferenceKind.MISSING_HERE: Meaning(
        _("Missing here"),
        _("The gateway holds a payment that we know nothing of."),
        _(
            "Look it up in the gateway's dashboard. If it is for a visit, find the booking; if not, return it there."
        ),
        is_healable=True,
    ),
    DifferenceKind.MISSING_THERE: Meaning(
        _("Missing at the gateway"),
        _("We hold a payment that the gateway does not know."),
        _("Ask the gateway with the payment's ID, and check that the keys belong to this account."),
    ),
    DifferenceKind.CURRENCY: Meaning(
        _("Other currency"),
        _("The payment was made in another currency than we asked for. It counts for nothing here."),
        _("Return it in the gateway's dashboard, then answer for it as a task."),
    ),
    DifferenceKind.AMOUNT: Meaning(
        _("Other amount"),
        _("The amount paid is not the amount we asked for. It counts for nothing here."),
        _("Look for a discount set up at the gateway. Return the money there, then answer for it as a task."),
    ),
    DifferenceKind.METADATA: Meaning(
        _("Another booking's payment"),
        _("The payment does not name the booking it was made for."),
        _("Find out which booking it belongs to before the money is used or returned."),
    ),
    DifferenceKind.STATUS: Meaning(
        _("Other state"),
        _("The gateway and we disagree on whether the money moved."),
        _(
            "Compare the day again: it is settled by asking the gateway. If it stays, open the payment's story."
        ),
        is_healable=True,
    ),
    DifferenceKind.REFUNDED: Meaning(
        _("Other amount returned"),
        _("The gateway returned another amount than we know of."),
        _("Compare the day again. If it stays, see who returned money in the gateway's dashboard."),
        is_healable=True,
    ),
    DifferenceKind.DUPLICATE: Meaning(
        _("Paid twice"),
        _("The same was paid twice, and both payments were kept."),
        _("Ask the customer if need be, and refund the later payment."),
    ),
    DifferenceKind.ORPHAN: Meaning(
        _("Settlement of an unknown payment"),
        _(
            "A settlement holds money of a payment that neither we nor the gateway's list know. It waits in suspense."
        ),
        _("Send the settlement and the line to the gateway's support."),
    ),
    DifferenceKind.SETTLED_TWICE: Meaning(
        _("Settled twice"),
        _("The same payment was sent to the bank twice."),
        _("Tell the gateway's support: it will take the second back in a later settlement."),
    ),
    DifferenceKind.SETTLED_AMOUNT: Meaning(
        _("Other amount settled"),
        _(
            "What was sent to the bank for this payment is not what was charged, or more went back than we returned."
        ),
        _("Claim the rest from the gateway's support with the settlement's reference."),
    ),
    DifferenceKind.FEE: Meaning(
        _("Other fee"),
        _(
            "The fee of a settled line does not add up, bears another VAT than 15 %, or is higher than announced."
        ),
        _("Compare it with the contract, and claim what was taken too much."),
    ),
    DifferenceKind.WRONG_DAY: Meaning(
        _("Other day"),
        _("The payment stands on another day in the settlement than here."),
        _("Around midnight nothing is wrong: note it as explained. Otherwise look at the payment's story."),
        severity="notice",
    ),
    DifferenceKind.UNSETTLED: Meaning(
        _("Not settled"),
        _("The payment was charged long ago and is in no settlement."),
        _("Import the missing settlement, or ask the gateway's support when the money will be sent."),
    ),
    DifferenceKind.CHARGEBACK: Meaning(
        _("Chargeback"),
        _("The customer's bank took the money back."),
        _("Gather the proof of the visit and answer the dispute, or write the amount off."),
    ),
    DifferenceKind.CHARGEBACK_PENALTY: Meaning(
        _("Penalty for a chargeback"),
        _("The gateway charged its fee for a lost dispute."),
        _("Compare it with the contract, and note which chargeback it belongs to."),
    ),
    DifferenceKind.SETTLEMENT_TOTAL: Meaning(
        _("Settlement does not add up"),
        _("The lines of a settlement do not add up to its amount, or some are missing."),
        _("Ask the gateway's support for the whole list, and compare the bank statement."),
    ),
}
HEALABLE = tuple(kind for kind, meaning in MEANINGS.items() if meaning.is_healable)
