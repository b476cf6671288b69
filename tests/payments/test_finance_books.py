"""What finance reads: payments by whatever is known of them, the books, balances, statements and payouts."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.core.time import RIYADH
from backend.payments.models import Entry, Payment, Payout, RefundRequest
from backend.payments.queries.ledger import owed_to
from tests.factories import FinanceFactory, employ, open_salon
from tests.payments.saga import Customer
from tests.support.api import Api, ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

DEPOSIT = 2300
EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.fixture
def customer(sandbox: SandboxProcess) -> Customer:
    customer = Customer(sandbox, auto_confirm=True)
    customer.heard()
    return customer


@pytest.fixture
def finance() -> Api:
    return Api(FinanceFactory.create(name="هند"), language="en")


def payment_of(customer: Customer) -> Payment:
    return Payment.objects.get(booking=customer.booking_id)


def found(finance: Api, **query: Any) -> set[str]:
    return {row["id"] for row in ok(finance.get("finance/payments", **query))["items"]}


# Payments


def test_a_payment_is_found_by_whatever_is_known_of_it(customer: Customer, finance: Api) -> None:
    mine = payment_of(customer)
    reference, phone = customer.booking.reference, customer.user.phone
    customer.another()
    customer.heard()
    for known in (
        reference,
        reference.lower(),
        str(mine.pk),
        str(mine.gateway_key).upper(),
        phone,
        f"0{phone[4:]}",
        f"0{phone[4:]}".translate(EASTERN),
    ):
        assert found(finance, q=known) == {str(mine.pk)}, known
    for unknown in ("BKNOBODY", str(uuid.uuid4()), "0512345670", "12345", "نورة", "%"):
        assert found(finance, q=unknown) == set(), unknown


def test_a_card_is_found_by_its_end_in_any_digits(customer: Customer, finance: Api) -> None:
    mine = payment_of(customer)
    assert mine.card_last_four == "1010"
    assert found(finance, q="1010") == found(finance, q="١٠١٠") == {str(mine.pk)}
    assert found(finance, q="1011") == set()


def test_who_leaves_takes_the_end_of_their_card_and_what_finance_wrote_along(
    customer: Customer, finance: Api
) -> None:
    mine = payment_of(customer)
    body = {"amount_minor": 300, "reason": "Sara was ill"}
    ok(finance.post(f"finance/payments/{mine.pk}/refunds", body), 201)
    ok(customer.phone.send("DELETE", "me"))
    mine.refresh_from_db()
    assert (mine.card_last_four, mine.refunded_minor) == ("", DEPOSIT)
    assert "Sara" not in RefundRequest.objects.get().reason


def test_payments_are_narrowed_by_state_day_salon_amount_and_whether_they_were_put_aside(
    customer: Customer, finance: Api
) -> None:
    mine = payment_of(customer)
    today = timezone.now().astimezone(RIYADH).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    elsewhere, *_ = open_salon()
    yes: list[dict[str, Any]] = [
        {"state": "captured"}, {"date": today}, {"from": today, "to": today}, {"from": yesterday}, {"to": tomorrow},
        {"salon": customer.salon.slug}, {"salon": customer.salon.pk}, {"amount_minor": DEPOSIT},
        {"amount_minor": str(DEPOSIT).translate(EASTERN)}, {"quarantined": "false"},
    ]  # fmt: skip
    no: list[dict[str, Any]] = [
        {"state": "failed"}, {"date": yesterday}, {"from": tomorrow}, {"to": yesterday}, {"salon": elsewhere.slug},
        {"amount_minor": DEPOSIT + 1}, {"quarantined": "true"},
    ]  # fmt: skip
    for query in yes:
        assert found(finance, **query) == {str(mine.pk)}, query
    for query in no:
        assert found(finance, **query) == set(), query
    Payment.objects.filter(pk=mine.pk).update(quarantined_because="amount")
    assert found(finance, quarantined="true") == {str(mine.pk)}


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ({"salon": "no-such-salon"}, "salon", "not_found"),
        ({"salon": "../x"}, "salon", "not_found"),
        ({"from": "2026-11-20", "to": "2026-11-19"}, "to", "too_small"),
        ({"from": "20-11-2026"}, "from", "date_invalid"),
        ({"amount_minor": "many"}, "amount_minor", "invalid_format"),
        ({"quarantined": "1"}, "quarantined", "invalid_format"),
        ({"state": "lost"}, "state", "invalid_choice"),
        ({"q": "x" * 61}, "q", "too_long"),
        ({"phone": "05"}, "phone", "unknown_field"),
        ({"cursor": "abc"}, "cursor", "cursor_invalid"),
    ],
)
def test_a_wrong_question_is_named(finance: Api, query: dict[str, str], name: str, code: str) -> None:
    problem = refused(finance.get("finance/payments", **query), 400, "validation_failed")
    assert [(error["parameter"], error["code"]) for error in problem["errors"]] == [(name, code)]


def test_pages_of_payments_join_without_gap_and_ask_no_more_for_more_rows(
    customer: Customer, finance: Api
) -> None:
    mine, now = payment_of(customer), timezone.now()

    def asked(limit: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            ok(finance.get("finance/payments", limit=limit, q=customer.user.phone))
        return len(queries)

    asked(50)  # the first request of a person writes down their language
    before = asked(50)
    for number in range(7):
        Payment.objects.create(
            booking_id=mine.booking_id, amount_minor=100, source_type="client", created_at=now, expires_at=now,
            id=uuid.UUID(int=number + 1),
        )  # fmt: skip
    assert asked(50) == before
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = ok(finance.get("finance/payments", limit=3, **cursor))
        seen += [row["id"] for row in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert len(seen) == len(set(seen)) == 8


def test_a_payment_tells_all_that_happened_around_it(customer: Customer, finance: Api) -> None:
    payment = payment_of(customer)
    ok(finance.post(f"finance/payments/{payment.pk}/refunds", {"amount_minor": 300, "reason": "late"}), 201)
    with CaptureQueriesContext(connection) as queries:
        told = ok(finance.get(f"finance/payments/{payment.pk}"))
    assert len(queries) < 22
    assert told["refundable"]["amount_minor"] == DEPOSIT - 300
    assert told["refund_limit"]["display"] == "500.00 SAR"
    assert told["card_last_four"] == "1010"
    assert [row["amount"]["amount_minor"] for row in told["refunds"]] == [300]
    assert [row["reason"] for row in told["refund_requests"]] == ["late"]
    assert {row["kind"] for row in told["entries"]} == {"captured", "refund_owed", "refund_done"}
    assert [row["kind"] for row in told["documents"]] == ["credit_note", "invoice"]
    assert [row["type"] for row in told["webhooks"]] == ["payment_paid"]
    assert "refund" in {row["verb"] for row in told["calls"]}
    refused(finance.get(f"finance/payments/{uuid.uuid4()}"), 404, "not_found")


# The books


def test_the_ledger_is_read_by_salon_account_kind_booking_payment_and_day(
    customer: Customer, finance: Api
) -> None:
    [entry] = ok(finance.get("finance/ledger"))["items"]
    assert (entry["kind"], entry["booking_reference"]) == ("captured", customer.booking.reference)
    lines = {line["account"]: line["amount"]["amount_minor"] for line in entry["lines"]}
    assert lines == {"gateway_clearing": DEPOSIT, "customer_receivable": -DEPOSIT}
    day = date.fromisoformat(entry["business_date"])
    elsewhere, *_ = open_salon()
    yes: list[dict[str, Any]] = [
        {"salon": customer.salon.slug}, {"account": "gateway_clearing"}, {"kind": "captured"}, {"from": day, "to": day},
        {"booking": customer.booking.reference.lower()}, {"payment_id": payment_of(customer).pk},
        {"salon": customer.salon.pk, "account": "customer_receivable"},
    ]  # fmt: skip
    no: list[dict[str, Any]] = [
        {"salon": elsewhere.slug}, {"account": "bank"}, {"kind": "desk"}, {"to": day - timedelta(days=1)},
        {"from": day + timedelta(days=1)}, {"booking": "BKNOBODY"}, {"payment_id": uuid.uuid4()},
    ]  # fmt: skip
    for query in yes:
        assert len(ok(finance.get("finance/ledger", **query))["items"]) == 1, query
    for query in no:
        assert ok(finance.get("finance/ledger", **query))["items"] == [], query
    for query in (
        {"account": "pocket"},
        {"booking": "a b"},
        {"payment_id": "x"},
        {"from": day, "to": "2026-01-01"},
    ):
        refused(finance.get("finance/ledger", **query), 400, "validation_failed")


def earned(customer: Customer) -> Booking:
    """The visit took place; the salon is owed its deposit, the rest was to be paid at the desk."""
    with freeze_time(customer.booking.starts_at + timedelta(minutes=5), tick=True):
        customer.desk = Api(customer.manager)
        customer.at_desk("complete")
    return customer.booking


def test_finance_the_owner_and_the_dashboard_read_the_same_figures(customer: Customer) -> None:
    booking = earned(customer)
    month = f"{booking.starts_at.astimezone(RIYADH):%Y-%m}"
    with freeze_time(booking.starts_at + timedelta(hours=2), tick=True):
        finance, owner = Api(FinanceFactory.create()), Api(employ(customer.salon, "owner"))
        theirs = ok(finance.get(f"finance/statements/{customer.salon.slug}/{month}"))
        own = ok(owner.get(f"manage/salons/{customer.salon.slug}/statements/{month}"))
        dashboard = ok(owner.get(f"manage/salons/{customer.salon.slug}/dashboard"))
        [balance] = [
            row
            for row in ok(finance.get("finance/balances"))["items"]
            if row["salon_slug"] == customer.salon.slug
        ]
    assert theirs == own
    [revenue] = [row for row in own["moves"] if row["kind"] == "earned"]
    assert {name: revenue[name] for name in ("gross", "net", "vat")} == dashboard["revenue"]["total"]
    assert revenue["gross"]["amount_minor"] == booking.price_minor
    assert own["closing"]["owed"] == dashboard["owed"] == balance["owed"]
    assert own["closing"]["owed"]["amount_minor"] == DEPOSIT
    moved = sum(row["gross"]["amount_minor"] for row in own["moves"])
    opening, closing = (own[side]["balance"]["amount_minor"] for side in ("opening", "closing"))
    assert opening + moved == closing


def test_months_begin_with_the_first_entry_and_come_newest_first(customer: Customer) -> None:
    first = Entry.objects.get().business_date
    in_the_fourth_month = timezone.now() - timedelta(days=first.day - 1) + timedelta(days=105)
    with freeze_time(in_the_fourth_month, tick=True):
        owner, finance = Api(employ(customer.salon, "owner")), Api(FinanceFactory.create())
        path = f"manage/salons/{customer.salon.slug}/statements"
        months = [row["month"] for row in ok(owner.get(path))["items"]]
        assert months == sorted(months, reverse=True)
        assert (len(months), months[-1]) == (4, f"{first:%Y-%m}")
        same = ok(finance.get(f"finance/statements/{customer.salon.pk}", limit=3))
        rest = ok(finance.get(f"finance/statements/{customer.salon.pk}", limit=3, cursor=same["next_cursor"]))
        assert [row["month"] for row in [*same["items"], *rest["items"]]] == months
        assert rest["next_cursor"] is None
        empty = ok(finance.get(f"finance/statements/{open_salon()[0].slug}"))
        assert empty == {"items": [], "next_cursor": None}


def test_a_month_is_read_in_any_digits_and_what_is_none_is_not_found(
    customer: Customer, finance: Api
) -> None:
    path = f"finance/statements/{customer.salon.slug}"
    assert ok(finance.get(f"{path}/٢٠٢٦-١١"))["month"] == "2026-11"
    for wrong in ("2026-13", "2026-00", "202611", "2026-1", "1447-09", "now", "2026-11-01"):
        refused(finance.get(f"{path}/{wrong}"), 404, "not_found")
    refused(finance.get("finance/statements/nobody/2026-11"), 404, "not_found")


def test_a_receptionist_reads_no_statement(customer: Customer) -> None:
    for role in ("receptionist", "manager"):
        desk = Api(employ(customer.salon, role))
        for path in ("statements", "statements/2026-11"):
            refused(desk.get(f"manage/salons/{customer.salon.slug}/{path}"), 403, "permission_denied")


# Payouts

UNVOIDED: dict[str, Any] = {"voided_at": None, "voided_by": None, "void_reason": ""}


def test_a_payout_pays_what_is_owed_once_and_is_taken_back_with_both_names(customer: Customer) -> None:
    earned(customer)
    with freeze_time(customer.booking.starts_at + timedelta(days=1), tick=True):
        finance, colleague = (Api(FinanceFactory.create(name=name)) for name in ("هند", "ماجد"))
        body = {
            "salon_id": str(customer.salon.pk), "from": "2026-11-01", "to": "2026-11-30", "amount_minor": DEPOSIT,
            "bank_reference": "FT2611",
        }  # fmt: skip
        refused(finance.post("finance/payouts", body | {"amount_minor": DEPOSIT + 1}), 422, "more_than_owed")
        key = uuid.uuid4()
        made = ok(finance.post("finance/payouts", body, key=key), 201)
        assert ok(finance.post("finance/payouts", body, key=key), 201) == made
        assert (made["recorded_by"]["name"], made["voided_by"]) == ("هند", None)
        assert owed_to(customer.salon) == 0
        refused(finance.post("finance/payouts", body), 409, "payout_known")
        path = f"finance/payouts/{made['id']}/void"
        refused(colleague.post(path, {}), 400, "validation_failed")
        void = ok(colleague.post(path, {"reason": "Returned by the bank"}))
        assert (void["voided_by"]["name"], void["void_reason"]) == ("ماجد", "Returned by the bank")
        assert ok(finance.post(path, {"reason": "again"})) == void
        assert owed_to(customer.salon) == DEPOSIT
        assert ok(finance.get("finance/payouts", salon=customer.salon.slug))["items"] == [void]
        assert ok(finance.get("finance/payouts", salon=open_salon()[0].slug))["items"] == []
    assert Payout.objects.count() == 1
    written = Payout.objects.all()
    for change in ({"amount_minor": 1}, {"bank_reference": "FT1"}, {"void_reason": "another"}, UNVOIDED):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            written.update(**change)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        written.delete()


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"salon_id": str(uuid.uuid4())}, "/salon_id", "not_found"),
        ({"from": "2026-12-01"}, "/to", "too_small"),
        ({"amount_minor": 0}, "/amount_minor", "too_small"),
        ({"amount_minor": 1.5}, "/amount_minor", "wrong_type"),
        ({"bank_reference": " "}, "/bank_reference", "field_blank"),
    ],
)
def test_a_wrong_payout_is_named(
    customer: Customer, finance: Api, change: dict[str, Any], pointer: str, code: str
) -> None:
    body = {
        "salon_id": str(customer.salon.pk), "from": "2026-11-01", "to": "2026-11-30", "amount_minor": 1,
        "bank_reference": "FT1",
    }  # fmt: skip
    problem = refused(finance.post("finance/payouts", body | change), 400, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


def test_balances_are_asked_for_a_page_at_once(finance: Api) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            ok(finance.get("finance/balances", limit=50))
        return len(queries)

    open_salon()
    asked()  # the first request of a person writes down their language
    before = asked()
    for _ in range(3):
        open_salon()
    assert asked() == before
