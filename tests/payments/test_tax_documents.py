"""Tax documents: which money is documented, for how much, by whom, and that nobody can change it afterwards."""

from __future__ import annotations

import base64
import threading
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from backend.bookings.models import Booking
from backend.core.money import split_vat
from backend.payments.models import (
    DeskReceipt,
    DocumentSeries,
    Payment,
    PaymentState,
    Refund,
    TaxDocument,
)
from backend.payments.models.invoices import FIRST_HASH, digest
from backend.payments.operations import catch_up_documents, invoicing, resolve_task, send_due_refunds
from backend.payments.qr import qr_text
from backend.salons.models import Business, Salon
from tests.accounts.privacy import notice_in_force
from tests.factories import FinanceFactory, UserFactory, employ, open_salon
from tests.payments.conftest import Payer
from tests.support.api import Api, ok, refused
from tests.support.race import race
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

VAT_NUMBER = "310000000000003"


def register(salon: Salon, **columns: Any) -> None:
    """The salon's seller is registered for VAT from now on."""
    Business.objects.filter(pk=salon.business_id).update(**{"vat_number": VAT_NUMBER} | columns)


def registered_payer(sandbox: SandboxProcess, **salon: Any) -> Payer:
    payer = Payer(sandbox, **{"auto_confirm": True, "free_cancel_hours": 1} | salon)
    register(payer.salon)
    return payer


def pay_deposit(payer: Payer) -> Payment:
    begun = payer.begin()
    payer.pay(begun)
    ok(payer.webhook(begun))
    return Payment.objects.get(pk=begun["id"])


def documents(booking_id: Any) -> list[TaxDocument]:
    return list(TaxDocument.objects.filter(booking=booking_id).order_by("counter"))


def told(booking_id: Any) -> list[tuple[str, int, int]]:
    return [(row.label, row.total_minor, row.vat_minor) for row in documents(booking_id)]


def tlv(qr: str) -> dict[int, bytes]:
    """The fields of a QR text, read by tag and length in bytes."""
    data, found = base64.b64decode(qr, validate=True), {}
    while data:
        tag, length = data[0], data[1]
        assert len(data) >= 2 + length
        found[tag], data = data[2 : 2 + length], data[2 + length :]
    return found


class Till:
    """A registered salon that takes no deposit, with a confirmed booking of 115.00 and somebody at its desk."""

    def __init__(self, *, role: str = "manager", **columns: Any) -> None:
        self.salon, self.service, _ = open_salon(auto_confirm=True, deposit_percent=0)
        register(self.salon, **columns)
        self.customer = UserFactory.create()
        self.phone = Api(self.customer)
        self.booking_id = self.book()
        self.desk = Api(employ(self.salon, role), language="en")

    def book(self) -> str:
        free = ok(
            Api().get(f"salons/{self.salon.slug}/availability", service_ids=str(self.service.id), days=3)
        )
        starts_at = next(slot["starts_at"] for day in free["days"][1:] for slot in day["slots"])
        wanted = {
            "salon_id": str(self.salon.id),
            "items": [{"service_id": str(self.service.id)}],
            "starts_at": starts_at,
        }
        return str(ok(self.phone.post("bookings", wanted), 201)["id"])

    @property
    def booking(self) -> Booking:
        return Booking.objects.get(pk=self.booking_id)

    def take(self, amount: int, tip: int = 0) -> dict[str, Any]:
        body = {"method": "cash", "amount_minor": amount, "tip_minor": tip}
        taken: dict[str, Any] = ok(self.desk.post(f"manage/bookings/{self.booking_id}/receipts", body), 201)
        return taken

    def void(self, receipt: dict[str, Any]) -> None:
        path = f"manage/bookings/{self.booking_id}/receipts/{receipt['id']}/void"
        ok(self.desk.post(path, {"reason": "Typed twice"}))

    def receipts(self, *amounts: int) -> list[DeskReceipt]:
        """Receipts that came into the database without anybody taking money."""
        taker, now = UserFactory.create(), timezone.now()
        return [
            DeskReceipt.objects.create(
                booking=self.booking, method="cash", amount_minor=amount, taken_by=taker, taken_at=now
            )
            for amount in amounts
        ]

    def charged(self, amount: int, **columns: Any) -> Payment:
        """A payment that came into the database charged."""
        now = timezone.now()
        values = {"state": PaymentState.CAPTURED, "captured_minor": amount, "settled_at": now}
        return Payment.objects.create(
            booking=self.booking,
            amount_minor=amount,
            source_type="client",
            created_at=now,
            expires_at=now,
            **values | columns,
        )


# Which money -------------------------------------------------------------------------------------


def test_a_deposit_brings_one_invoice_however_often_it_is_told(sandbox: SandboxProcess) -> None:
    payer = registered_payer(sandbox)
    payment = pay_deposit(payer)
    ok(payer.webhook({"id": str(payment.pk)}))
    payer.read({"id": str(payment.pk)})
    assert told(payer.booking_id) == [("INV-000001", 2300, 300)]
    [invoice] = documents(payer.booking_id)
    assert (invoice.previous_hash, invoice.payment_id) == (FIRST_HASH, payment.pk)
    assert invoice.snapshot["lines"] == [
        {
            "name": {"ar": "قص شعر", "en": "Haircut"},
            "quantity": 1,
            "net_minor": 2000,
            "vat_minor": 300,
            "total_minor": 2300,
        }
    ]


def test_a_seller_without_a_vat_number_issues_nothing_whatever_moves(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox, auto_confirm=True, free_cancel_hours=1)
    pay_deposit(payer)
    desk = Api(employ(payer.salon, "manager"), language="en")
    taken = ok(
        desk.post(f"manage/bookings/{payer.booking_id}/receipts", {"method": "cash", "amount_minor": 500}),
        201,
    )
    ok(desk.post(f"manage/bookings/{payer.booking_id}/receipts/{taken['id']}/void", {"reason": "No"}))
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    assert ok(payer.phone.get(f"bookings/{payer.booking_id}/invoices"))["items"] == []
    assert not DocumentSeries.objects.exists()


def test_a_cancelled_booking_is_credited_in_full_once_the_money_went_back(sandbox: SandboxProcess) -> None:
    payer = registered_payer(sandbox)
    payment = pay_deposit(payer)
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    assert Refund.objects.get(payment=payment).state == "done"
    assert told(payer.booking_id) == [("INV-000001", 2300, 300), ("CRN-000001", 2300, 300)]
    invoice, note = documents(payer.booking_id)
    assert (note.original, note.reason, note.previous_hash) == (invoice, "supply_cancelled", invoice.hash)
    assert note.snapshot["original"]["number"] == "INV-000001"
    ok(payer.webhook({"id": str(payment.pk)}, type="payment_refunded"))
    assert len(documents(payer.booking_id)) == 2


def test_a_fee_that_is_kept_stays_invoiced(sandbox: SandboxProcess) -> None:
    payer = registered_payer(sandbox, free_cancel_hours=200, late_cancel_percent=50)
    pay_deposit(payer)
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    assert told(payer.booking_id) == [("INV-000001", 2300, 300), ("CRN-000001", 1150, 150)]


def test_no_credit_note_before_the_gateway_has_given_the_money_back(sandbox: SandboxProcess) -> None:
    payer = registered_payer(sandbox)
    pay_deposit(payer)
    sandbox.fault("status", status=503, method="POST", path="/payments/*/refund")
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    assert told(payer.booking_id) == [("INV-000001", 2300, 300)]
    sandbox.clear_faults()
    assert send_due_refunds(timezone.now() + timedelta(minutes=5)) == 1
    assert [label for label, *_ in told(payer.booking_id)] == ["INV-000001", "CRN-000001"]


def test_money_that_found_no_booking_to_pay_is_never_documented(sandbox: SandboxProcess) -> None:
    payer = registered_payer(sandbox)
    begun = payer.begin()
    payer.pay(begun)
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    ok(payer.webhook(begun))
    assert Refund.objects.filter(payment=begun["id"], state="done").exists()
    assert told(payer.booking_id) == []


def test_the_desks_money_is_invoiced_without_the_tip_and_credited_when_it_is_void() -> None:
    till = Till()
    first = till.take(4000, tip=500)
    till.take(0, tip=700)
    till.take(7500)
    assert told(till.booking_id) == [("INV-000001", 4000, 522), ("INV-000002", 7500, 978)]
    till.void(first)
    till.void(first)
    assert told(till.booking_id)[2:] == [("CRN-000001", 4000, 522)]
    assert documents(till.booking_id)[2].reason == "mistake"


def test_a_visit_that_was_done_brings_no_document_before_its_money_comes() -> None:
    till = Till()
    Booking.objects.filter(pk=till.booking_id).update(
        starts_at=timezone.now() - timedelta(hours=2), ends_at=timezone.now() - timedelta(hours=1)
    )
    ok(
        till.desk.post(f"manage/bookings/{till.booking_id}/complete", {"version": till.booking.version}),
    )
    assert till.booking.state == "completed"
    assert told(till.booking_id) == []
    till.take(11500)
    assert told(till.booking_id) == [("INV-000001", 11500, 1500)]


def test_a_refund_that_was_made_by_another_way_is_credited_with_the_answer_to_its_task() -> None:
    till = Till()
    payment = till.charged(2300)
    invoicing.invoice_payment(payment, now=timezone.now())
    now = timezone.now()
    refund = Refund.objects.create(
        payment=payment,
        amount_minor=2300,
        reason="goodwill",
        state="manual",
        next_attempt_at=now,
        created_at=now,
    )
    resolve_task(
        task_id=refund.pk, outcome="refunded_outside", note="By bank", by=FinanceFactory.create(), now=now
    )
    assert told(till.booking_id) == [("INV-000001", 2300, 300), ("CRN-000001", 2300, 300)]
    assert documents(till.booking_id)[1].reason == "price_changed"


# How much ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gross", [1, 4, 11, 19, 22, 1000, 1100, 1200, 5600, 11500, 130_000, 999_999])
def test_parts_that_go_back_one_by_one_return_exactly_the_vat(gross: int) -> None:
    till = Till()
    payment = till.charged(gross)
    invoicing.invoice_payment(payment, now=timezone.now())
    steps = sorted({gross // 3, gross // 2, gross - 1, gross} - {0})
    for returned in steps:
        payment.refunded_minor = returned
        invoicing.credit_payment(payment, now=timezone.now())
        assert invoicing.credit_payment(payment, now=timezone.now()) is None
    invoice, *notes = documents(till.booking_id)
    assert (invoice.net_minor, invoice.vat_minor) == split_vat(gross)
    assert sum(note.total_minor for note in notes) == gross
    assert sum(note.vat_minor for note in notes) == invoice.vat_minor
    for document in documents(till.booking_id):
        for column in ("net_minor", "vat_minor", "total_minor"):
            assert sum(line[column] for line in document.snapshot["lines"]) == getattr(document, column)


def test_an_invoice_spreads_the_amount_over_the_services_and_its_lines_add_up() -> None:
    till = Till()
    item = till.booking.items.get()
    for position, price in enumerate((3333, 6667, 0), start=1):
        item.pk, item.position, item.price_minor, item._state.adding = None, position, price, True
        item.save()
    document = invoicing.invoice_payment(till.charged(10_001), now=timezone.now())
    assert document is not None
    lines = document.snapshot["lines"]
    assert len(lines) == 3, "a service that costs nothing has no share in this"
    assert sum(line["total_minor"] for line in lines) == 10_001
    assert sum(line["vat_minor"] for line in lines) == document.vat_minor == split_vat(10_001)[1]
    assert all(line["net_minor"] + line["vat_minor"] == line["total_minor"] for line in lines)


# Who sells ---------------------------------------------------------------------------------------


def test_an_owner_writes_the_sellers_address_and_documents_print_it() -> None:
    till = Till()
    owner = Api(employ(till.salon, "owner"))
    path = f"manage/businesses/{till.salon.business_id}"
    before = ok(owner.get(path))
    assert before["address"] == {"ar": None, "en": None}
    address = {"ar": "2929، شارع التحلية، الرياض", "en": "2929 Tahlia St., Riyadh"}
    after = ok(owner.send("PATCH", path, body={"version": before["version"], "address": address}))
    assert after["address"] == address
    till.take(1000)
    assert documents(till.booking_id)[0].snapshot["seller"] == {
        "name": {"ar": "مؤسسة لمسة", "en": "Lamsa Est."},
        "address": address,
        "vat_number": VAT_NUMBER,
        "commercial_registration": "",
    }


def test_a_seller_without_arabic_name_and_address_is_called_as_its_salon() -> None:
    till = Till(name_ar="", name_en="Lamsa Est.")
    Salon.objects.filter(pk=till.salon.pk).update(building_number="2929", postal_code="12211")
    till.take(1000)
    seller = documents(till.booking_id)[0].snapshot["seller"]
    assert seller["name"] == {"ar": "صالون لمسة", "en": "Lamsa Est."}
    assert seller["address"] == {
        "ar": "2929، حي العليا، الرياض 12211",
        "en": "2929, Al Olaya, Riyadh 12211",
    }


# The QR code -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "vat_number", "issued_at", "total", "vat", "expected"),
    [
        (
            "Bobs Records",
            "310122393500003",
            "2022-04-25T15:30:00Z",
            100_000,
            15_000,
            "AQxCb2JzIFJlY29yZHMCDzMxMDEyMjM5MzUwMDAwMwMUMjAyMi0wNC0yNVQxNTozMDowMFoEBzEwMDAuMDAFBjE1MC4wMA==",
        ),
        (
            "صالون لمسة",
            "399999999900003",
            "2026-03-01T14:30:00Z",
            11_500,
            1_500,
            "ARPYtdin2YTZiNmGINmE2YXYs9ipAg8zOTk5OTk5OTk5MDAwMDMDFDIwMjYtMDMtMDFUMTQ6MzA6MDBaBAYxMTUuMDAFBTE1LjAw",
        ),
    ],
)
def test_the_code_says_what_the_authoritys_examples_say(
    name: str, vat_number: str, issued_at: str, total: int, vat: int, expected: str
) -> None:
    seller = {"name": {"ar": name}, "vat_number": vat_number}
    document = {"seller": seller, "issued_at": issued_at, "total_minor": total, "vat_minor": vat}
    assert qr_text(document) == expected


def test_a_name_of_more_bytes_than_fit_is_cut_between_letters() -> None:
    seller = {"name": {"ar": "a" + "س" * 200}, "vat_number": VAT_NUMBER}
    fields = tlv(
        qr_text({"seller": seller, "issued_at": "2026-03-01T14:30:00Z", "total_minor": 5, "vat_minor": 1})
    )
    assert fields[1].decode() == "a" + "س" * 127
    assert (fields[4], fields[5]) == (b"0.05", b"0.01")


# The sequence ------------------------------------------------------------------------------------


class Undone(Exception):
    pass


def issue(receipt: DeskReceipt, *, undo: bool = False) -> str:
    """Issue in a transaction of one's own; some end in nothing, as requests do."""
    try:
        with transaction.atomic():
            document = invoicing.invoice_receipt(receipt, now=timezone.now())
            assert document is not None
            if undo:
                raise Undone
            return document.label
    except Undone:
        return "undone"
    except IntegrityError:
        return "refused"


WRITERS = 16


@pytest.mark.django_db(transaction=True)
def test_sixteen_writers_at_once_leave_no_gap_and_no_duplicate() -> None:
    till = Till()
    receipts = till.receipts(*range(100, 100 + 2 * WRITERS))
    for part in (receipts[:WRITERS], receipts[WRITERS:]):
        outcomes = race(*(partial(issue, row, undo=n % 4 == 3) for n, row in enumerate(part)))
        assert outcomes.count("undone") == WRITERS // 4
        assert "refused" not in outcomes
    rows = documents(till.booking_id)
    assert [row.number for row in rows] == [row.counter for row in rows] == list(range(1, 25))
    assert [row.previous_hash for row in rows] == [FIRST_HASH, *(row.hash for row in rows[:-1])]
    verify()


@pytest.mark.django_db(transaction=True)
def test_witness_without_the_lock_two_writers_take_the_same_number(monkeypatch: Any) -> None:
    till = Till()
    issue(*till.receipts(100))
    looked = threading.Barrier(WRITERS)

    def look(business_id: Any, *, now: datetime) -> DocumentSeries:
        series = DocumentSeries.objects.get(pk=business_id)
        looked.wait(30)
        return series

    monkeypatch.setattr(invoicing, "_lock_series", look)
    outcomes = race(*(partial(issue, row) for row in till.receipts(*range(101, 101 + WRITERS))))
    assert sorted(set(outcomes)) == ["INV-000002", "refused"]
    assert outcomes.count("refused") == WRITERS - 1


def test_sellers_have_a_sequence_each() -> None:
    one, other = Till(), Till()
    one.take(1000)
    other.take(1000)
    one.take(1000)
    assert [label for label, *_ in told(one.booking_id)] == ["INV-000001", "INV-000002"]
    assert [label for label, *_ in told(other.booking_id)] == ["INV-000001"]


# Nobody changes one ------------------------------------------------------------------------------


def verify() -> str:
    written = StringIO()
    call_command("documents", verify=True, stdout=written)
    return written.getvalue()


def faults() -> str:
    written = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("documents", verify=True, stdout=written)
    assert ended.value.code == 1
    return written.getvalue()


def behind_its_back(sql: str) -> None:
    """What somebody with the database's own password could do."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payments_taxdocument SET total_minor = total_minor + 1, net_minor = net_minor + 1",
        "UPDATE payments_taxdocument SET booking_id = booking_id",
        "DELETE FROM payments_taxdocument",
        "TRUNCATE payments_taxdocument CASCADE",
        "DELETE FROM payments_documentseries",
        "TRUNCATE payments_documentseries",
        "UPDATE payments_documentseries SET counter = counter + 2, invoices = invoices + 2",
        "UPDATE payments_documentseries SET counter = counter - 1, invoices = invoices - 1",
    ],
)
def test_the_database_refuses_every_change(sql: str) -> None:
    till = Till()
    till.take(1000)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(sql)
    assert told(till.booking_id) == [("INV-000001", 1000, 130)]


@pytest.mark.parametrize("wrong", [{"counter": 5}, {"number": 5}, {"previous_hash": "0" * 64}])
def test_the_database_refuses_a_document_that_follows_no_other(wrong: dict[str, Any]) -> None:
    till = Till()
    till.take(1000)
    [receipt] = till.receipts(2000)
    [last] = documents(till.booking_id)
    following = {"counter": 2, "number": 2, "previous_hash": last.hash}
    last.pk, last._state.adding, last.key, last.receipt = None, True, "another", receipt
    for column, value in (following | wrong).items():
        setattr(last, column, value)
    with pytest.raises(IntegrityError, match="follows the one before it"), transaction.atomic():
        last.save()


def test_what_was_issued_is_verified_number_by_number() -> None:
    till = Till()
    till.void(till.take(1000))
    till.take(2000)
    assert verify() == "sellers 1, documents 3, faults 0\n"
    for document in documents(till.booking_id):
        assert digest(document.snapshot) == document.hash


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (
            "UPDATE payments_taxdocument SET snapshot = jsonb_set(snapshot, '{total_minor}', '1') WHERE counter = 2",
            "INV-000002: is not what was issued",
        ),
        (
            "UPDATE payments_taxdocument SET vat_minor = vat_minor - 1, net_minor = net_minor + 1 WHERE counter = 2",
            "INV-000002: columns differ from the document: net_minor, vat_minor",
        ),
        ("DELETE FROM payments_taxdocument WHERE counter = 2", "INV-000003: not the next of its series"),
        (
            "DELETE FROM payments_taxdocument WHERE counter = 3",
            "the series ends elsewhere than its documents",
        ),
        (
            "UPDATE payments_documentseries SET counter = 2, invoices = 2",
            "INV-000003: belongs to no series",
        ),
        (
            f"UPDATE payments_taxdocument SET previous_hash = '{FIRST_HASH}' WHERE counter = 3",
            "INV-000003: does not follow the one before it",
        ),
    ],
)
def test_what_was_done_behind_the_databases_back_is_found(sql: str, says: str) -> None:
    till = Till()
    for amount in (1000, 2000, 3000):
        till.take(amount)
    assert verify().endswith("faults 0\n")
    behind_its_back(sql)
    assert says in faults()


# What is missing ---------------------------------------------------------------------------------


def test_movements_without_their_document_are_caught_up_with_once_and_in_bounds() -> None:
    till = Till()
    now = timezone.now()
    DocumentSeries.objects.create(business_id=till.salon.business_id, began_at=now - timedelta(minutes=5))
    before = timezone.now() - timedelta(hours=1)
    till.charged(1000, settled_at=before)
    payment = till.charged(1150, refunded_minor=150, state=PaymentState.PARTIALLY_REFUNDED)
    till.charged(999, quarantined_because="amount")
    till.receipts(2300, 4600)
    later = timezone.now() + timedelta(seconds=1)
    assert catch_up_documents(later, limit=2) == 2
    assert catch_up_documents(later) == 1
    assert catch_up_documents(later) == 0
    assert [total for _, total, _ in told(till.booking_id)] == [1000, 2300, 4600]
    assert documents(till.booking_id)[0].payment == payment


def test_a_seller_who_never_issued_is_not_caught_up_with() -> None:
    till = Till()
    till.charged(1000)
    assert catch_up_documents(timezone.now() + timedelta(seconds=1)) == 0


# Who sees them -----------------------------------------------------------------------------------


def test_the_customer_and_the_desk_list_them_newest_first() -> None:
    till = Till()
    till.void(till.take(2300))
    for answer in (
        till.phone.get(f"bookings/{till.booking_id}/invoices"),
        till.desk.get(f"manage/bookings/{till.booking_id}/invoices"),
    ):
        note, invoice = ok(answer)["items"]
        assert (invoice["number"], invoice["kind"], invoice["means"]) == ("INV-000001", "invoice", "cash")
        assert (invoice["original_number"], invoice["reason"]) == (None, None)
        assert (note["number"], note["kind"], note["original_number"], note["reason"]) == (
            *("CRN-000001", "credit_note", "INV-000001", "mistake"),
        )
        assert [invoice[part]["amount_minor"] for part in ("net", "vat", "total")] == [2000, 300, 2300]
        fields = tlv(invoice["qr"])
        assert fields[1].decode() == "مؤسسة لمسة"
        assert fields[2].decode() == VAT_NUMBER
        moment = datetime.fromisoformat(fields[3].decode())
        assert moment == datetime.fromisoformat(invoice["issued_at"])
        assert (fields[4], fields[5]) == (b"23.00", b"3.00")


def test_to_anybody_else_they_do_not_exist() -> None:
    till, stranger = Till(), Till()
    till.take(2300)
    [document] = documents(till.booking_id)
    for path in (
        f"bookings/{till.booking_id}/invoices",
        f"bookings/{till.booking_id}/invoices/{document.pk}.pdf",
    ):
        refused(stranger.phone.get(path), 404, "not_found")
        refused(stranger.desk.get(f"manage/{path}"), 404, "not_found")
        refused(till.desk.get(path), 404, "not_found")
        refused(Api(employ(till.salon, "staff")).get(f"manage/{path}"), 403, "permission_denied")
        refused(Api().get(path), 401, "auth_required")
    own = f"bookings/{stranger.booking_id}/invoices/{document.pk}.pdf"
    refused(stranger.phone.get(own), 404, "not_found")
    refused(stranger.desk.get(f"manage/{own}"), 404, "not_found")


def test_documents_name_no_customer_are_part_of_the_copy_and_outlive_the_account() -> None:
    notice_in_force()
    till = Till()
    till.customer.name = "نورة العتيبي"
    till.customer.save(update_fields=["name"])
    till.take(2300)
    copy = ok(till.phone.get("me/export"))
    assert "INV-000001" in str(copy)
    [document] = documents(till.booking_id)
    assert till.customer.name not in str(document.snapshot)
    assert str(till.customer.phone) not in str(document.snapshot)
    assert str(till.customer.pk) not in str(document.snapshot)
    left = ok(till.phone.send("DELETE", "me"))
    assert {"invoices": 1}.items() <= {row["what"]: row["count"] for row in left["kept"]}.items()
    assert verify().endswith("faults 0\n")
