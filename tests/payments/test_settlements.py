"""Settlements from the gateway's API and from its file: each once, each posted, none half."""

from __future__ import annotations

import io
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from backend.payments.models import Account, Entry, Payment, Settlement, SettlementLine
from backend.payments.operations import fetch_new_settlements, finish_events, import_file, import_settlements
from backend.payments.operations.reconciling import reconcile
from backend.payments.operations.settlement_files import read_settlement
from backend.payments.queries.ledger import balances
from backend.payments.refusals import SettlementFileInvalid
from tests.factories import FinanceFactory
from tests.payments.conftest import Payer
from tests.support import recording
from tests.support.api import Api, ok, refused
from tests.support.race import race
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db
HEADER = (
    "payment_id,description,scheme,source,type,currency,amount,net_amount,fee,vat,total_fee,transaction_date,"
    "booking_id"
)


def row_of(
    payment_id: Any, amount: str, fee: str, vat: str, *, kind: str = "pay", at: str = ""
) -> dict[str, str]:
    whole = f"{float(fee) + float(vat):.2f}"
    return {
        "payment_id": str(payment_id), "description": "Visit", "scheme": "mada", "source": "creditcard", "type": kind,
        "currency": "SAR", "amount": amount, "net_amount": f"{float(amount) - float(whole):.2f}", "fee": fee,
        "vat": vat, "total_fee": whole, "transaction_date": at or timezone.now().strftime("%Y-%m-%d %H:%M:%S"),
        "booking_id": "of the merchant",
    }  # fmt: skip


def file_of(
    *rows: dict[str, str], bom: bool = False, header: str = HEADER, separator: str = ",", end: str = "\n"
) -> bytes:
    names = header.split(",")
    lines = [separator.join(names), *(separator.join(row[name] for name in names) for row in rows)]
    return (("\ufeff" if bom else "") + end.join(lines) + end).encode()


@pytest.fixture
def paid(payer: Payer) -> dict[str, Any]:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    return payment


def bring_in() -> Any:
    now = timezone.now()
    return import_settlements(created_from=now - timedelta(days=2), now=now)


def line_of(payment: dict[str, Any]) -> SettlementLine:
    return SettlementLine.objects.get(gateway_payment_id=payment["id"], type="payment")


def test_a_settlement_comes_in_whole_is_posted_and_comes_once(payer: Payer, paid: dict[str, Any]) -> None:
    told = payer.sandbox.settle()
    found = bring_in()
    [settlement] = [row for row in found.added if row.gateway_id == told["id"]]
    assert (settlement.source, settlement.amount_minor, settlement.adds_up) == ("api", told["amount"], True)
    assert settlement.line_count == told["settlement_count"]
    line = line_of(paid)
    assert str(line.payment_id) == paid["id"]
    assert line.net_minor == 2300 - line.fee_minor - line.fee_vat_minor
    held = balances()
    assert held[Account.BANK] == sum(row.amount_minor - row.fee_minor for row in Settlement.objects.all())
    entries = Entry.objects.count()
    again = bring_in()
    assert again.added == []
    assert Entry.objects.count() == entries


def test_a_settlement_of_many_pages_is_read_to_its_end(payer: Payer) -> None:
    now = timezone.now().isoformat().replace("+00:00", "Z")
    payer.sandbox.import_payments(
        {"id": str(uuid.uuid4()), "amount": 5000 + n, "currency": "SAR", "status": "paid", "created_at": now}
        for n in range(95)
    )
    told = payer.sandbox.settle()
    bring_in()
    settlement = Settlement.objects.get(gateway_id=told["id"])
    assert settlement.lines.count() == told["settlement_count"] >= 95
    assert settlement.adds_up


def test_half_a_settlement_leaves_nothing_behind(payer: Payer, paid: dict[str, Any]) -> None:
    told = payer.sandbox.settle()
    payer.sandbox.fault("status", status=503, method="GET", path=f"/settlements/{told['id']}/lines", count=5)
    fetch_new_settlements(timezone.now())
    payer.sandbox.clear_faults()
    assert not Settlement.objects.filter(gateway_id=told["id"]).exists()
    assert not Entry.objects.filter(kind="settled", payment_id=paid["id"]).exists()
    bring_in()
    assert Settlement.objects.get(gateway_id=told["id"]).adds_up


def test_an_account_without_settlements_is_a_note(payer: Payer) -> None:
    for status in (403, 404):
        payer.sandbox.fault("status", status=status, method="GET", path="/settlements", count=1)
        assert bring_in().note == "no_settlements"
    payer.sandbox.fault("status", status=404, method="GET", path="/settlements", count=1)
    today = timezone.localdate()
    run = reconcile(from_date=today, to_date=today, now=timezone.now())
    assert run.note == "no_settlements"
    assert run.finished_at is not None


def test_the_gateway_tells_us_of_a_settlement_and_the_sweep_brings_it_in(
    payer: Payer, paid: dict[str, Any]
) -> None:
    told = payer.sandbox.settle()
    event = {
        "id": str(uuid.uuid4()),
        "type": "balance_transferred",
        "created_at": timezone.now().isoformat(),
        "secret_token": payer.sandbox.webhook_secret,
        "live": False,
        "data": {"id": told["id"], "amount": told["amount"]},
    }
    ok(Api().post("webhooks/moyasar", event))
    assert not Settlement.objects.exists(), "the caller does not wait for it"
    finish_events(timezone.now() + timedelta(minutes=1))
    assert Settlement.objects.get().gateway_id == told["id"]
    assert line_of(paid).payment_id is not None


def test_nobody_changes_a_line(payer: Payer, paid: dict[str, Any]) -> None:
    payer.sandbox.settle()
    bring_in()
    for change in (
        lambda: SettlementLine.objects.update(net_minor=1),
        lambda: SettlementLine.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"bom": True},
        {"separator": ";"},
        {"end": "\r\n"},
        {"header": ",".join(reversed(HEADER.split(",")))},
        {"header": HEADER.replace(",description", "").replace(",booking_id", "")},
    ],
    ids=["plain", "bom", "semicolons", "crlf", "other order", "fewer columns"],
)
def test_a_file_is_read_in_each_of_its_forms(form: dict[str, Any]) -> None:
    at = "2026-11-18 21:30:00"
    [pay, back] = read_settlement(
        file_of(
            row_of(uuid.uuid4(), "1234.50", "12.35", "1.85", at=at),
            row_of(uuid.uuid4(), "-20.00", "0.00", "0.00", kind="refund", at=at),
            **form,
        )
    )
    assert (pay.type, pay.payment_amount_minor, pay.fee_minor, pay.fee_vat_minor) == (
        "payment",
        123450,
        1235,
        185,
    )
    assert pay.net_minor == 123450 - 1235 - 185
    assert pay.transacted_at.isoformat() == "2026-11-18T21:30:00+00:00"
    assert (back.type, back.net_minor) == ("refund", -2000)


def test_arabic_digits_are_understood() -> None:
    row = row_of(uuid.uuid4(), "20.00", "0.20", "0.03")
    folded = {
        name: value.translate(str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")) for name, value in row.items()
    }
    [line] = read_settlement(file_of(folded | {"payment_id": row["payment_id"]}))
    assert line.net_minor == 1977


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"net_amount": "19.00"}, "net_sum"),
        ({"total_fee": "0.99"}, "fee_sum"),
        ({"amount": "twenty"}, "amount"),
        ({"amount": "20.001"}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"payment_id": "17"}, "payment_id"),
        ({"transaction_date": "yesterday"}, "transaction_date"),
        ({"type": "<b>"}, "type"),
    ],
)
def test_a_row_at_fault_refuses_the_file_and_is_named(changed: dict[str, str], code: str) -> None:
    good = row_of(uuid.uuid4(), "20.00", "0.20", "0.03")
    with pytest.raises(SettlementFileInvalid) as refusal:
        import_file(file_of(good, good | changed), now=timezone.now())
    assert refusal.value.extra == {"reason": code, "rows": [{"row": 3, "code": code}]}
    assert not Settlement.objects.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "columns_missing"),
        (b"payment_id,amount\n1,2\n", "columns_missing"),
        (HEADER.encode() + b"\n", "no_rows"),
        (HEADER.encode() + b"\n\xff\xfe\n", "not_utf8"),
        (HEADER.encode() + b'\n"abc\n', "not_a_table"),
        (b"x" * (10 * 1024 * 1024 + 1), "too_large"),
    ],
    ids=["empty", "columns", "rows", "encoding", "quotes", "size"],
)
def test_a_file_that_is_no_settlement_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(SettlementFileInvalid) as refusal:
        read_settlement(content)
    assert refusal.value.extra["reason"] == reason


@given(st.binary(max_size=300))
def test_no_file_is_a_fault_of_ours(content: bytes) -> None:
    with pytest.raises(SettlementFileInvalid):
        read_settlement(HEADER.encode() + b"\n" + content + b"\nx")


def test_the_wrong_unit_is_seen_by_our_own_payments(paid: dict[str, Any], settings: Any) -> None:
    in_halalas = row_of(paid["id"], "2300", "0", "0")
    with pytest.raises(SettlementFileInvalid) as refusal:
        read_settlement(file_of(in_halalas))
    assert refusal.value.extra == {"reason": "unit", "unit": "major"}
    settings.SETTLEMENT_CSV_UNIT = "minor"
    assert (
        read_settlement(file_of(in_halalas | {"net_amount": "2300", "total_fee": "0"}))[0].net_minor == 2300
    )


def test_a_file_of_a_settlement_the_gateway_gave_adds_nothing_and_is_compared(
    payer: Payer, paid: dict[str, Any]
) -> None:
    payer.sandbox.settle()
    bring_in()
    lines = list(line_of(paid).settlement.lines.order_by("position"))

    def in_riyals(minor: int) -> str:
        return f"{minor / 100:.2f}"

    rows = [
        row_of(
            line.gateway_payment_id, in_riyals(line.payment_amount_minor), in_riyals(line.fee_minor),
            in_riyals(line.fee_vat_minor), kind="pay" if line.type == "payment" else line.type,
            at=line.transacted_at.strftime("%Y-%m-%d %H:%M:%S"),
        )
        for line in lines
    ]  # fmt: skip
    before = SettlementLine.objects.count(), Entry.objects.count()
    same = import_file(file_of(*rows), now=timezone.now())
    assert (same.is_new, same.differing_lines, same.settlement) == (False, 0, lines[0].settlement)
    other = import_file(file_of(*rows, row_of(uuid.uuid4(), "1.00", "0", "0")), now=timezone.now())
    assert (other.is_new, other.differing_lines) == (False, 1)
    assert (SettlementLine.objects.count(), Entry.objects.count()) == before


def test_a_settlement_that_came_as_a_file_first_is_not_added_again(
    payer: Payer, paid: dict[str, Any]
) -> None:
    told = payer.sandbox.settle()
    [line, *more] = payer.sandbox.api("GET", f"/settlements/{told['id']}/lines").json()["lines"]
    rows = [
        row_of(
            one["payment_id"],
            f"{one['payment_amount'] / 100:.2f}",
            f"{(one['fee'] - one['tax']) / 100:.2f}",
            f"{one['tax'] / 100:.2f}",
            kind="pay" if one["type"] == "payment" else one["type"],
            at=one["transacted_at"],
        )
        for one in (line, *more)
    ]
    assert import_file(file_of(*rows), now=timezone.now()).is_new
    count = SettlementLine.objects.count()
    assert told["id"] not in [row.gateway_id for row in bring_in().added]
    settlement = Settlement.objects.get(gateway_id=told["id"])
    assert (settlement.source, settlement.lines.count()) == ("api", count)
    assert SettlementLine.objects.filter(gateway_payment_id=paid["id"]).count() == 1
    assert balances()[Account.BANK] == sum(
        row.amount_minor - row.fee_minor for row in Settlement.objects.all()
    )


def test_a_settlement_that_begins_with_a_payment_sent_before_is_another_settlement(
    payer: Payer, paid: dict[str, Any]
) -> None:
    """The first line alone once made the whole file a repeat of the settlement that held it."""
    at = timezone.now().strftime("%Y-%m-%d %H:%M:%S")
    twice, others = row_of(paid["id"], "23.00", "0.46", "0.07", at=at), [uuid.uuid4() for _ in range(2)]
    first = import_file(file_of(twice), now=timezone.now())
    second = import_file(
        file_of(twice, *(row_of(other, "50.00", "0.46", "0.07", at=at) for other in others)),
        now=timezone.now(),
    )
    assert (first.is_new, second.is_new) == (True, True)
    assert SettlementLine.objects.filter(gateway_payment_id=paid["id"]).count() == 2
    assert second.settlement.line_count == 3


def test_finance_sends_the_file_and_reads_what_came(payer: Payer, paid: dict[str, Any]) -> None:
    finance = Api(FinanceFactory.create(), language="en")
    content = file_of(row_of(paid["id"], "23.00", "0.46", "0.07"))

    def send(**fields: Any) -> Any:
        address = "/api/v1/finance/settlements"
        answer = finance.client.post(address, fields, format="multipart", headers=finance.headers)
        recording.note("POST", address, None, answer, answer.json())
        return answer

    body = ok(send(file=SimpleUploadedFile("s.csv", content), settlement_id="st_17", reference="FT22"), 201)
    assert (body["is_new"], body["differing_lines"]) == (True, 0)
    assert body["settlement"]["gateway_id"] == "st_17"
    assert body["settlement"]["amount"]["amount_minor"] == 2300 - 53
    assert not ok(send(file=SimpleUploadedFile("s.csv", content), settlement_id="st_17"))["is_new"]
    wrong = refused(send(file=SimpleUploadedFile("s.csv", b"a,b\n")), 400, "settlement_file_invalid")
    assert wrong["reason"] == "columns_missing"
    refused(send(), 400, "validation_failed")
    refused(send(file="text"), 400, "validation_failed")
    refused(send(file=SimpleUploadedFile("s.csv", content), settlement_id="../x"), 400, "validation_failed")
    [listed] = ok(finance.get("finance/settlements"))["items"]
    path = f"finance/settlements/{listed['id']}"
    assert ok(finance.get(path)) == listed
    [line] = ok(finance.get(f"{path}/lines"))["items"]
    assert (line["payment_id"], line["type"], line["fee"]["amount_minor"]) == (paid["id"], "payment", 46)
    refused(finance.get(f"finance/settlements/{uuid.uuid4()}/lines"), 404, "not_found")
    refused(payer.phone.get("finance/settlements"), 403, "permission_denied")


def test_the_command_brings_in_from_both(payer: Payer, paid: dict[str, Any], tmp_path: Path) -> None:
    out = io.StringIO()
    path = tmp_path / "settlement.csv"
    path.write_bytes(file_of(row_of(paid["id"], "23.00", "0.46", "0.07")))
    call_command("settlements", csv=path, settlement="st_18", stdout=out)
    call_command("settlements", csv=path, settlement="st_18", stdout=out)
    assert "st_18: 1 lines, 22.47 SAR (new)" in out.getvalue()
    assert "known, 0 lines differ" in out.getvalue()
    call_command("settlements", stdout=out)
    path.write_bytes(b"nothing")
    with pytest.raises(CommandError, match="columns_missing"):
        call_command("settlements", csv=path, stdout=out)


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_leave_one_settlement(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox)
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    content = file_of(row_of(payment["id"], "23.00", "0.46", "0.07"))
    outcomes = race(*[lambda: import_file(content, now=timezone.now()).is_new] * 4)
    assert sorted(outcomes, key=str) == [False, False, False, True]
    assert SettlementLine.objects.count() == 1
    assert Entry.objects.filter(kind="settled").count() == 1
    assert Payment.objects.get(pk=payment["id"]).settlement_lines.count() == 1
