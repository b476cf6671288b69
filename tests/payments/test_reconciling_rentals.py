"""A hold against damage on all three sides: what is held is no money, and each fault around it is of one kind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.payments.models import Account, Difference, Line, Payment, Reconciliation, Refund, SettlementLine
from backend.payments.operations import import_file, reconcile
from backend.payments.queries.ledger import balances
from tests.payments.saga import Renter, books_of, documented, end_of, sweep, sweep_now
from tests.payments.test_settlements import file_of, row_of
from tests.support.api import Api, ok
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db
HELD = Renter.DAMAGE


@pytest.fixture
def gateway(settings: Any) -> Iterator[SandboxProcess]:
    """A gateway of this test's own: its list holds nobody else's payments."""
    with SandboxProcess() as process:
        settings.MOYASAR_SECRET_KEY = process.secret_key
        settings.MOYASAR_PUBLISHABLE_KEY = process.publishable_key
        settings.MOYASAR_WEBHOOK_SECRET = process.webhook_secret
        settings.MOYASAR_BASE_URL = process.base_url
        yield process


@pytest.fixture
def renter(gateway: SandboxProcess) -> Renter:
    """A suite that is confirmed, its deposit paid."""
    renter = Renter(gateway, min_notice_minutes=0, auto_confirm=True)
    return confirmed(renter)


def confirmed(renter: Renter) -> Renter:
    renter.heard()
    renter.at_desk("confirm")
    assert renter.booking.state == "confirmed"
    return renter


def held(renter: Renter, *, told: bool = True, **changed: Any) -> dict[str, Any]:
    """A hold that the bank has let through; `told`: and we know of."""
    attempt: dict[str, Any] = ok(renter.hold(), 201)
    renter.pay(attempt, **changed)
    if told:
        renter.webhook(attempt, "payment_authorized")
    return attempt


def compare(**options: Any) -> Reconciliation:
    now = timezone.now()
    return reconcile(
        from_date=now.date() - timedelta(days=3), to_date=now.date() + timedelta(days=1), now=now, **options
    )


def kinds(run: Reconciliation) -> dict[str, str]:
    return {str(row.payment_id): row.kind for row in run.differences.all()}


def over(renter: Renter) -> None:
    """The rental is used and over."""
    with freeze_time(renter.booking.ends_at, tick=True):
        renter.desk = Api(renter.manager)
        renter.at_desk("complete")
    assert renter.booking.state == "completed"


def test_a_hold_that_was_let_go_differs_on_no_side_and_moves_no_money(renter: Renter) -> None:
    hold = held(renter)
    run = compare()
    assert not run.differences.exists()
    deposit = renter.booking.deposit_minor
    assert (run.ours_count, run.theirs_count) == (2, 2)
    assert run.captured_minor == run.theirs_captured_minor == deposit, "what is held is no money"
    over(renter)
    assert Payment.objects.get(pk=hold["id"]).state == "voided"
    renter.sandbox.settle()
    run = compare()
    assert not run.differences.exists()
    assert run.settled_minor == deposit
    assert not SettlementLine.objects.filter(gateway_payment_id=hold["id"]).exists()
    assert not Line.objects.filter(entry__payment=hold["id"]).exists(), "the books know nothing of a hold"
    assert books_of(renter.booking)["gateway_clearing"] == 0, "the deposit is at the bank"


@pytest.mark.parametrize("age", ["young", "old"])
def test_a_part_that_was_charged_at_the_gateways_desk_goes_back_and_all_sides_agree(
    renter: Renter, age: str
) -> None:
    hold, deposit = held(renter), renter.booking.deposit_minor
    renter.sandbox.api("POST", f"/payments/{hold['id']}/capture", json={"amount": 20_000})
    if age == "old":  # a charge can be voided for two hours, and is refunded after that
        renter.sandbox.advance_clock(3 * 3600)
        renter.sandbox.fault("status", status=503, method="POST", path="/payments/*/void")
    renter.webhook(hold, "payment_captured")
    renter.sandbox.clear_faults()
    sweep(timezone.now() + timedelta(hours=4 if age == "old" else 0, minutes=5))
    row = Payment.objects.get(pk=hold["id"])
    assert row.state == ("voided" if age == "young" else "refunded")
    assert Refund.objects.get(payment=row).amount_minor == 20_000
    assert documented(renter.booking) == deposit, "no invoice for what was never a sale"
    assert end_of(renter.sandbox, renter.booking_id) == "paid"
    renter.sandbox.settle()
    run = compare()
    assert not run.differences.exists(), list(run.differences.values())
    lines = SettlementLine.objects.filter(gateway_payment_id=hold["id"]).values_list("type", flat=True)
    assert sorted(lines) == (["payment", "void"] if age == "young" else ["payment", "refund"])
    over(renter)
    books = books_of(renter.booking)
    assert (books["gateway_clearing"], books["refunds"], sum(books.values())) == (0, 0, 0)
    assert balances(salon=renter.salon)[Account.SUSPENSE] == 0


def test_a_hold_that_was_charged_in_part_just_before_it_was_let_go_is_returned_as_far(
    renter: Renter,
) -> None:
    hold = held(renter)
    renter.sandbox.api("POST", f"/payments/{hold['id']}/capture", json={"amount": 20_000})
    renter.at_desk("cancel")
    refund = Refund.objects.get(payment=hold["id"])
    assert (refund.state, refund.amount_minor) == ("done", 20_000)
    assert Payment.objects.get(pk=hold["id"]).state == "refunded"
    renter.sandbox.settle()
    assert not compare().differences.exists()
    assert books_of(renter.booking)["refunds"] == 0


def test_each_fault_around_a_hold_is_of_its_kind_and_what_can_be_healed_is(gateway: SandboxProcess) -> None:
    """One rental for each fault, all compared at once."""
    renters = {
        kind: confirmed(Renter(gateway, min_notice_minutes=0, auto_confirm=True))
        for kind in ("unheard", "released", "charged", "dearer", "vanished", "settled", "taken")
    }
    hold = {
        kind: held(
            renter,
            told=kind not in ("unheard", "dearer"),
            **({"amount_minor": 1} if kind == "dearer" else {}),
        )
        for kind, renter in renters.items()
    }
    gateway.api("POST", f"/payments/{hold['released']['id']}/void")
    gateway.api("POST", f"/payments/{hold['charged']['id']}/capture", json={"amount": 300})
    gone = uuid.uuid4()
    Payment.objects.filter(pk=hold["vanished"]["id"]).update(gateway_id=gone)
    sent = _settled(hold["settled"]["id"], hold["taken"]["id"])
    run = compare(heal=False)
    assert kinds(run) == {
        hold["unheard"]["id"]: "status",
        hold["released"]["id"]: "status",
        hold["charged"]["id"]: "status",
        hold["dearer"]["id"]: "amount",
        hold["vanished"]["id"]: "missing_here",
        str(gone): "missing_there",
        hold["settled"]["id"]: "settled_amount",
        hold["taken"]["id"]: "chargeback",
    }
    assert sent == 2
    run = compare()
    mended = {hold[kind]["id"] for kind in ("unheard", "released", "charged")}
    assert run.healed_count == len(mended)
    healed = Difference.objects.filter(state="healed").values_list("payment_id", flat=True)
    assert {str(one) for one in healed} == mended
    assert Payment.objects.get(pk=hold["unheard"]["id"]).state == "authorized"
    assert Payment.objects.get(pk=hold["released"]["id"]).state == "voided"
    sweep_now()
    assert Payment.objects.get(pk=hold["charged"]["id"]).state == "voided", "what was charged goes back"
    again = compare()
    assert set(kinds(again)) == set(kinds(run)) - mended
    assert again.fingerprint == run.fingerprint


def _settled(held_id: str, taken_id: str) -> int:
    """A settlement that sends money of a hold that was never charged, and takes some back of another."""
    at = timezone.now().strftime("%Y-%m-%d %H:%M:%S")
    done = import_file(
        file_of(
            row_of(held_id, "500.00", "0.00", "0.00", at=at),
            row_of(taken_id, "-500.00", "0.00", "0.00", kind="chargeback", at=at),
        ),
        now=timezone.now(),
    )
    return done.settlement.line_count
