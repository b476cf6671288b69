"""Tax documents on paper, read back from the PDF: the code, the letters and where they stand."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pypdf
import pypdfium2
import pytest
import uharfbuzz
import zxingcpp
from django.urls import reverse

from backend.payments.models import TaxDocument
from backend.payments.paper import render
from backend.payments.qr import qr_text
from tests.console.helpers import address, browser, operator
from tests.factories import UserFactory
from tests.payments.test_tax_documents import Till, documents, tlv
from tests.support.api import Api, ok

TITLE, TITLE_SIZE = "فاتورة ضريبية مبسطة", 17
SELLER = {"ar": "مؤسسة جمال الورد", "en": "Rose Beauty Est."}
ADDRESS = {"ar": "شارع العليا", "en": "Olaya St."}
LONG = {"ar": "صبغة شعر كاملة مع العناية", "en": "Full colour with care"}


def document(**changed: Any) -> TaxDocument:
    """An invoice as it was issued, without a database."""
    snapshot = {
        "id": "0199f0c2-6d0b-7c11-8d5a-2f6b1c9d7e10",
        "kind": "invoice",
        "number": "INV-000041",
        "counter": 48,
        "issued_at": "2026-11-20T12:30:00Z",
        "reason": "",
        "currency": "SAR",
        "vat_percent": 15,
        "seller": {
            "name": SELLER,
            "address": ADDRESS,
            "vat_number": "310000000000003",
            "commercial_registration": "1010000000",
        },
        "salon": {"name": {"ar": "الورد", "en": "Rose"}, "timezone": "Asia/Riyadh"},
        "booking": {"reference": "BK10427", "date": "2026-11-21", "price_minor": 141_974},
        "means": "online",
        "original": None,
        "lines": [
            {"name": LONG, "quantity": 1, "net_minor": 123_456, "vat_minor": 18_518, "total_minor": 141_974}
        ],
        "net_minor": 123_456,
        "vat_minor": 18_518,
        "total_minor": 141_974,
    } | changed
    return TaxDocument(
        kind=snapshot["kind"], snapshot=snapshot, issued_at=datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    )


def lines_of(pdf: bytes) -> list[list[tuple[float, float, str]]]:
    """Visible letters of each line, top first, every one as (left, right, letter) in points from the paper's left."""
    rows: dict[int, list[tuple[float, float, str]]] = {}
    for number, sheet in enumerate(pypdfium2.PdfDocument(pdf)):
        page = sheet.get_textpage()
        for index in range(page.count_chars()):
            letter = page.get_text_range(index, 1)
            if letter.strip("\u200e \r\n"):
                _, bottom, _, _ = page.get_charbox(index, loose=True)
                left, _, right, _ = page.get_charbox(index)
                rows.setdefault(round(bottom) - 1000 * number, []).append((left, right, letter))
    return [rows[height] for height in sorted(rows, reverse=True)]


def seen(line: list[tuple[float, float, str]], *, from_right: bool = False) -> str:
    """What an eye reads along a line."""
    return "".join(letter for *_, letter in sorted(line, reverse=from_right))


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def codes(pdf: bytes) -> list[str]:
    """What a telephone's camera reads from the page as it is shown."""
    page = pypdfium2.PdfDocument(pdf)[0].render(scale=2).to_pil()
    return [code.text for code in zxingcpp.read_barcodes(page)]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_code_on_the_page_says_the_five_fields_in_bytes(language: str) -> None:
    issued = document()
    [text] = codes(render(issued, language))
    assert text == qr_text(issued.snapshot)
    assert [value.decode() for value in tlv(text).values()] == [
        SELLER["ar"],
        "310000000000003",
        "2026-11-20T12:30:00Z",
        "1419.74",
        "185.18",
    ]
    raw = base64.b64decode(text)
    assert raw[:2] == bytes((1, len(SELLER["ar"].encode())))
    assert len(SELLER["ar"].encode()) > len(SELLER["ar"])


def test_arabic_is_read_from_the_right_and_numbers_from_the_left() -> None:
    lines = lines_of(render(document(), "ar"))
    read = [seen(line, from_right=True) for line in lines]
    assert read[0] == TITLE.replace(" ", "")
    assert read[1] == SELLER["ar"].replace(" ", "")
    assert read[2] == ADDRESS["ar"].replace(" ", "")
    row = next(line for line in lines if "1,419.74" in seen(line))
    assert seen(row).startswith("1,419.74185.181,234.561"), "amounts stand on the left, each from the left"
    assert seen(row, from_right=True).startswith(LONG["ar"].replace(" ", ""))
    issued = next(line for line in lines if "15:30" in seen(line))
    assert seen(issued).startswith("2026-11-2015:30"), "local time, in its own order"
    number = next(line for line in lines if "INV" in seen(line))
    assert seen(number).startswith("INV-000041")
    rate = next(line for line in lines if "%" in seen(line))
    assert "15%" in seen(rate)


def test_its_lines_end_at_the_right_margin() -> None:
    lines = lines_of(render(document(), "ar"))
    ends = [max(right for _, right, _ in line) for line in lines[:3]]
    assert max(ends) - min(ends) < 2


def test_letters_are_joined_as_the_font_joins_them() -> None:
    """Measured against HarfBuzz itself; letters that stand alone would be half as wide again."""
    title = lines_of(render(document(), "ar"))[0]
    drawn = max(right for _, right, _ in title) - min(left for left, *_ in title)
    assert drawn == pytest.approx(width(TITLE), rel=0.03)
    assert width(TITLE, joined=False) > 1.3 * drawn


def width(text: str, *, joined: bool = True) -> float:
    """Points that the title takes on paper, as HarfBuzz has it."""
    path = files("fontpkg_ibm_plex_sans_arabic") / "files" / "IBMPlexSansArabic-Bold.ttf"
    font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(path))))
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(font, buffer, None if joined else dict.fromkeys(("init", "medi", "fina", "rlig"), False))
    return sum(place.x_advance for place in buffer.glyph_positions) * TITLE_SIZE / font.face.upem


def test_english_stands_on_the_left_with_the_arabic_beside_it() -> None:
    pdf = render(document(), "en")
    lines = lines_of(pdf)
    assert seen(lines[0]) == "Simplifiedtaxinvoice"
    assert seen(lines[1], from_right=True) == TITLE.replace(" ", "")
    assert seen(lines[2]) == SELLER["en"].replace(" ", "")
    assert seen(lines[3], from_right=True) == SELLER["ar"].replace(" ", "")
    text = text_of(pdf)
    for part in (*LONG.values(), "Total with VAT", "الإجمالي شامل الضريبة", "1,419.74", "VAT number"):
        assert part in text


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_credit_note_names_its_invoice_and_why(language: str) -> None:
    note = document(
        kind="credit_note",
        number="CRN-000007",
        reason="supply_cancelled",
        original={"id": "x", "number": "INV-000041", "issued_at": "2026-11-19T21:30:00Z"},
    )
    text = text_of(render(note, language))
    assert "إشعار دائن لفاتورة ضريبية مبسطة" in text
    assert "CRN-000007" in text
    assert "INV-000041 2026-11-20 00:30" in " ".join(text.split()), "past midnight in Riyadh"
    assert ("The booking was cancelled, wholly or in part." in " ".join(text.split())) == (language == "en")
    assert "تم إلغاء الحجز" in text


def test_a_part_of_the_price_is_said_to_be_one() -> None:
    part = document(booking={"reference": "BK1", "date": "2026-11-21", "price_minor": 300_000})
    assert "Received in part of a booking whose price is 3,000.00." in text_of(render(part, "en"))
    assert "Received in part" not in text_of(render(document(), "en"))


def test_many_services_go_on_on_another_page() -> None:
    many = document(lines=document().snapshot["lines"] * 30)
    pages = pypdf.PdfReader(io.BytesIO(render(many, "en"))).pages
    assert len(pages) > 1
    assert "Total with VAT" in pages[-1].extract_text()
    assert sum(page.extract_text().count(LONG["en"]) for page in pages) == 30


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_customer_opens_it_in_the_language_of_the_phone(language: str) -> None:
    till = Till()
    till.take(2300)
    phone = Api(till.customer, language=language)
    [listed] = ok(phone.get(f"bookings/{till.booking_id}/invoices"))["items"]
    answer = phone.get(f"bookings/{till.booking_id}/invoices/{listed['id']}.pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == 'inline; filename="INV-000001.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == language
    first = seen(lines_of(answer.content)[0], from_right=language == "ar")
    assert first == (TITLE.replace(" ", "") if language == "ar" else "Simplifiedtaxinvoice")
    assert codes(answer.content) == [listed["qr"]]


@pytest.mark.django_db
def test_the_desk_opens_it_too_and_a_client_may_ask_for_a_pdf_by_its_type() -> None:
    till = Till(role="receptionist")
    till.take(2300)
    [row] = documents(till.booking_id)
    path = f"manage/bookings/{till.booking_id}/invoices/{row.pk}.pdf"
    answer = till.desk.send("GET", path, headers={"Accept": "application/pdf"})
    assert answer.content.startswith(b"%PDF-")
    unknown = till.desk.send(
        "GET", path.replace(str(row.pk), str(UserFactory.create().pk)), headers={"Accept": "application/pdf"}
    )
    assert unknown.json()["code"] == "not_found"


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ar", "en"])
def test_finance_opens_it_from_the_console_in_either_language(language: str) -> None:
    till = Till()
    till.take(2300)
    [row] = documents(till.booking_id)
    finance = browser(operator("finance"), language="en")
    shown = finance.get(address(TaxDocument, "change", row.pk)).content.decode()
    link = reverse("admin:payments_taxdocument_paper", args=[row.pk, language])
    assert link in shown
    answer = finance.get(link)
    assert answer["Content-Type"] == "application/pdf"
    title = seen(lines_of(answer.content)[0], from_right=language == "ar")
    assert title == (TITLE.replace(" ", "") if language == "ar" else "Simplifiedtaxinvoice")
    assert browser(operator("support")).get(link).status_code == 403
