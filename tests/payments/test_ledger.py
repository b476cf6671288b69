"""The books: what each thing that happens to money writes into them, and what nobody can do to them."""

from __future__ import annotations

import io
import itertools
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking, BookingItem
from backend.core.money import shares, split_vat
from backend.core.time import RIYADH
from backend.payments.models import Account, DeskReceipt, Entry, Line, Payment, Refund
from backend.payments.operations import posting, settle
from backend.payments.operations.posting import SettledLine, catch_up, post, settled
from backend.payments.queries.ledger import balances, figures, owed_to, position, statement
from backend.payments.refusals import MoreThanOwed, PayoutKnown
from backend.salons.models import Business, Salon
from tests.factories import FinanceFactory, ServiceFactory, UserFactory, employ, performed_by
from tests.payments.conftest import Payer
from tests.payments.saga import Customer, books_of, sweep
from tests.support.api import Api, ok, refused
from tests.support.race import race
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

PRICE, DEPOSIT = 11500, 2300
VAT_NUMBER = "310122393500003"


@pytest.fixture
def customer(sandbox: SandboxProcess) -> Customer:
    """A booking of 115.00 at a salon registered for VAT, which confirms by itself and takes a deposit of 23.00."""
    customer = Customer(sandbox, auto_confirm=True, free_cancel_hours=1, staff=2)
    Business.objects.filter(pk=customer.salon.business_id).update(vat_number=VAT_NUMBER)
    return customer


def balance(booking: Booking) -> dict[str, int]:
    """The accounts of a booking that are not at nothing."""
    return {account: amount for account, amount in books_of(booking).items() if amount}


def entries(booking: Booking) -> Counter[str]:
    """How many entries of each kind a booking has."""
    return Counter(Entry.objects.filter(booking=booking).values_list("kind", flat=True))


def at(moment: Any) -> Any:
    return freeze_time(moment, tick=True)


def visited(customer: Customer, verb: str = "complete") -> Booking:
    """The visit's hour has come, and the desk says what became of it."""
    with at(customer.booking.starts_at + timedelta(minutes=5)):
        customer.desk = Api(customer.manager)
        ok(
            customer.desk.post(
                f"manage/bookings/{customer.booking_id}/{verb}", {"version": customer.booking.version}
            )
        )
    return customer.booking


# What is written


def test_a_deposit_is_what_we_owe_the_customer_until_the_visit_is_earned(customer: Customer) -> None:
    payment = customer.heard()
    assert balance(customer.booking) == {"gateway_clearing": DEPOSIT, "customer_receivable": -DEPOSIT}
    entry = Entry.objects.get(booking=customer.booking)
    assert (entry.kind, str(entry.payment_id)) == ("captured", payment["id"])
    assert entry.business_id == customer.salon.business_id
    assert entry.business_date == timezone.now().astimezone(RIYADH).date()
    assert set(entry.lines.values_list("salon", "business_date")) == {
        (customer.salon.pk, entry.business_date)
    }


def test_a_hold_of_the_banks_is_no_money(customer: Customer) -> None:
    Salon.objects.filter(pk=customer.salon.pk).update(auto_confirm=False, authorise_first=True)
    customer.another()
    customer.heard()
    assert Payment.objects.get(booking=customer.booking).state == "authorized"
    assert not entries(customer.booking)


def test_repeats_of_what_the_gateway_says_write_nothing(customer: Customer) -> None:
    payment = customer.heard()
    for _ in range(3):
        customer.webhook(payment)
        settle(uuid.UUID(payment["id"]), now=timezone.now())
    assert entries(customer.booking) == Counter(["captured"])
    assert post(customer.booking.pk, now=timezone.now()) == 0


def test_a_visit_is_earned_by_service_and_person_with_its_vat_split_once(customer: Customer) -> None:
    second = performed_by(ServiceFactory(salon=customer.salon, price_minor=1004), *customer.staff)
    wanted = {
        "salon_id": str(customer.salon.id),
        "items": [{"service_id": str(customer.service.id)}, {"service_id": str(second.id)}],
        "starts_at": customer.first_free(),
    }
    customer.user = UserFactory.create()
    customer.phone = Api(customer.user)
    customer.booking_id = ok(customer.phone.post("bookings", wanted), 201)["id"]
    customer.heard()
    booking = visited(customer)
    net, vat = split_vat(12504)
    paid = Payment.objects.get(booking=booking).captured_minor
    assert balance(booking) == {
        "gateway_clearing": paid,
        "customer_receivable": 12504 - paid,
        "salon_payable": -net,
        "vat": -vat,
    }
    earned = Line.objects.filter(entry__booking=booking, entry__kind="earned")
    for item in BookingItem.objects.filter(booking=booking):
        its = earned.filter(service_id=item.service_id, staff_member_id=item.staff_member_id)
        assert set(its.values_list("account", flat=True)) == {"salon_payable", "vat"}
        assert its.aggregate(all=Sum("amount_minor"))["all"] == -item.price_minor


def test_a_seller_without_a_vat_number_earns_all_of_it(customer: Customer) -> None:
    Business.objects.filter(pk=customer.salon.business_id).update(vat_number="")
    customer.heard()
    booking = visited(customer)
    assert balance(booking)["salon_payable"] == -PRICE
    assert "vat" not in balance(booking)
    # Who registers later changes no visit of the past.
    Business.objects.filter(pk=customer.salon.business_id).update(vat_number=VAT_NUMBER)
    assert catch_up(timezone.now()) == 0


@pytest.mark.parametrize(("hours", "kept"), [(30, 0), (2, DEPOSIT)])
def test_what_is_kept_of_a_cancelled_booking_is_earned_and_the_rest_goes_back(
    customer: Customer, hours: int, kept: int
) -> None:
    Salon.objects.filter(pk=customer.salon.pk).update(free_cancel_hours=24, late_cancel_percent=100)
    customer.another()
    customer.heard()
    with at(customer.booking.starts_at - timedelta(hours=hours)):
        customer.sign_in_again()
        customer.cancel()
    booking = customer.booking
    assert (booking.state, booking.cancellation_fee_minor) == ("cancelled", kept)
    if kept:
        net, vat = split_vat(kept)
        assert entries(booking) == Counter(["captured", "earned"])
        assert balance(booking) == {"gateway_clearing": kept, "salon_payable": -net, "vat": -vat}
    else:
        assert entries(booking) == Counter(["captured", "refund_owed", "refund_done"])
        assert balance(booking) == {}


def test_money_on_its_way_back_is_owed_until_the_gateway_has_sent_it(
    customer: Customer, sandbox: SandboxProcess
) -> None:
    customer.heard()
    sandbox.fault("status", status=503, path="/payments/*/refund", count=9)
    customer.cancel()
    assert balance(customer.booking) == {"gateway_clearing": DEPOSIT, "refunds": -DEPOSIT}
    sandbox.clear_faults()
    sweep(timezone.now() + timedelta(minutes=10))
    assert balance(customer.booking) == {}


def test_a_no_show_keeps_what_was_paid_and_its_withdrawal_earns_the_whole_visit(customer: Customer) -> None:
    customer.heard()
    booking = visited(customer, "no-show")
    net, vat = split_vat(DEPOSIT)
    assert balance(booking) == {"gateway_clearing": DEPOSIT, "salon_payable": -net, "vat": -vat}
    with at(booking.starts_at + timedelta(hours=1)):
        desk = Api(customer.manager)
        ok(desk.post(f"manage/bookings/{booking.pk}/withdraw-no-show", {"version": booking.version}))
    net, vat = split_vat(PRICE)
    assert entries(booking) == Counter(["captured", "earned", "earned"])
    assert balance(booking) == {
        "gateway_clearing": DEPOSIT,
        "customer_receivable": PRICE - DEPOSIT,
        "salon_payable": -net,
        "vat": -vat,
    }


def test_the_desk_holds_what_it_took_and_a_voided_receipt_is_reversed(customer: Customer) -> None:
    customer.heard()
    booking = visited(customer)
    path = f"manage/bookings/{booking.pk}/receipts"
    body = {"method": "cash", "amount_minor": PRICE - DEPOSIT, "tip_minor": 1000}
    receipt = ok(customer.desk.post(path, body), 201)
    assert "customer_receivable" not in balance(booking)
    assert owed_to(customer.salon) == DEPOSIT, "tips are the team's own"
    manager = Api(employ(customer.salon, "manager"))
    ok(manager.post(f"{path}/{receipt['id']}/void", {"reason": "Typed twice"}))
    assert entries(booking) == Counter(["captured", "earned", "desk", "desk"])
    assert Entry.objects.filter(receipt=receipt["id"]).count() == 2
    assert balance(booking)["customer_receivable"] == PRICE - DEPOSIT
    assert owed_to(customer.salon) == DEPOSIT


def test_money_that_is_not_what_was_asked_for_waits_in_suspense(
    customer: Customer, sandbox: SandboxProcess
) -> None:
    attempt = customer.begin()
    Customer.pay(customer, attempt, amount_minor=5000)
    customer.webhook(attempt)
    booking = customer.booking
    assert balance(booking) == {"gateway_clearing": 5000, "suspense": -5000}
    sandbox.api("POST", f"/payments/{attempt['id']}/refund", json={"amount": 2000})
    customer.webhook(attempt, type="payment_refunded")
    assert balance(booking) == {"gateway_clearing": 3000, "suspense": -3000}
    # What finance finds to be ours after all is booked as any other money.
    Payment.objects.filter(pk=attempt["id"]).update(amount_minor=5000)
    settle(uuid.UUID(attempt["id"]), now=timezone.now())
    assert balance(booking)["gateway_clearing"] == 3000
    assert "suspense" not in balance(booking)
    assert position(customer.salon).deposits_held_minor == 3000


def test_money_that_comes_too_late_is_voided_or_sent_back_whole(customer: Customer) -> None:
    first, second = customer.begin(), customer.begin()
    for attempt in (first, second):
        customer.pay(attempt)
        customer.webhook(attempt)
    assert Payment.objects.get(pk=second["id"]).state == "voided"
    assert entries(customer.booking) == Counter(["captured", "captured", "refund_owed", "voided"])
    assert balance(customer.booking) == {"gateway_clearing": DEPOSIT, "customer_receivable": -DEPOSIT}


def test_a_refund_made_at_the_gateways_own_desk_is_seen_in_the_books(
    customer: Customer, sandbox: SandboxProcess
) -> None:
    attempt = customer.heard()
    visited(customer)
    sandbox.api("POST", f"/payments/{attempt['id']}/refund", json={"amount": 300})
    customer.webhook(attempt, type="payment_refunded")
    net, vat = split_vat(PRICE - 300)
    assert balance(customer.booking) == {
        "gateway_clearing": DEPOSIT - 300,
        "customer_receivable": PRICE - DEPOSIT,
        "salon_payable": -net,
        "vat": -vat,
    }, "a gift is not due again: the salon has earned less"


def test_a_refund_that_went_another_way_leaves_by_the_bank(
    customer: Customer, sandbox: SandboxProcess
) -> None:
    customer.heard()
    sandbox.fault("status", status=400, path="/payments/*/refund", count=9)
    customer.cancel()
    refund = Refund.objects.get(payment__booking=customer.booking)
    assert refund.state == "manual"
    answer = {"outcome": "refunded_outside", "note": "Bank transfer 7781"}
    ok(Api(FinanceFactory.create()).post(f"finance/tasks/{refund.pk}/resolve", answer))
    assert entries(customer.booking)["returned_outside"] == 1
    assert balance(customer.booking) == {"gateway_clearing": DEPOSIT, "bank": -DEPOSIT}


def test_a_commission_is_taken_of_what_was_earned_at_the_rate_of_that_day(
    customer: Customer, settings: Any
) -> None:
    settings.COMMISSION_VAT = True
    Business.objects.filter(pk=customer.salon.business_id).update(commission_basis_points=250)
    customer.heard()
    booking = visited(customer, "no-show")
    assert (balance(booking)["platform_revenue"], balance(booking)["platform_vat"]) == (-58, -9)
    assert owed_to(customer.salon) == DEPOSIT - 67
    Business.objects.filter(pk=customer.salon.business_id).update(commission_basis_points=1000)
    assert catch_up(timezone.now()) == 0
    with at(booking.starts_at + timedelta(hours=1)):
        desk = Api(customer.manager)
        ok(desk.post(f"manage/bookings/{booking.pk}/withdraw-no-show", {"version": booking.version}))
    assert balance(booking)["platform_revenue"] == -290, "58 of 23.00 is 290 of 115.00"
    assert sum(books_of(booking).values()) == 0


# Settlements and payouts


def line(
    payment: dict[str, Any] | None, line_type: str, gross: int, fee: int, vat: int, **changed: Any
) -> Any:
    values = {
        "key": str(uuid.uuid4()),
        "line_type": line_type,
        "payment_id": uuid.UUID(payment["id"]) if payment else None,
        "gross_minor": gross,
        "net_minor": gross - fee - vat,
        "fee_minor": fee,
        "fee_vat_minor": vat,
        "at": timezone.now(),
    }
    return SettledLine(**values | changed)


def test_a_settlement_moves_money_from_the_gateway_to_the_bank_once(customer: Customer) -> None:
    payment = customer.heard()
    paid = line(payment, "payment", DEPOSIT, 50, 8)
    assert (settled([paid]), settled([paid])) == (1, 0)
    assert balance(customer.booking) == {
        "bank": DEPOSIT - 58,
        "fees": 50,
        "fee_vat": 8,
        "customer_receivable": -DEPOSIT,
    }
    settled([line(payment, "refund", -300, 0, 0), line(payment, "chargeback", -2000, 0, 0)])
    settled([line(payment, "chargeback_penalty", -20000, 0, 0)])
    assert balance(customer.booking)["gateway_clearing"] == 300, (
        "the gateway took back what we know nothing of"
    )
    assert balance(customer.booking)["chargebacks"] == 2000
    assert balance(customer.booking)["bank"] == DEPOSIT - 58 - 300 - 2000 - 20000
    assert position(customer.salon).deposits_held_minor == DEPOSIT
    # What was settled is no part of what the booking's own rows say.
    assert catch_up(timezone.now()) == 0


def test_settled_money_that_is_not_ours_or_does_not_add_up_waits_in_suspense(customer: Customer) -> None:
    payment = customer.heard()
    settled([line(payment, "payment", DEPOSIT, 50, 8, net_minor=DEPOSIT - 60)])
    assert balance(customer.booking)["suspense"] == 2
    before = balances()
    settled([line({"id": str(uuid.uuid4())}, "payment", 1000, 20, 3), line(None, "fee", 0, 500, 75)])
    after = balances()
    assert after["suspense"] - before["suspense"] == -1000
    assert after["fees"] - before["fees"] == 520
    assert sum(after.values()) == 0


def test_a_payout_lowers_what_is_owed_never_below_nothing_and_a_voided_one_is_reversed(
    customer: Customer,
) -> None:
    customer.heard()
    visited(customer)
    boss, now = FinanceFactory.create(), timezone.now()
    pay = partial(
        posting.record_payout,
        salon=customer.salon,
        from_date=date(2026, 1, 1),
        to_date=date(2026, 1, 31),
        recorded_by=boss,
        now=now,
    )
    assert owed_to(customer.salon) == DEPOSIT
    with pytest.raises(MoreThanOwed):
        pay(amount_minor=DEPOSIT + 1, bank_reference="FT1")
    payout = pay(amount_minor=2000, bank_reference="FT1")
    with pytest.raises(PayoutKnown):
        pay(amount_minor=100, bank_reference="FT1")
    assert owed_to(customer.salon) == 300
    assert balances(salon=customer.salon)["bank"] == -2000
    for _ in range(2):
        posting.void_payout(payout_id=payout.pk, reason="Sent back by the bank", voided_by=boss, now=now)
    payout.refresh_from_db()
    assert (payout.voided_by, payout.void_reason) == (boss, "Sent back by the bank")
    assert owed_to(customer.salon) == DEPOSIT
    assert Entry.objects.filter(kind="payout").count() == 2
    pay(amount_minor=DEPOSIT, bank_reference="FT1")


# What nobody can do


def test_the_database_refuses_an_entry_that_does_not_balance(customer: Customer) -> None:
    customer.heard()
    entry = Entry.objects.get(booking=customer.booking)
    day = entry.business_date

    def add(*amounts: int) -> None:
        new = Entry.objects.create(kind="desk", key=str(uuid.uuid4()), at=entry.at, business_date=day)
        for amount in amounts:
            Line.objects.create(entry=new, account="bank", amount_minor=amount, business_date=day)

    for amounts in ((), (1,), (500, -499)):
        with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
            add(*amounts)
            _commit()
    with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
        Line.objects.create(entry=entry, account="bank", amount_minor=1, business_date=day)
        _commit()
    add(500, -499, -1)
    _commit()


def _commit() -> None:
    """What waits for the commit is looked at now: a test's own transaction has none."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


WAYS = [
    lambda: Entry.objects.update(kind="desk"),
    lambda: Entry.objects.first().delete(),
    lambda: Line.objects.update(amount_minor=1),
    lambda: Line.objects.filter(amount_minor__gt=0).delete(),
    lambda: _run("TRUNCATE payments_line"),
    lambda: _run("TRUNCATE payments_entry CASCADE"),
    lambda: _run("TRUNCATE payments_payment CASCADE"),
]


def _run(sql: str) -> None:
    _commit()
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("way", WAYS)
def test_the_database_refuses_to_change_delete_or_empty_the_books(
    customer: Customer, way: Callable[[], Any]
) -> None:
    customer.heard()
    with pytest.raises(IntegrityError), transaction.atomic():
        way()
    assert Line.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_who_post_the_same_at_once_write_it_once(customer: Customer) -> None:
    customer.heard()
    visited(customer)
    booking = customer.booking
    receipt = DeskReceipt.objects.create(
        booking=booking, method="cash", amount_minor=500, taken_by=customer.manager, taken_at=timezone.now()
    )
    written = race(*[partial(post, booking.pk, now=timezone.now()) for _ in range(8)])
    assert sorted(written) == [0] * 7 + [1]
    assert Entry.objects.filter(receipt=receipt).count() == 1


# What adds up


def test_shares_and_their_vat_add_up_for_every_amount() -> None:
    chance = random.Random(1447)
    for gross in [*range(2000), *(chance.randrange(10**7) for _ in range(3000))]:
        weights = [chance.randrange(1, 50000) for _ in range(chance.randint(1, 6))]
        parts = shares(gross, weights)
        assert sum(parts) == gross
        assert all(abs(part - gross * w / sum(weights)) < 1 for part, w in zip(parts, weights, strict=True))


def test_the_vat_of_every_visit_is_split_once_and_its_parts_add_up(customer: Customer) -> None:
    """13 in 100 amounts cannot be split exactly; the whole decides, and no part has less than nothing."""
    facts = next(posting._facts_of([customer.booking.pk]))
    chance = random.Random(1447)
    for gross in [*range(1, 1000), 130000, *(chance.randrange(10**6) for _ in range(1000))]:
        items = [
            {
                "service_id": str(uuid.uuid4()),
                "staff_member_id": str(uuid.uuid4()),
                "price_minor": chance.randrange(1, 9999),
            }
            for _ in range(chance.randint(1, 5))
        ]
        earned = posting._earned(posting._Facts(**vars(facts) | {"items": items}), gross)
        net, vat = split_vat(gross)
        assert -posting._total(earned, Account.VAT) == vat
        assert -posting._total(earned, Account.SALON_PAYABLE) == net
        sides = {side: amount for side, amount in earned.items() if side[0] != Account.CUSTOMER_RECEIVABLE}
        assert all(amount <= 0 for amount in sides.values())


def test_rows_that_came_by_another_way_are_caught_up_on_their_own_days(customer: Customer) -> None:
    booking, long_ago = customer.booking, timezone.now() - timedelta(days=40)
    Payment.objects.create(
        booking=booking,
        state="captured",
        amount_minor=DEPOSIT,
        captured_minor=DEPOSIT,
        source_type="client",
        created_at=long_ago,
        expires_at=long_ago,
        settled_at=long_ago,
    )
    shown = io.StringIO()
    call_command("ledger", "--catch-up", stdout=shown)
    assert shown.getvalue().startswith("1 entries written.")
    assert "gateway_clearing                  23.00" in shown.getvalue()
    entry = Entry.objects.get(booking=booking)
    assert (entry.at, entry.business_date) == (long_ago, long_ago.astimezone(RIYADH).date())
    assert catch_up(timezone.now()) == 0


def test_a_statement_opens_where_the_last_one_closed_and_its_moves_make_the_difference(
    customer: Customer,
) -> None:
    payout = partial(
        posting.record_payout,
        salon=customer.salon,
        from_date=date(2026, 1, 1),
        to_date=date(2026, 1, 31),
        recorded_by=FinanceFactory.create(),
    )
    months = []
    for number in range(3):
        began = timezone.now() + timedelta(days=31 * number)
        months.append(began.astimezone(RIYADH).date())
        with at(began):
            customer.another()
            customer.heard()
        visited(customer)
        with at(customer.booking.starts_at + timedelta(hours=2)):
            desk = Api(customer.manager)
            body = {"method": "cash", "amount_minor": 4000}
            ok(desk.post(f"manage/bookings/{customer.booking_id}/receipts", body), 201)
            payout(amount_minor=2000, bank_reference=f"FT{number}", now=timezone.now())
    first = months[0].replace(day=1)
    told = []
    while first <= customer.booking.business_date:
        told.append(statement(customer.salon, month=first))
        first = (first + timedelta(days=31)).replace(day=1)
    assert told[0].opening == position(customer.salon, until=date(2020, 1, 1))
    assert told[-1].closing == position(customer.salon)
    for before, after in itertools.pairwise(told):
        assert before.closing == after.opening
        assert before.to_date + timedelta(days=1) == after.from_date
    for month in told:
        moved = sum(move.gross_minor for move in month.moves.values())
        assert month.closing.balance_minor - month.opening.balance_minor == moved
    closing = told[-1].closing
    assert closing.balance_minor == 3 * (PRICE - 4000 - 2000)
    assert closing.customers_owe_minor == 3 * (PRICE - DEPOSIT - 4000)
    assert closing.owed_minor == 3 * (DEPOSIT - 2000)


# Random lives


def a_life(customer: Customer, chance: random.Random) -> Iterator[Callable[[], Any]]:
    """Things that may happen to one booking, in some order; what is not allowed then is refused, and that is a life."""
    desk = f"manage/bookings/{customer.booking_id}"
    attempts: list[dict[str, Any]] = []

    def pay() -> None:
        answer = customer.phone.post(
            f"bookings/{customer.booking_id}/payments", {"source": {"type": "client"}}
        )
        if answer.status_code == 201:
            attempts.append(answer.json())
            customer.pay(attempts[-1])
            if chance.random() < 0.8:
                customer.webhook(attempts[-1])

    def take() -> None:
        body = {"method": "cash", "amount_minor": chance.choice([100, 1000, 9200]), "tip_minor": 500}
        customer.desk.post(f"{desk}/receipts", body)

    def void() -> None:
        receipt = DeskReceipt.objects.filter(booking=customer.booking_id, voided_at=None).first()
        if receipt:
            customer.desk.post(f"{desk}/receipts/{receipt.pk}/void", {"reason": "Typed twice"})

    def elsewhere() -> None:
        if attempts:
            path = f"/payments/{chance.choice(attempts)['id']}/"
            what = chance.choice(["refund", "refund", "void"])
            customer.sandbox.api(
                "POST", path + what, json={"amount": chance.randrange(1, 900)} if what == "refund" else None
            )

    def hear() -> None:
        for attempt in attempts:
            customer.webhook(attempt)

    def tell(verb: str) -> Callable[[], Any]:
        return lambda: customer.at_desk(verb)

    yield pay
    ends = [tell(verb) for verb in ("complete", "no-show", "withdraw-no-show", "cancel")]
    ways = [pay, pay, take, take, void, elsewhere, hear, customer.cancel, *ends]
    for _ in range(chance.randint(2, 8)):
        yield chance.choice(ways)
    yield hear


def test_random_lives_end_with_books_that_balance_and_equal_the_gateways_list(
    customer: Customer, sandbox: SandboxProcess
) -> None:
    chance, manager = random.Random(1447), employ(customer.salon, "manager")
    bookings = []
    for _ in range(25):
        customer.another()
        bookings.append(customer.booking)
        begins = customer.booking.starts_at
        for number, happens in enumerate(a_life(customer, chance)):
            with at(begins + timedelta(minutes=number) if number > 2 else timezone.now()):
                customer.desk = Api(manager)
                customer.sign_in_again()
                happens()
        sweep(begins + timedelta(hours=3))
    assert catch_up(timezone.now()) == 0
    _commit()
    for booking in bookings:
        books = books_of(booking)
        there = sandbox.api("GET", "/payments", params={"metadata[booking_id]": str(booking.pk)}).json()
        held = sum(
            (doc["captured"] or doc["amount"]) - doc["refunded"]
            for doc in there["payments"]
            if doc["status"] in ("paid", "captured", "refunded")
        )
        assert books["gateway_clearing"] == held, (books, entries(booking))
        assert sum(books.values()) == 0
        unsent = Refund.objects.filter(payment__booking=booking).exclude(state="done")
        owed = sum(unsent.values_list("amount_minor", flat=True))
        # Somebody at the gateway's own desk may have sent back a part of it.
        assert -owed <= books["refunds"] <= 0, (books, owed)
        assert bool(owed) == bool(books["refunds"]), (books, owed)
    kinds = set(Entry.objects.values_list("kind", flat=True))
    assert kinds >= {"captured", "refund_owed", "refund_done", "voided", "desk", "earned"}
    stands = position(customer.salon)
    in_all = balances(salon=customer.salon)
    held = in_all["gateway_clearing"] + in_all["refunds"] + in_all["suspense"]
    assert stands.owed_minor + stands.deposits_held_minor == held, "every halala is somebody's"


# The owner's page


def dashboard(customer: Customer, language: str = "en", **query: Any) -> Any:
    owner = employ(customer.salon, "owner")
    return Api(owner, language=language).get(f"manage/salons/{customer.salon.slug}/dashboard", **query)


def test_the_owners_figures_are_finances_to_the_halala(customer: Customer) -> None:
    customer.heard()
    booking = visited(customer)
    day = booking.business_date
    customer.another()
    customer.heard()
    with at(booking.starts_at + timedelta(hours=1)):
        body = ok(dashboard(customer, **{"from": day.isoformat(), "to": day.isoformat()}))
    finance = figures(salon=customer.salon, from_date=day, to_date=day)
    net, vat = split_vat(PRICE)
    total = body["revenue"]["total"]
    assert [total[part]["amount_minor"] for part in ("gross", "net", "vat")] == [PRICE, net, vat]
    assert (finance.total.gross_minor, finance.by_salon[customer.salon.pk].gross_minor) == (PRICE, PRICE)
    assert [row["date"] for row in body["revenue"]["by_day"]] == [day.isoformat()]
    assert [row["service"]["name"] for row in body["revenue"]["by_service"]] == ["Haircut"]
    assert [row["staff_member"]["name"] for row in body["revenue"]["by_staff"]] == ["Noura"]
    for way in ("by_day", "by_service", "by_staff"):
        assert sum(row["gross"]["amount_minor"] for row in body["revenue"][way]) == PRICE
    assert body["owed"]["amount_minor"] == DEPOSIT == owed_to(customer.salon)
    assert body["deposits_held"]["amount_minor"] == DEPOSIT
    assert body["customers_owe"]["amount_minor"] == PRICE - DEPOSIT
    states = {row["state"]: row["bookings"] for row in body["today"]["states"]}
    assert body["today"]["business_date"] == day.isoformat()
    assert (states["completed"], sum(states.values())) in ((1, 1), (1, 2))


def test_the_dashboard_speaks_arabic_and_is_this_month_unless_asked_otherwise(customer: Customer) -> None:
    body = ok(dashboard(customer, language="ar"))
    today = timezone.now().astimezone(RIYADH).date()
    assert (body["revenue"]["from"], body["revenue"]["to"]) == (
        today.replace(day=1).isoformat(),
        today.isoformat(),
    )
    assert body["today"]["states"][3]["state_label"] == "مكتمل"
    assert body["owed"]["display"] == "0.00 ر.س"


def test_the_dashboard_is_the_owners_alone_and_refuses_days_that_make_no_sense(customer: Customer) -> None:
    path = f"manage/salons/{customer.salon.slug}/dashboard"
    for role in ("staff", "receptionist", "manager"):
        refused(Api(employ(customer.salon, role)).get(path), 403, "permission_denied")
    refused(Api(UserFactory.create()).get(path), 403, "permission_denied")
    for query in ({"from": "2026-02-02", "to": "2026-02-01"}, {"from": "2020-01-01"}, {"to": "yesterday"}):
        refused(dashboard(customer, **query), 400, "validation_failed")


def test_the_dashboard_asks_a_fixed_number_of_questions(customer: Customer) -> None:
    owner = Api(employ(customer.salon, "owner"))
    path = f"manage/salons/{customer.salon.slug}/dashboard"

    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            ok(owner.get(path))
        return len(queries)

    customer.heard()
    visited(customer)
    questions()  # the salon's rules are kept from here on
    few = questions()
    for _ in range(3):
        customer.another()
        customer.heard()
        visited(customer)
    assert questions() == few


def test_what_changes_nothing_is_one_question_and_what_does_is_two_statements(customer: Customer) -> None:
    customer.heard()
    booking = customer.booking
    with CaptureQueriesContext(connection) as queries:
        post(booking.pk, now=timezone.now())
    assert len(queries) == 1
    DeskReceipt.objects.create(
        booking=booking,
        method="cash",
        amount_minor=500,
        taken_by=customer.manager,
        taken_at=timezone.now(),
    )
    with CaptureQueriesContext(connection) as queries:
        post(booking.pk, now=timezone.now())
    assert len(queries) == 2


def test_a_payer_of_another_booking_is_not_in_these_books(payer: Payer, customer: Customer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    assert not entries(customer.booking)
    assert balances(salon=customer.salon) == dict.fromkeys(Account.values, 0)
    assert balances(business=payer.salon.business)["gateway_clearing"] == DEPOSIT
