"""Which kind of difference it is: what is known of one payment goes in, one kind at most comes out. No database."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from backend.core.money import VAT_PERCENT, percentage
from backend.core.time import RIYADH
from backend.payments.models import PAID_STATES, DifferenceKind, Payment, PaymentState
from backend.payments.operations.reconciling.comparing import LoneLine, Settled, Sides, Total, compared_day
from backend.payments.operations.recording import mismatch_of, state_of
from backend.payments.providers import GatewayPayment

MOVED = frozenset({"paid", "captured", "refunded", "authorized"})
"""What the gateway calls a payment with money in it, charged or held."""
CHARGED = frozenset({"paid", "captured", "refunded"})


@dataclass(frozen=True)
class Rules:
    """What is reckoned with: when it is, when the newest settlement was sent (None when there is none), how long a
    payment may wait for one, and by how many halalas a fee may be above what was announced."""

    now: datetime
    newest_settlement_at: datetime | None
    unsettled_after: timedelta
    fee_tolerance_minor: int


@dataclass(frozen=True)
class Found:
    """A difference as one run sees it. `amount_minor` is ours less theirs."""

    kind: DifferenceKind
    subject: str
    business_date: date
    payment_id: uuid.UUID | None = None
    settlement_id: uuid.UUID | None = None
    amount_minor: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


def gateway_kind(payment: Payment | None, truth: GatewayPayment) -> DifferenceKind | None:
    """The one kind of difference between ours and the gateway's, the gravest first; None when they agree."""
    if payment is None:
        return DifferenceKind.MISSING_HERE
    mismatch = mismatch_of(payment, truth)
    if mismatch == "metadata" and truth.status not in MOVED:
        mismatch = ""  # nothing was paid: no money to explain
    if mismatch:
        return DifferenceKind(mismatch)
    expected = state_of(payment, truth)
    ours = PaymentState.CAPTURED if payment.state in PAID_STATES else payment.state
    if ours != expected:
        return DifferenceKind.STATUS
    if expected == PaymentState.CAPTURED and payment.refunded_minor != truth.refunded_minor:
        return DifferenceKind.REFUNDED
    return None


def find(sides: Sides, rules: Rules) -> Found | None:
    """The difference of one payment, if there is any: between ours and the gateway's, else with its settlement.

    What contradicts our own row is one difference and no two: a settlement is held against us only where the gateway
    is not, but money sent twice, sent for nobody or charged too much for stands by itself.
    """
    kind = _at_the_gateway(sides) or _in_the_settlement(sides, rules)
    if kind is None:
        return None
    return Found(
        kind=kind,
        subject=f"payment:{sides.key}",
        business_date=_day(compared_day(sides)),
        payment_id=sides.key,
        settlement_id=sides.settled.settlement_id if sides.settled else None,
        amount_minor=_at_stake(kind, sides),
        facts={
            "ours": _ours(sides.ours),
            "gateway": _theirs(sides.theirs),
            "settlements": _settled(sides.settled),
        },
    )


def of_line(line: LoneLine) -> Found:
    kinds = {
        "chargeback": DifferenceKind.CHARGEBACK,
        "chargeback_penalty": DifferenceKind.CHARGEBACK_PENALTY,
    }
    told = {"type": line.type, "net_minor": line.net_minor, "settlement": line.settlement}
    return Found(
        kind=kinds.get(line.type, DifferenceKind.ORPHAN),
        subject=f"line:{line.id}",
        business_date=_day(line.transacted_at),
        payment_id=line.payment_id,
        settlement_id=line.settlement_id,
        amount_minor=-line.net_minor,
        facts={"ours": None, "gateway": None, "settlements": told},
    )


def of_total(total: Total) -> Found:
    told = {
        "settlement": total.gateway_id,
        "amount_minor": total.amount_minor,
        "lines_minor": total.lines_minor,
        "told_line_count": total.told_line_count,
        "line_count": total.line_count,
    }
    return Found(
        kind=DifferenceKind.SETTLEMENT_TOTAL,
        subject=f"settlement:{total.id}",
        business_date=_day(total.created_at),
        settlement_id=total.id,
        amount_minor=total.lines_minor - total.amount_minor,
        facts={"ours": None, "gateway": None, "settlements": told},
    )


def _at_the_gateway(sides: Sides) -> DifferenceKind | None:
    ours, theirs = sides.ours, sides.theirs
    if theirs is not None:
        if ours is None and sides.is_on_our_page and theirs.status not in MOVED:
            return None  # a try on a page of ours that came to nothing has no row here
        if kind := gateway_kind(ours, theirs):
            return kind
    elif ours is not None and sides.in_days and _should_be_there(ours):
        return DifferenceKind.MISSING_THERE
    if sides.is_second or sides.has_two_rows:
        return DifferenceKind.DUPLICATE
    return None


def _should_be_there(ours: Payment) -> bool:
    known = ours.state in (*PAID_STATES, PaymentState.AUTHORIZED, PaymentState.VOIDED)
    return known or ours.gateway_seen


def _in_the_settlement(sides: Sides, rules: Rules) -> DifferenceKind | None:
    ours, settled = sides.ours, sides.settled
    if settled is None or not settled.moved:
        return DifferenceKind.UNSETTLED if ours is not None and _waits_too_long(ours, rules) else None
    if ours is None:
        return DifferenceKind.ORPHAN
    if settled.times > 1:
        return DifferenceKind.SETTLED_TWICE
    if _is_other_amount(ours, settled):
        return DifferenceKind.SETTLED_AMOUNT
    if _is_other_fee(sides.theirs, settled, rules):
        return DifferenceKind.FEE
    if ours.settled_at and settled.paid_at and _day(ours.settled_at) != _day(settled.paid_at):
        return DifferenceKind.WRONG_DAY
    if not settled.times and _waits_too_long(ours, rules):
        return DifferenceKind.UNSETTLED
    return None


def _is_other_amount(ours: Payment, settled: Settled) -> bool:
    if ours.state == PaymentState.VOIDED:
        return settled.voided_minor > settled.gross_minor
    charged = ours.captured_minor or ours.suspended_minor
    if settled.times and settled.gross_minor != charged:
        return True
    return settled.returned_minor > ours.refunded_minor and not ours.quarantined_because


def _is_other_fee(theirs: GatewayPayment | None, settled: Settled, rules: Rules) -> bool:
    if not settled.adds_up:
        return True
    if abs(settled.fee_vat_minor - percentage(settled.fee_minor, VAT_PERCENT)) > 1:
        return True
    announced = theirs.fee_minor if theirs is not None else 0
    whole = settled.fee_minor + settled.fee_vat_minor
    return bool(announced and settled.times and whole > announced + rules.fee_tolerance_minor)


def _waits_too_long(ours: Payment, rules: Rules) -> bool:
    if ours.state not in PAID_STATES or not ours.captured_minor or ours.settled_at is None:
        return False
    return rules.newest_settlement_at is not None and ours.settled_at < rules.now - rules.unsettled_after


def _at_stake(kind: DifferenceKind, sides: Sides) -> int:
    """Ours less theirs, in halalas."""
    ours = sides.ours.captured_minor - sides.ours.refunded_minor if sides.ours else 0
    settled = sides.settled
    match kind:
        case DifferenceKind.DUPLICATE | DifferenceKind.UNSETTLED:
            return ours
        case DifferenceKind.ORPHAN | DifferenceKind.SETTLED_TWICE | DifferenceKind.SETTLED_AMOUNT:
            assert settled is not None
            charged = sides.ours.captured_minor if sides.ours else 0
            return charged - settled.gross_minor + settled.returned_minor + settled.voided_minor
        case DifferenceKind.FEE:
            assert settled is not None
            announced = sides.theirs.fee_minor if sides.theirs else 0
            return settled.fee_minor + settled.fee_vat_minor - announced
        case DifferenceKind.WRONG_DAY:
            return 0
    return ours - kept_there(sides.theirs)


def kept_there(truth: GatewayPayment | None) -> int:
    """Halalas the gateway charged and did not return."""
    if truth is None or truth.status not in CHARGED:
        return 0
    return (truth.captured_minor or truth.amount_minor) - truth.refunded_minor


def _ours(payment: Payment | None) -> dict[str, Any] | None:
    if payment is None:
        return None
    return {
        "payment_id": str(payment.pk),
        "state": payment.state,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
    }


def _theirs(truth: GatewayPayment | None) -> dict[str, Any] | None:
    if truth is None:
        return None
    return {
        "status": truth.status,
        "amount_minor": truth.amount_minor,
        "currency": truth.currency,
        "captured_minor": truth.captured_minor,
        "refunded_minor": truth.refunded_minor,
        "fee_minor": truth.fee_minor,
    }


def _settled(settled: Settled | None) -> dict[str, Any] | None:
    if settled is None:
        return None
    return {
        "times": settled.times,
        "gross_minor": settled.gross_minor,
        "returned_minor": settled.returned_minor,
        "voided_minor": settled.voided_minor,
        "fee_minor": settled.fee_minor,
        "fee_vat_minor": settled.fee_vat_minor,
        "paid_on": _day(settled.paid_at).isoformat() if settled.paid_at else None,
    }


def _day(moment: datetime) -> date:
    return moment.astimezone(RIYADH).date()
