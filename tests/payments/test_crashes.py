"""A process killed after any step of any path leaves nothing that another one does not finish."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from tests.payments.saga import Customer, end_of, every_death, finish, sweep
from tests.support.api import Api
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

Attempt = dict[str, Any]


def dies_everywhere(
    customer: Customer,
    act: Callable[[Attempt], Any],
    *ends: str,
    prepare: Callable[[], Attempt],
    again: Callable[[Attempt], Any] = lambda attempt: None,
    minutes: tuple[int, ...] = (),
    **at_most: int,
) -> None:
    """Die at each step of `act` and let others finish: only these ends, the last of them when nobody died.

    `minutes` are when the others come by.
    `at_most` says how often the gateway may carry out a verb for one booking, `create` among them.
    """

    def begin() -> Attempt:
        customer.another()
        customer.sandbox.reset_calls()
        return prepare()

    reached = []

    def check(attempt: Attempt) -> None:
        again(attempt)
        finish(*minutes)
        reached.append(end_of(customer.sandbox, customer.booking_id))
        assert reached[-1] in ends
        carried_out = customer.sandbox.calls()["carried_out"]
        for verb, most in ({"capture": 1, "refund": 1, "void": 1, "create": 1} | at_most).items():
            call = "POST /payments 201" if verb == "create" else f"POST /payments/{{id}}/{verb} 200"
            assert carried_out.get(call, 0) <= most, (verb, carried_out)
        assert carried_out.get("POST /invoices 201", 0) <= 1, carried_out

    steps = every_death(begin, act, check)
    assert steps >= 3, "nothing was watched"
    assert reached[-1] == ends[-1]


def test_hearing_of_a_payment(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)
    dies_everywhere(customer, customer.webhook, "paid", prepare=customer.paid)


def test_asking_about_a_payment_nobody_told_us_of(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, auto_confirm=True)

    def read(attempt: Attempt) -> None:
        with freeze_time(timezone.now() + timedelta(seconds=6), tick=True):
            customer.phone.get(f"payments/{attempt['id']}")

    dies_everywhere(customer, read, "paid", prepare=customer.paid)


def test_the_bank_sending_the_payer_back(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)
    dies_everywhere(
        customer, lambda attempt: Api().get(f"/pay/return/{attempt['id']}"), "paid", prepare=customer.paid
    )


def test_a_charge_from_our_side_that_the_phone_asks_for_again(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)

    def post(attempt: Attempt) -> None:
        source = {"type": "token", "token": "token_ok_sara"}
        customer.phone.post(
            f"bookings/{customer.booking_id}/payments", {"source": source}, key=attempt["key"]
        )

    dies_everywhere(customer, post, "paid", prepare=lambda: {"key": str(uuid.uuid4())}, again=post)


def test_the_run_that_finds_a_payment(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)
    dies_everywhere(
        customer,
        lambda attempt: sweep(timezone.now() + timedelta(minutes=2)),
        "paid",
        prepare=customer.paid,
    )


def test_a_second_payment_for_one_booking(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)

    def twice() -> Attempt:
        first, second = customer.begin(), customer.begin()
        for attempt in (first, second):
            customer.pay(attempt)
        customer.webhook(first)
        return second

    dies_everywhere(customer, customer.webhook, "paid", prepare=twice, create=2)


def test_a_payment_for_a_booking_that_is_gone(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)

    def gone() -> Attempt:
        attempt = customer.paid()
        customer.cancel()
        return attempt

    dies_everywhere(customer, customer.webhook, "free", prepare=gone)


def test_declining_what_was_paid(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)
    dies_everywhere(
        customer, lambda attempt: customer.at_desk("decline"), "paid", "free", prepare=customer.heard
    )


def test_cancelling_late_for_a_fee(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, auto_confirm=True, free_cancel_hours=200, late_cancel_percent=50)
    dies_everywhere(customer, lambda attempt: customer.cancel(), "paid", "free", prepare=customer.heard)


def test_hearing_of_a_hold(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, authorise_first=True)
    dies_everywhere(customer, customer.webhook, "held", prepare=customer.paid)


def test_confirming_charges_the_hold(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, authorise_first=True)
    dies_everywhere(
        customer, lambda attempt: customer.at_desk("confirm"), "held", "paid", prepare=customer.heard
    )


def test_declining_releases_the_hold(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, authorise_first=True)
    dies_everywhere(
        customer, lambda attempt: customer.at_desk("decline"), "held", "free", prepare=customer.heard
    )


def test_a_fee_is_charged_of_a_hold_that_was_not_charged_yet(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, authorise_first=True, free_cancel_hours=200, late_cancel_percent=50)

    def confirmed_without_charge() -> Attempt:
        attempt = customer.heard()
        sandbox.fault("status", status=429, method="POST", path="/payments/*/capture")
        customer.at_desk("confirm")
        return attempt

    dies_everywhere(
        customer, lambda attempt: customer.cancel(), "paid", "free", prepare=confirmed_without_charge
    )


def test_asking_for_a_page_and_paying_there(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)

    def ask(attempt: Attempt) -> Any:
        path = f"bookings/{customer.booking_id}/payments"
        return customer.phone.post(path, {"source": {"type": "hosted"}}, key=attempt["key"])

    def pay(attempt: Attempt) -> None:
        if page := ask(attempt).json()["next_action"]:
            sandbox.press(page["url"], "PAY")

    dies_everywhere(
        customer,
        ask,
        "free",
        "paid",
        prepare=lambda: {"key": str(uuid.uuid4())},
        again=pay,
        minutes=(4, 30, 42),
    )


def test_hearing_of_a_payment_made_on_a_page(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)

    def paid() -> Attempt:
        body = {"source": {"type": "hosted"}}
        attempt: Attempt = customer.phone.post(f"bookings/{customer.booking_id}/payments", body).json()
        sandbox.press(attempt["next_action"]["url"], "PAY")
        return attempt

    def hear(attempt: Attempt) -> None:
        query = {"metadata[booking_id]": str(customer.booking_id)}
        (made,) = sandbox.api("GET", "/payments", params=query).json()["payments"]
        customer.webhook(attempt, data={"id": made["id"], "invoice_id": made["invoice_id"]})

    dies_everywhere(customer, hear, "paid", prepare=paid)


def test_a_code_that_pays(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)

    def begin() -> Attempt:
        source = {"type": "stcpay", "mobile": "0512345678"}
        path = f"bookings/{customer.booking_id}/payments"
        attempt: Attempt = customer.phone.post(path, {"source": source}).json()
        return attempt | {"key": str(uuid.uuid4())}

    def enter(attempt: Attempt) -> None:
        customer.phone.post(f"payments/{attempt['id']}/otp", {"otp": "123456"}, key=attempt["key"])

    dies_everywhere(customer, enter, "paid", prepare=begin, again=enter)
