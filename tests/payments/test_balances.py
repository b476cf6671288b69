"""What is left of a price after the deposit: paid online, once, whatever happens at the desk meanwhile."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.payments.models import Payment, Refund, RefundReason
from backend.payments.operations import owe_back, send_due_refunds, start_payment, take_money
from backend.payments.refusals import MoreThanDue
from tests.factories import UserFactory, employ
from tests.payments.conftest import Payer
from tests.support.api import Api, ok, refused
from tests.support.race import race
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

BALANCE = {"source": {"type": "client"}, "purpose": "balance"}


def with_deposit(payer: Payer) -> Payer:
    """The deposit of 23.00 out of 115.00 is paid."""
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    return payer


def begin_balance(payer: Payer) -> dict[str, Any]:
    body: dict[str, Any] = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", BALANCE), 201)
    return body


def balance(payer: Payer) -> dict[str, int]:
    found = ok(payer.phone.get(f"bookings/{payer.booking_id}/payments"))["balance"]
    return {name: money["amount_minor"] for name, money in found.items()}


@pytest.fixture
def confirmed(sandbox: SandboxProcess) -> Payer:
    return with_deposit(Payer(sandbox, auto_confirm=True, free_cancel_hours=200, late_cancel_percent=50))


def test_a_balance_is_paid_online_and_leaves_the_booking_as_it_is(confirmed: Payer, sent: Any) -> None:
    version = confirmed.booking.version
    assert balance(confirmed) == {"total": 11500, "paid": 2300, "refunded": 0, "due": 9200}
    payment = begin_balance(confirmed)
    assert (payment["purpose"], payment["amount"]["amount_minor"]) == ("balance", 9200)
    confirmed.pay(payment)
    ok(confirmed.webhook(payment))
    assert confirmed.read(payment)["state"] == "captured"
    assert balance(confirmed) == {"total": 11500, "paid": 11500, "refunded": 0, "due": 0}
    assert (confirmed.booking.state, confirmed.booking.version) == ("confirmed", version)
    assert "92.00" in sent(confirmed.user.phone)[-1]
    refused(confirmed.phone.post(f"bookings/{confirmed.booking_id}/payments", BALANCE), 409, "nothing_to_pay")


def test_the_list_shows_every_attempt_newest_first_in_pages(confirmed: Payer) -> None:
    second = begin_balance(confirmed)
    path = f"bookings/{confirmed.booking_id}/payments"
    first_page = ok(confirmed.phone.get(path, limit=1))
    assert [(row["id"], row["purpose"]) for row in first_page["items"]] == [(second["id"], "balance")]
    rest = ok(confirmed.phone.get(path, limit=1, cursor=first_page["next_cursor"]))
    assert [(row["purpose"], row["state"]) for row in rest["items"]] == [("deposit", "captured")]
    refused(Api(UserFactory.create()).get(path), 404, "not_found")


def test_the_list_asks_a_fixed_number_of_questions(
    confirmed: Payer, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        begin_balance(confirmed)
    with django_assert_max_num_queries(12):
        ok(confirmed.phone.get(f"bookings/{confirmed.booking_id}/payments"))


def test_the_deposit_comes_before_the_balance(payer: Payer) -> None:
    path = f"bookings/{payer.booking_id}/payments"
    refused(payer.phone.post(path, BALANCE), 409, "deposit_first")
    with_deposit(payer)
    assert payer.booking.state == "requested"
    assert begin_balance(payer)["amount"]["amount_minor"] == 9200


def test_a_booking_without_deposit_owes_its_whole_price(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox, auto_confirm=True, deposit_percent=0)
    payment = begin_balance(payer)
    payer.pay(payment)
    ok(payer.webhook(payment))
    assert balance(payer) == {"total": 11500, "paid": 11500, "refunded": 0, "due": 0}


def test_a_visit_that_is_over_can_still_be_paid(confirmed: Payer) -> None:
    desk = employ(confirmed.salon)
    with freeze_time(confirmed.booking.starts_at + timedelta(minutes=50), tick=True):
        confirmed.sign_in_again()
        body = {"version": confirmed.booking.version}
        ok(Api(desk).post(f"manage/bookings/{confirmed.booking_id}/complete", body))
        assert begin_balance(confirmed)["amount"]["amount_minor"] == 9200


def test_a_no_show_owes_nothing_more(confirmed: Payer) -> None:
    desk = employ(confirmed.salon)
    with freeze_time(confirmed.booking.starts_at + timedelta(minutes=50), tick=True):
        confirmed.sign_in_again()
        body = {"version": confirmed.booking.version}
        ok(Api(desk).post(f"manage/bookings/{confirmed.booking_id}/no-show", body))
        assert balance(confirmed)["due"] == 0
        path = f"bookings/{confirmed.booking_id}/payments"
        refused(confirmed.phone.post(path, BALANCE), 409, "nothing_to_pay")


def test_of_two_balances_paid_at_once_one_goes_back(confirmed: Payer) -> None:
    first, second = begin_balance(confirmed), begin_balance(confirmed)
    for payment in (first, second):
        confirmed.at_the_bank(payment)
    for payment in (first, second):
        confirmed.sandbox.pay(payment["id"])
        ok(confirmed.webhook(payment))
    assert confirmed.read(first)["state"] == "captured"
    shown = confirmed.read(second)
    assert shown["state"] in ("refunded", "voided")
    assert shown["notice"]["detail"]
    assert balance(confirmed)["due"] == 0
    assert confirmed.sandbox.api("GET", f"/payments/{second['id']}").json()["status"] in (
        "refunded",
        "voided",
    )


def test_what_the_desk_took_meanwhile_goes_back_to_the_card(confirmed: Payer) -> None:
    payment = begin_balance(confirmed)
    confirmed.at_the_bank(payment)
    receipt = {"method": "cash", "amount_minor": 5000}
    desk = Api(employ(confirmed.salon))
    ok(desk.post(f"manage/bookings/{confirmed.booking_id}/receipts", receipt), 201)
    confirmed.sandbox.pay(payment["id"])
    ok(confirmed.webhook(payment))
    send_due_refunds(timezone.now() + timedelta(minutes=10))
    assert Refund.objects.get().amount_minor == 5000
    assert balance(confirmed) == {"total": 11500, "paid": 16500, "refunded": 5000, "due": 0}
    assert confirmed.read(payment)["notice"]["code"] == "not_needed"


def test_a_balance_that_arrives_after_the_booking_was_cancelled_goes_back_whole(confirmed: Payer) -> None:
    payment = begin_balance(confirmed)
    confirmed.at_the_bank(payment)
    body = {"version": confirmed.booking.version}
    ok(Api(employ(confirmed.salon)).post(f"manage/bookings/{confirmed.booking_id}/cancel", body))
    assert confirmed.read(payment)["client_payment"] is None
    confirmed.sandbox.pay(payment["id"])
    ok(confirmed.webhook(payment))
    send_due_refunds(timezone.now() + timedelta(minutes=10))
    assert confirmed.read(payment)["state"] in ("refunded", "voided")


def test_cancelling_late_costs_a_part_of_the_deposit_and_the_balance_goes_back_whole(
    confirmed: Payer,
) -> None:
    payment = begin_balance(confirmed)
    confirmed.pay(payment)
    ok(confirmed.webhook(payment))
    cancel = {"version": confirmed.booking.version}
    assert ok(confirmed.phone.post(f"bookings/{confirmed.booking_id}/cancel", cancel))["state"] == "cancelled"
    back = {row.payment.purpose: row.amount_minor for row in Refund.objects.select_related("payment")}
    assert back == {"deposit": 1150, "balance": 9200}
    assert balance(confirmed) == {"total": 11500, "paid": 11500, "refunded": 10350, "due": 0}


def test_a_failed_balance_leaves_it_due(confirmed: Payer) -> None:
    payment = begin_balance(confirmed)
    confirmed.pay(payment, "UNAUTHENTICATED")
    ok(confirmed.webhook(payment, "payment_failed"))
    assert confirmed.read(payment)["failure"]["code"] == "authentication_failed"
    assert balance(confirmed)["due"] == 9200
    assert confirmed.booking.state == "confirmed"


def test_nobody_is_sent_to_pay_a_balance_that_the_desk_has_taken(confirmed: Payer) -> None:
    payment = begin_balance(confirmed)
    assert confirmed.read(payment)["client_payment"]
    desk = Api(employ(confirmed.salon))
    receipt = {"method": "terminal", "amount_minor": 9200}
    ok(desk.post(f"manage/bookings/{confirmed.booking_id}/receipts", receipt), 201)
    assert confirmed.read(payment)["client_payment"] is None


def test_the_database_knows_only_two_purposes(confirmed: Payer) -> None:
    with pytest.raises(IntegrityError, match="payment_purpose_known"), transaction.atomic():
        Payment.objects.update(purpose="tip")


@pytest.mark.django_db(transaction=True)
def test_two_desks_taking_the_whole_balance_at_once_take_it_once(confirmed: Payer) -> None:
    desk = employ(confirmed.salon)
    take = partial(
        take_money,
        bookings=Booking.objects.all(),
        booking_id=confirmed.booking.pk,
        method="cash",
        amount_minor=9200,
        tip_minor=0,
        note="",
        taken_by=desk,
        now=timezone.now(),
    )
    outcomes = race(take, take)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DeskReceipt", MoreThanDue.__name__]
    assert balance(confirmed)["due"] == 0


@pytest.mark.django_db(transaction=True)
def test_a_balance_begun_while_the_desk_takes_money_never_ends_in_paying_too_much(confirmed: Payer) -> None:
    now = timezone.now()
    outcomes = race(
        partial(
            take_money,
            bookings=Booking.objects.all(),
            booking_id=confirmed.booking.pk,
            method="cash",
            amount_minor=9000,
            tip_minor=0,
            note="",
            taken_by=employ(confirmed.salon),
            now=now,
        ),
        partial(
            start_payment,
            customer=confirmed.user,
            booking_id=confirmed.booking.pk,
            source_type="client",
            purpose="balance",
            now=now,
        ),
    )
    assert {type(outcome).__name__ for outcome in outcomes} == {"DeskReceipt", "Payment"}
    begun = Payment.objects.get(purpose="balance")
    assert begun.amount_minor in (200, 9200)
    shown = confirmed.read({"id": str(begun.pk)})
    if begun.amount_minor == 200:
        confirmed.pay(shown)
        ok(confirmed.webhook(shown))
        assert balance(confirmed) == {"total": 11500, "paid": 11500, "refunded": 0, "due": 0}
    else:
        assert shown["client_payment"] is None


def test_goodwill_never_makes_its_part_due_again(confirmed: Payer) -> None:
    deposit = Payment.objects.get(purpose="deposit")
    owe_back(deposit, amount_minor=500, reason=RefundReason.GOODWILL, now=timezone.now())
    assert balance(confirmed) == {"total": 11500, "paid": 2300, "refunded": 500, "due": 9200}
    send_due_refunds(timezone.now() + timedelta(minutes=10))
    assert balance(confirmed) == {"total": 11500, "paid": 2300, "refunded": 500, "due": 9200}
    rest = begin_balance(confirmed)
    assert rest["amount"]["amount_minor"] == 9200
    confirmed.pay(rest)
    ok(confirmed.webhook(rest))
    assert confirmed.read(rest)["notice"] is None
    assert balance(confirmed) == {"total": 11500, "paid": 11500, "refunded": 500, "due": 0}
    owe_back(
        Payment.objects.get(purpose="balance"),
        amount_minor=700,
        reason=RefundReason.GOODWILL,
        now=timezone.now(),
    )
    assert balance(confirmed)["due"] == 0


def test_what_finance_returns_at_the_gateways_own_desk_is_not_asked_for_again(confirmed: Payer) -> None:
    deposit = Payment.objects.get(purpose="deposit")
    confirmed.sandbox.api("POST", f"/payments/{deposit.pk}/refund", json={"amount": 800})
    ok(confirmed.webhook({"id": str(deposit.pk)}, "payment_refunded"))
    assert balance(confirmed) == {"total": 11500, "paid": 2300, "refunded": 800, "due": 9200}


def test_a_surplus_that_went_back_leaves_the_rest_due(confirmed: Payer) -> None:
    first, second = begin_balance(confirmed), begin_balance(confirmed)
    desk = Api(employ(confirmed.salon))
    confirmed.at_the_bank(first)
    taken = ok(
        desk.post(
            f"manage/bookings/{confirmed.booking_id}/receipts", {"method": "cash", "amount_minor": 5000}
        ),
        201,
    )
    confirmed.sandbox.pay(first["id"])
    ok(confirmed.webhook(first))
    assert balance(confirmed) == {"total": 11500, "paid": 16500, "refunded": 5000, "due": 0}
    path = f"manage/bookings/{confirmed.booking_id}/receipts/{taken['id']}/void"
    owner = Api(employ(confirmed.salon, "owner"))
    ok(owner.post(path, {"reason": "Counted twice"}))
    assert balance(confirmed) == {"total": 11500, "paid": 11500, "refunded": 5000, "due": 5000}
    assert confirmed.read(second)["client_payment"] is None
