"""Lists that finance takes away: as spreadsheets read them, to the halala, in bounded memory, never without a trace."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation
from freezegun import freeze_time

from backend.core.time import RIYADH
from backend.payments import sheets
from backend.payments.models import ExportTaken, Line, Payment, Settlement, SettlementLine
from backend.payments.queries.exports import CHUNK, SHEETS
from tests.factories import FinanceFactory, employ
from tests.payments.saga import Customer
from tests.support.api import Api, ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

DEPOSIT = 2300
LISTS = list(SHEETS)


@pytest.fixture
def customer(sandbox: SandboxProcess) -> Customer:
    """A paid deposit of 23.00, of which 3.00 went back."""
    customer = Customer(sandbox, auto_confirm=True)
    customer.heard()
    payment = Payment.objects.get()
    body = {"amount_minor": 300, "reason": '=HYPERLINK("http://x")'}
    ok(Api(FinanceFactory.create(name="+هند")).post(f"finance/payments/{payment.pk}/refunds", body), 201)
    return customer


def taken(finance: Api, name: str, **query: Any) -> bytes:
    answer = finance.get(f"finance/exports/{name}", **query)
    assert answer.status_code == 200, answer
    assert answer.headers["Content-Disposition"].startswith(
        f'attachment; filename="mawid-{name.split(".")[0]}-'
    )
    assert answer.headers["Cache-Control"] == "no-store"
    return b"".join(answer.streaming_content)


def rows_of(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def workbook(file: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(file)).active


def test_a_csv_opens_in_arabic_and_in_english(customer: Customer) -> None:
    for language, heading in (("ar", "المبلغ (ريال)"), ("en", "amount (SAR)")):
        file = taken(Api(FinanceFactory.create(), language=language), "payments.csv")
        assert file.startswith(b"\xef\xbb\xbf")
        lines = file.decode("utf-8-sig").split("\r\n")
        assert lines[-1] == ""
        assert "\n" not in "".join(lines)
        [row] = rows_of(file)
        assert (row[heading], len(row)) == ("23.00", 20)
    assert row["amount (halalas)"] == "2300"
    assert row["booking"] == customer.booking.reference
    assert row["salon"] == customer.salon.name_en or customer.salon.name_ar
    assert row["card ends in"] == "1010"
    made = Payment.objects.get().created_at.astimezone(RIYADH)
    assert row["created (Riyadh)"] == f"{made:%Y-%m-%d %H:%M:%S}"
    assert row["state"] == "partially_refunded"


def test_what_a_spreadsheet_would_calculate_is_text(customer: Customer) -> None:
    finance = Api(FinanceFactory.create(), language="en")
    [row] = rows_of(taken(finance, "refunds.csv"))
    assert row["reason"] == '\'=HYPERLINK("http://x")'
    assert row["asked for by"] == "'+هند"
    assert (row["agreed to by"], row["cause"], row["amount (SAR)"]) == ("", "goodwill", "3.00")
    page = workbook(taken(finance, "refunds.xlsx"))
    cells = {page.cell(1, at).value: page.cell(2, at) for at in range(1, page.max_column + 1)}
    assert cells["reason"].value == '=HYPERLINK("http://x")'
    assert cells["reason"].data_type in ("s", "inlineStr"), "text, whatever it begins with"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_each_beginning_of_a_formula_is_guarded_and_an_amount_is_not(text: str) -> None:
    columns = SHEETS["ledger"].columns
    day, at = date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)
    row = (day, at, text, "earned", None, None, None, None, "vat", -1234, None, None)
    file = b"".join(sheets.as_csv(sheets.titles(columns), columns, [row]))
    [_heading, cells] = csv.reader(io.StringIO(file.decode("utf-8-sig"), newline=""))
    assert cells[2] == f"'{text}"
    assert cells[9:11] == ["-12.34", "-1234"]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_workbook_reads_in_its_direction_with_numbers_and_moments(
    customer: Customer, language: str
) -> None:
    page = workbook(taken(Api(FinanceFactory.create(), language=language), "payments.xlsx"))
    assert bool(page.sheet_view.rightToLeft) is (language == "ar")
    assert page.freeze_panes == "A2"
    assert all(cell.font.bold for cell in page[1])
    assert page.max_row == 2
    titles = [cell.value for cell in page[1]]
    amount = titles.index("المبلغ (ريال)" if language == "ar" else "amount (SAR)") + 1
    assert page.cell(2, amount).value == 23
    assert page.cell(2, amount).number_format == "#,##0.00"
    assert page.cell(2, amount + 1).value == DEPOSIT
    made = Payment.objects.get().created_at.astimezone(RIYADH).replace(tzinfo=None, microsecond=0)
    assert abs(page.cell(2, 1).value - made) < timedelta(seconds=1)
    assert page.column_dimensions["A"].width > 12


def test_the_ledgers_export_the_dashboard_and_the_statement_agree_to_the_halala(customer: Customer) -> None:
    with freeze_time(customer.booking.starts_at + timedelta(minutes=5), tick=True):
        customer.desk = Api(customer.manager)
        customer.at_desk("complete")
        finance, owner = Api(FinanceFactory.create(), language="en"), Api(employ(customer.salon, "owner"))
        today = timezone.now().astimezone(RIYADH).date()
        rows = rows_of(taken(finance, "ledger.csv", **{"from": today - timedelta(days=30), "to": today}))
        slug = customer.salon.slug
        dashboard = ok(owner.get(f"manage/salons/{slug}/dashboard"))
        statement = ok(finance.get(f"finance/statements/{slug}/{today:%Y-%m}"))
        page = workbook(taken(finance, "ledger.xlsx", **{"from": today - timedelta(days=30), "to": today}))
    minor, riyals = "debit, credit below zero (halalas)", "debit, credit below zero (SAR)"
    assert len(rows) == Line.objects.count() == page.max_row - 1
    assert sum(int(row[minor]) for row in rows) == 0
    assert all(Decimal(row[riyals]) * 100 == int(row[minor]) for row in rows)
    earned = -sum(
        int(row[minor])
        for row in rows
        if row["kind"] == "earned" and row["account"] in ("salon_payable", "vat")
    )
    [move] = [row for row in statement["moves"] if row["kind"] == "earned"]
    assert earned == dashboard["revenue"]["total"]["gross"]["amount_minor"] == move["gross"]["amount_minor"]
    assert earned == customer.booking.price_minor - 300
    owed = -sum(int(row[minor]) for row in rows if row["account"] in ("salon_payable", "vat"))
    owed -= sum(int(row[minor]) for row in rows if row["account"] == "customer_receivable")
    assert (
        owed
        == dashboard["owed"]["amount_minor"]
        == statement["closing"]["owed"]["amount_minor"]
        == DEPOSIT - 300
    )
    at = [cell.value for cell in page[1]].index(minor)
    assert sum(row[at].value for row in page.iter_rows(min_row=2)) == 0


def test_settlements_leave_line_by_line_with_what_the_bank_got(customer: Customer) -> None:
    now, payment = timezone.now(), Payment.objects.get()
    settlement = Settlement.objects.create(
        gateway_id="set-1", source="api", amount_minor=2208, line_count=2, lines_minor=2208, created_at=now,
        imported_at=now,
    )  # fmt: skip
    for position, (kind, ours, amount, net, fee, vat) in enumerate(
        (("payment", payment, 2300, 2219, 70, 11), ("payout_fee", None, 0, -11, 10, 1))
    ):
        SettlementLine.objects.create(
            settlement=settlement, position=position, type=kind, payment=ours, payment_amount_minor=amount,
            net_minor=net, fee_minor=fee, fee_vat_minor=vat, transacted_at=now,
        )  # fmt: skip
    finance = Api(FinanceFactory.create(), language="en")
    mine, other = rows_of(taken(finance, "settlements.csv"))
    assert (mine["settlement"], mine["line"], mine["booking"]) == ("set-1", "0", customer.booking.reference)
    assert (mine["to the bank (SAR)"], mine["fee before VAT (halalas)"]) == ("22.19", "70")
    assert (other["booking"], other["salon"], other["to the bank (halalas)"]) == ("", "", "-11")
    page = workbook(taken(finance, "settlements.xlsx"))
    at = [cell.value for cell in page[1]].index("to the bank (halalas)")
    assert sum(row[at].value for row in page.iter_rows(min_row=2)) == settlement.lines_minor


def test_days_are_riyadhs_and_without_them_it_is_this_month(customer: Customer) -> None:
    now = timezone.now().astimezone(RIYADH)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    finance = Api(FinanceFactory.create())
    for moment, inside in ((midnight, True), (midnight - timedelta(seconds=1), False)):
        Payment.objects.update(created_at=moment)
        file = taken(finance, "payments.csv", **{"from": now.date(), "to": now.date()})
        assert len(rows_of(file)) == inside
    Payment.objects.update(created_at=midnight.replace(day=1))
    assert len(rows_of(taken(finance, "payments.csv"))) == 1
    Payment.objects.update(created_at=midnight.replace(day=1) - timedelta(seconds=1))
    assert rows_of(taken(finance, "payments.csv")) == []


def test_who_took_what_is_written_down_for_good(customer: Customer) -> None:
    person = FinanceFactory.create()
    taken(Api(person), "ledger.xlsx", **{"from": "2026-11-01", "to": "2026-11-15"})
    [trace] = ExportTaken.objects.all()
    assert (trace.sheet, trace.file_type, trace.taken_by) == ("ledger", "xlsx", person)
    assert (trace.from_date, trace.to_date) == (date(2026, 11, 1), date(2026, 11, 15))
    for change in (ExportTaken.objects.all().delete, lambda: ExportTaken.objects.update(sheet="payments")):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to", "too_small"),
        ({"from": "2025-01-01", "to": "2026-11-01"}, "to", "too_large"),
        ({"from": "yesterday"}, "from", "date_invalid"),
        ({"salon": "lamsa"}, "salon", "unknown_field"),
    ],
)
def test_wrong_days_are_named_and_nothing_is_taken(query: dict[str, str], name: str, code: str) -> None:
    finance = Api(FinanceFactory.create())
    problem = refused(finance.get("finance/exports/payments.csv", **query), 400, "validation_failed")
    assert [(error["parameter"], error["code"]) for error in problem["errors"]] == [(name, code)]
    assert not ExportTaken.objects.exists()


@pytest.mark.parametrize("name", ["customers.csv", "payments.pdf", "payments.", ".csv"])
def test_there_are_no_other_lists(name: str) -> None:
    refused(Api(FinanceFactory.create()).get(f"finance/exports/{name}"), 404, "not_found")


def test_a_client_may_say_which_type_it_expects(customer: Customer) -> None:
    finance = Api(FinanceFactory.create())
    answer = finance.send("GET", "finance/exports/payments.csv", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    refused(finance.send("GET", "finance/exports/x.csv", headers={"Accept": "text/csv"}), 404, "not_found")


# However many


def seeded(customer: Customer, rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_payment (id, booking_id, state, amount_minor, currency, captured_minor, refunded_minor,
                                          source_type, next_action_url, failure_code, gateway_message, gateway_seen,
                                          quarantined_because, created_at, expires_at)
            SELECT gen_random_uuid(), %s, 'captured', 2300, 'SAR', 2300, 0, 'client', '', '', '', true, '', now(), now()
              FROM generate_series(1, %s)
            """,
            [customer.booking_id, rows],
        )


def peak_of(chunks: Iterator[bytes]) -> tuple[int, int]:
    """The most bytes held while a file is made, and how many lines it has."""
    tracemalloc.start()
    try:
        lines = sum(chunk.count(b"\r\n") for chunk in chunks)
        return tracemalloc.get_traced_memory()[1], lines
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_rows_of_a_csv(customer: Customer) -> None:
    what = SHEETS["payments"]
    today = timezone.now().astimezone(RIYADH).date()
    tomorrow = today + timedelta(days=1)  # it may begin meanwhile
    peaks = []
    for more in (4 * CHUNK, 96 * CHUNK):
        seeded(customer, more)
        peak, lines = peak_of(
            sheets.as_csv(sheets.titles(what.columns), what.columns, what.rows(today, tomorrow, "ar"))
        )
        assert lines == Payment.objects.count() + 1
        peaks.append(peak)
    assert peaks[1] < 1.5 * peaks[0], peaks
    assert peaks[1] < 20 * 1024 * 1024


def test_a_workbook_begins_another_sheet_when_one_is_full(monkeypatch: Any) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 2)
    columns = SHEETS["ledger"].columns
    row = (date(2026, 11, 1), None, "x", "earned", None, None, None, None, "vat", 5, None, None)
    with translation.override("en"):
        file = sheets.as_xlsx("ledger", sheets.titles(columns), columns, [row] * 5, rtl=False)
    with file:
        book = openpyxl.load_workbook(file)
    assert [(page.title, page.max_row) for page in book] == [("ledger", 3), ("ledger 2", 3), ("ledger 3", 2)]
