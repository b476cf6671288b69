"""Refunds by the hand of finance: one person up to a limit, two above it, and never the same money twice."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import User
from backend.bookings.models import Booking
from backend.payments import operations
from backend.payments.models import Entry, Payment, Refund, RefundRequest
from backend.payments.operations import approving
from backend.payments.refusals import RequestDecided
from tests.factories import FinanceFactory
from tests.payments.saga import Customer, books_of, documented, sweep
from tests.support.api import Api, ok, refused
from tests.support.race import race
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

DEPOSIT = 2300


@pytest.fixture
def customer(sandbox: SandboxProcess, settings: Any) -> Customer:
    """A paid deposit of 23.00; one person may give back 10.00 of it alone."""
    settings.FINANCE_REFUND_LIMIT_MINOR = 1000
    customer = Customer(sandbox, auto_confirm=True)
    customer.heard()
    return customer


@pytest.fixture
def desk() -> Api:
    return Api(FinanceFactory.create(name="هند"), language="en")


@pytest.fixture
def colleague() -> Api:
    return Api(FinanceFactory.create(name="ماجد"), language="en")


def payment_of(customer: Customer) -> Payment:
    return Payment.objects.get(booking=customer.booking_id)


def ask(desk: Api, payment: Payment, amount_minor: int, **rest: Any) -> Any:
    body = {"amount_minor": amount_minor, "reason": "The room was cold"}
    return desk.post(f"finance/payments/{payment.pk}/refunds", body, **rest)


def decide(desk: Api, request: dict[str, Any], verb: str = "approve") -> Any:
    body = {"reason": "Not our fault"} if verb == "decline" else None
    return desk.post(f"finance/refund-requests/{request['id']}/{verb}", body)


# One person


def test_a_small_refund_is_made_by_one_person_and_stands_in_the_books_and_the_documents(
    customer: Customer, desk: Api
) -> None:
    payment = payment_of(customer)
    made = ok(ask(desk, payment, 1000), 201)
    assert (made["state"], made["needs_second"], made["decided_by"]) == ("made", False, None)
    assert made["requested_by"]["name"] == "هند"
    payment.refresh_from_db()
    assert (payment.state, payment.refunded_minor) == ("partially_refunded", 1000)
    assert books_of(customer.booking)["gateway_clearing"] == DEPOSIT - 1000
    assert documented(customer.booking) == DEPOSIT - 1000
    [told] = ok(desk.get(f"finance/payments/{payment.pk}"))["refunds"]
    assert (told["state"], told["amount"]["amount_minor"]) == ("done", 1000)


def test_a_repeat_with_the_same_key_gives_back_once(customer: Customer, desk: Api) -> None:
    key = uuid.uuid4()
    first, second = (ask(desk, payment_of(customer), 400, key=key) for _ in range(2))
    assert ok(first, 201) == ok(second, 201)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert payment_of(customer).refunded_minor == 400
    refused(ask(desk, payment_of(customer), 500, key=key), 422, "idempotency_key_reused")


def test_the_same_payment_is_given_back_piece_by_piece_to_the_last_halala(
    customer: Customer, desk: Api, settings: Any
) -> None:
    settings.FINANCE_REFUND_LIMIT_MINOR = DEPOSIT
    payment = payment_of(customer)
    for amount in (1000, 1000, 300):
        ok(ask(desk, payment, amount), 201)
    payment.refresh_from_db()
    assert (payment.state, payment.refunded_minor) == ("refunded", DEPOSIT)
    refused(ask(desk, payment, 1), 409, "not_refundable")
    assert books_of(customer.booking)["gateway_clearing"] == documented(customer.booking) == 0


def test_many_small_refunds_are_a_large_one(customer: Customer, desk: Api, colleague: Api) -> None:
    payment = payment_of(customer)
    assert ok(ask(desk, payment, 700), 201)["state"] == "made"
    assert ok(ask(desk, payment, 301), 201)["state"] == "waiting"
    assert ok(ask(colleague, payment, 700), 201)["state"] == "made"
    assert payment_of(customer).refunded_minor == 1400


def test_a_refund_of_a_finished_visit_is_no_income_of_the_salon(customer: Customer, desk: Api) -> None:
    with freeze_time(customer.booking.starts_at + timedelta(minutes=5), tick=True):
        customer.desk = Api(customer.manager)
        customer.at_desk("complete")
        earned = Entry.objects.filter(booking=customer.booking_id, kind="earned").count()
        finance = Api(FinanceFactory.create())
        ok(ask(finance, payment_of(customer), 500), 201)
        books = books_of(customer.booking)
    assert Entry.objects.filter(booking=customer.booking_id, kind="earned").count() == earned + 1
    assert -books["salon_payable"] - books["vat"] == customer.booking.price_minor - 500


def test_a_gateway_that_is_away_delays_a_refund_and_loses_none(
    customer: Customer, desk: Api, sandbox: SandboxProcess
) -> None:
    sandbox.fault("status", status=503, path="/payments/*/refund", count=9)
    made = ok(ask(desk, payment_of(customer), 500), 201)
    assert payment_of(customer).refunded_minor == 0
    assert books_of(customer.booking)["refunds"] == -500
    sandbox.clear_faults()
    sweep(timezone.now() + timedelta(minutes=10))
    assert payment_of(customer).refunded_minor == 500
    assert Refund.objects.get(request=made["id"]).state == "done"


# Two people


def test_a_large_refund_waits_for_somebody_else(customer: Customer, desk: Api, colleague: Api) -> None:
    payment = payment_of(customer)
    asked = ok(ask(desk, payment, 1500), 201)
    assert (asked["state"], asked["needs_second"], asked["refund"]) == ("waiting", True, None)
    assert payment_of(customer).refunded_minor == 0
    refused(decide(desk, asked), 403, "second_person_needed")
    refused(decide(desk, asked, "decline"), 403, "second_person_needed")
    [waiting] = ok(colleague.get("finance/refund-requests", state="waiting"))["items"]
    assert waiting == asked
    made = ok(decide(colleague, asked))
    assert (made["state"], made["decided_by"]["name"]) == ("made", "ماجد")
    assert payment_of(customer).refunded_minor == 1500
    assert documented(customer.booking) == DEPOSIT - 1500
    again = ok(decide(colleague, asked))
    assert again["refund"]["state"] == "done", "a repeat answers what was done"
    assert again | {"refund": None} == made | {"refund": None}
    refused(decide(colleague, asked, "decline"), 409, "refund_request_decided")
    refused(decide(Api(FinanceFactory.create()), asked), 409, "refund_request_decided")
    assert payment_of(customer).refunded_minor == 1500


def test_who_declines_says_why_and_nothing_moves(customer: Customer, desk: Api, colleague: Api) -> None:
    asked = ok(ask(desk, payment_of(customer), 1500), 201)
    path = f"finance/refund-requests/{asked['id']}/decline"
    problem = refused(colleague.post(path, {}), 400, "validation_failed")
    assert problem["errors"][0]["pointer"] == "/reason"
    no = ok(decide(colleague, asked, "decline"))
    assert (no["state"], no["decline_reason"], no["refund"]) == ("declined", "Not our fault", None)
    assert ok(decide(colleague, asked, "decline")) == no
    refused(decide(colleague, asked), 409, "refund_request_decided")
    assert not Refund.objects.exists()
    assert ok(ask(desk, payment_of(customer), 1500), 201)["state"] == "waiting", "it may be asked for again"


def test_who_asked_takes_it_back_while_it_waits_and_nobody_else_does(
    customer: Customer, desk: Api, colleague: Api
) -> None:
    payment = payment_of(customer)
    asked = ok(ask(desk, payment, 1500), 201)
    refused(decide(colleague, asked, "withdraw"), 403, "refund_request_not_yours")
    back = ok(decide(desk, asked, "withdraw"))
    assert (back["state"], back["decided_by"], back["refund"]) == ("withdrawn", None, None)
    assert back["decided_at"] is not None
    assert ok(decide(desk, asked, "withdraw")) == back, "a repeat answers what was done"
    refused(decide(colleague, asked), 409, "refund_request_decided")
    refused(decide(colleague, asked, "decline"), 409, "refund_request_decided")
    assert ok(colleague.get("finance/refund-requests", state="withdrawn"))["items"] == [back]
    assert not Refund.objects.exists()
    again = ok(ask(desk, payment, 1600), 201)
    ok(decide(colleague, again, "decline"))
    refused(decide(desk, again, "withdraw"), 409, "refund_request_decided")
    refused(desk.post(f"finance/refund-requests/{uuid.uuid4()}/withdraw"), 404, "not_found")


def test_what_nobody_decided_in_time_cannot_be_withdrawn(customer: Customer, desk: Api) -> None:
    asked = ok(ask(desk, payment_of(customer), 1500), 201)
    asker = RefundRequest.objects.get(pk=asked["id"]).requested_by
    late = timezone.now() + timedelta(days=8)
    with pytest.raises(RequestDecided):
        operations.withdraw_refund(request_id=uuid.UUID(asked["id"]), withdrawn_by=asker, now=late)


def test_one_request_of_a_payment_waits_at_a_time(customer: Customer, desk: Api, colleague: Api) -> None:
    payment = payment_of(customer)
    ok(ask(desk, payment, 1500), 201)
    refused(ask(colleague, payment, 1500), 409, "refund_request_waits")


def test_a_request_that_nobody_decides_is_dropped(
    customer: Customer, desk: Api, settings: Any, sandbox: SandboxProcess
) -> None:
    settings.FINANCE_REQUEST_DAYS = 3
    asked = ok(ask(desk, payment_of(customer), 1500), 201)
    with freeze_time(timezone.now() + timedelta(days=3, minutes=1), tick=True):
        late = Api(FinanceFactory.create())
        refused(decide(late, asked), 409, "refund_request_decided")
        assert ok(ask(late, payment_of(customer), 1200), 201)["state"] == "waiting", "it bars no other"
        assert RefundRequest.objects.get(pk=asked["id"]).state == "expired"
    later = timezone.now() + timedelta(days=7)
    assert operations.expire_requests(later) == 1
    assert operations.expire_requests(later) == 0
    assert not RefundRequest.objects.filter(state="waiting").exists()


def test_the_amount_is_held_against_the_payment_once_more_when_it_is_approved(
    customer: Customer, desk: Api, colleague: Api
) -> None:
    payment = payment_of(customer)
    asked = ok(ask(desk, payment, 2000), 201)
    ok(ask(colleague, payment, 900), 201)
    problem = refused(decide(colleague, asked), 422, "more_than_refundable")
    assert "14.00" in problem["detail"]
    assert RefundRequest.objects.get(pk=asked["id"]).state == "waiting"
    assert payment_of(customer).refunded_minor == 900


def test_what_a_cancellation_gave_back_is_not_given_back_again(
    customer: Customer, desk: Api, colleague: Api
) -> None:
    asked = ok(ask(desk, payment_of(customer), 2000), 201)
    customer.cancel()
    assert payment_of(customer).refunded_minor == DEPOSIT
    refused(decide(colleague, asked), 409, "not_refundable")
    assert payment_of(customer).refunded_minor == DEPOSIT


def test_the_database_itself_wants_two_people(customer: Customer) -> None:
    one, two, now = FinanceFactory.create(), FinanceFactory.create(), timezone.now()
    refund = Refund.objects.create(
        payment=payment_of(customer), amount_minor=5, reason="goodwill", next_attempt_at=now, created_at=now
    )
    whole: dict[str, Any] = {
        "payment": payment_of(customer), "amount_minor": 5, "reason": "x", "needs_second": True, "state": "made",
        "requested_by": one, "requested_at": now, "expires_at": now, "decided_by": two, "decided_at": now,
        "refund": refund,
    }  # fmt: skip
    for change, rule in (
        ({"decided_by": one}, "refund_request_four_eyes"),
        ({"decided_by": None, "decided_at": None}, "refund_request_decided_whole_or_not"),
        ({"refund": None}, "refund_request_decided_whole_or_not"),
        ({"state": "declined", "refund": None}, "refund_request_decided_whole_or_not"),
        ({"state": "waiting", "refund": None}, "refund_request_decided_whole_or_not"),
        ({"state": "withdrawn", "refund": None}, "refund_request_decided_whole_or_not"),
        ({"amount_minor": 0}, "refund_request_amount_positive"),
        ({"reason": ""}, "refund_request_says_why"),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            RefundRequest.objects.create(**whole | change)
    RefundRequest.objects.create(**whole)


def test_the_database_lets_nobody_change_what_was_asked_for_or_decided(
    customer: Customer, desk: Api, colleague: Api
) -> None:
    asked = ok(ask(desk, payment_of(customer), 1500), 201)
    rows, somebody = RefundRequest.objects.filter(pk=asked["id"]), FinanceFactory.create()
    for change in ({"amount_minor": 5}, {"requested_by": somebody}, {"requested_at": timezone.now()}):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            rows.update(**change)
    ok(decide(colleague, asked, "decline"))
    for change in ({"decided_by": somebody}, {"state": "expired", "decided_by": None, "decided_at": None}):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            rows.update(**change)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        rows.delete()
    assert rows.update(reason="-", decline_reason="-") == 1, "words about somebody who left may go"


# What is refused


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"reason": "x"}, "/amount_minor", "field_required"),
        ({"amount_minor": 0, "reason": "x"}, "/amount_minor", "too_small"),
        ({"amount_minor": -5, "reason": "x"}, "/amount_minor", "too_small"),
        ({"amount_minor": "5", "reason": "x"}, "/amount_minor", "wrong_type"),
        ({"amount_minor": 5}, "/reason", "field_required"),
        ({"amount_minor": 5, "reason": " "}, "/reason", "field_blank"),
        ({"amount_minor": 5, "reason": "x" * 201}, "/reason", "too_long"),
        ({"amount_minor": 5, "reason": "x", "version": 1}, "/version", "unknown_field"),
    ],
)
def test_a_wrong_body_is_named(
    customer: Customer, desk: Api, body: dict[str, Any], pointer: str, code: str
) -> None:
    problem = refused(
        desk.post(f"finance/payments/{payment_of(customer).pk}/refunds", body), 400, "validation_failed"
    )
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


def test_what_was_not_charged_cannot_be_given_back_and_says_so_in_both_languages(
    customer: Customer, desk: Api
) -> None:
    payment = payment_of(customer)
    refused(ask(desk, payment, DEPOSIT + 1), 422, "more_than_refundable")
    Payment.objects.filter(pk=payment.pk).update(quarantined_because="amount")
    english = refused(ask(desk, payment, 1), 409, "not_refundable")["detail"]
    arabic = refused(ask(Api(FinanceFactory.create()), payment, 1), 409, "not_refundable")["detail"]
    assert english.startswith("Nothing of this payment can be given back")
    assert arabic
    Payment.objects.filter(pk=payment.pk).update(quarantined_because="", state="initiated")
    refused(ask(desk, payment, 1), 409, "not_refundable")
    refused(
        desk.post(f"finance/payments/{uuid.uuid4()}/refunds", {"amount_minor": 1, "reason": "x"}),
        404,
        "not_found",
    )
    refused(desk.post(f"finance/refund-requests/{uuid.uuid4()}/approve"), 404, "not_found")
    assert not Refund.objects.exists()


def test_a_request_without_a_key_is_refused(customer: Customer, desk: Api) -> None:
    path = f"finance/payments/{payment_of(customer).pk}/refunds"
    answer = desk.send("POST", path, body={"amount_minor": 1, "reason": "x"})
    refused(answer, 400, "idempotency_key_required")


# At the same moment


def waiting_request(customer: Customer, amount_minor: int = 1500) -> tuple[RefundRequest, User, User]:
    asker, first, second = (FinanceFactory.create() for _ in range(3))
    request = operations.request_refund(
        payment_id=payment_of(customer).pk,
        amount_minor=amount_minor,
        reason="x",
        requested_by=asker,
        now=timezone.now(),
    )
    return request, first, second


def approve(request: RefundRequest, by: User) -> Callable[[], Any]:
    return partial(operations.approve_refund, request_id=request.pk, decided_by=by, now=timezone.now())


def stopped_or_not(act: Callable[[], Any]) -> Callable[[], Any]:
    """The act, answering None where the database refuses it."""

    def tried() -> Any:
        try:
            return act()
        except IntegrityError:
            return None

    return tried


def names(outcomes: list[Any]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def owed_back(customer: Customer) -> int:
    sums = Refund.objects.filter(payment=payment_of(customer)).aggregate(all=Sum("amount_minor"))
    return int(sums["all"] or 0)


def after_both_looked(monkeypatch: Any) -> None:
    """Without their locks, two who decide go on only when both have looked."""
    looked, check = threading.Barrier(2), approving._check

    def looking(payment: Payment, amount_minor: int) -> None:
        check(payment, amount_minor)
        looked.wait(20)

    monkeypatch.setattr(approving, "_check", looking)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_how: rows)


@pytest.mark.django_db(transaction=True)
def test_two_approvers_at_once_send_the_money_once(customer: Customer) -> None:
    request, first, second = waiting_request(customer, 1100)
    outcomes = race(approve(request, first), approve(request, second))
    assert names(outcomes) == ["RefundRequest", "RequestDecided"]
    assert owed_back(customer) == payment_of(customer).refunded_minor == 1100


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_the_database_lets_one_approver_send_it(
    customer: Customer, monkeypatch: Any
) -> None:
    request, first, second = waiting_request(customer, 1100)
    after_both_looked(monkeypatch)
    outcomes = race(stopped_or_not(approve(request, first)), stopped_or_not(approve(request, second)))
    assert names(outcomes) == ["NoneType", "RefundRequest"]
    assert owed_back(customer) == 1100


@pytest.mark.django_db(transaction=True)
def test_witness_without_the_locks_and_the_trigger_both_approvers_send_it(
    customer: Customer, monkeypatch: Any
) -> None:
    request, first, second = waiting_request(customer, 1100)
    after_both_looked(monkeypatch)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_refundrequest DISABLE TRIGGER USER")
        try:
            outcomes = race(approve(request, first), approve(request, second))
        finally:
            cursor.execute("ALTER TABLE payments_refundrequest ENABLE TRIGGER USER")
    assert names(outcomes) == ["RefundRequest", "RefundRequest"]
    assert owed_back(customer) == 2200


@pytest.mark.django_db(transaction=True)
def test_yes_and_its_withdrawal_at_once_come_to_one_of_the_two(customer: Customer) -> None:
    request, approver, _ = waiting_request(customer)
    outcomes = race(
        approve(request, approver),
        partial(
            operations.withdraw_refund,
            request_id=request.pk,
            withdrawn_by=request.requested_by,
            now=timezone.now(),
        ),
    )
    assert names(outcomes) == ["RefundRequest", "RequestDecided"]
    request.refresh_from_db()
    assert owed_back(customer) == (1500 if request.state == "made" else 0)


@pytest.mark.django_db(transaction=True)
def test_yes_and_no_at_once_come_to_one_of_the_two(customer: Customer) -> None:
    request, first, second = waiting_request(customer)
    no = partial(
        operations.decline_refund, request_id=request.pk, reason="no", decided_by=second, now=timezone.now()
    )
    assert names(race(approve(request, first), no)) == ["RefundRequest", "RequestDecided"]
    request.refresh_from_db()
    assert payment_of(customer).refunded_minor == (1500 if request.state == "made" else 0)


def cancel_and_refund(customer: Customer) -> None:
    """The customer cancels while finance gives the whole deposit back."""
    ask_for_all = partial(
        operations.request_refund,
        payment_id=payment_of(customer).pk,
        amount_minor=DEPOSIT,
        reason="x",
        requested_by=FinanceFactory.create(),
        now=timezone.now(),
    )
    race(ask_for_all, customer.cancel)


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_and_a_refund_at_once_give_the_money_back_once(
    customer: Customer, settings: Any
) -> None:
    settings.FINANCE_REFUND_LIMIT_MINOR = DEPOSIT
    for _ in range(4):
        cancel_and_refund(customer)
        assert owed_back(customer) == payment_of(customer).refunded_minor == DEPOSIT
        customer.another()
        customer.heard()


@pytest.mark.django_db(transaction=True)
def test_witness_without_the_bookings_lock_what_was_counted_is_gone(
    customer: Customer, settings: Any, monkeypatch: Any
) -> None:
    settings.FINANCE_REFUND_LIMIT_MINOR = DEPOSIT
    counted, check = threading.Event(), approving._check

    def until_it_is_cancelled(payment: Payment, amount_minor: int) -> None:
        check(payment, amount_minor)
        counted.set()
        for _ in range(1000):
            if Booking.objects.filter(pk=payment.booking_id, state="cancelled").exists():
                return
            time.sleep(0.02)

    def only_the_payment(payment_id: uuid.UUID) -> Payment:
        return Payment.objects.select_for_update(no_key=True).get(pk=payment_id)

    def cancel_once_it_is_counted() -> None:
        counted.wait(20)
        customer.cancel()

    monkeypatch.setattr(approving, "_check", until_it_is_cancelled)
    monkeypatch.setattr(approving, "_locked", only_the_payment)
    ask_for_all = partial(
        operations.request_refund,
        payment_id=payment_of(customer).pk,
        amount_minor=DEPOSIT,
        reason="x",
        requested_by=FinanceFactory.create(),
        now=timezone.now(),
    )
    with pytest.raises(IntegrityError, match="refund_request_decided_whole_or_not"):
        race(ask_for_all, cancel_once_it_is_counted)
