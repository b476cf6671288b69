"""Tax documents on paper, in Arabic alone or in English with Arabic beside it, made of the snapshot only.

Arabic must stand on every one of them (VAT regulations Art. 53); another language may be added. Letters are joined by
HarfBuzz and runs ordered by fpdf2; each value is drawn by itself, so that no number is reordered by its neighbours.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import as_file, files
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue

from backend.core.money import plain
from backend.payments.models import CreditReason, DocumentKind, ReceiptMethod, TaxDocument
from backend.payments.operations.invoicing import ONLINE
from backend.payments.qr import qr_picture, qr_text

FONT = "Plex"
FACES = {"": "IBMPlexSansArabic-Regular.ttf", "B": "IBMPlexSansArabic-Bold.ttf"}
WIDTH, HEIGHT, MARGIN, QR = 210.0, 297.0, 16.0, 42.0
INNER = WIDTH - 2 * MARGIN
LABEL, AMOUNTS, PAD = 48.0, 148.0, 1.5
GREY, LIGHT = (105, 105, 105), (238, 238, 238)

TITLES = {
    DocumentKind.INVOICE: _("Simplified tax invoice"),
    DocumentKind.CREDIT_NOTE: _("Credit note for a simplified tax invoice"),
}
NUMBERS = {
    DocumentKind.INVOICE: _("Invoice number"),
    DocumentKind.CREDIT_NOTE: _("Credit note number"),
}
MEANS = {
    ONLINE: _("Online"),
    ReceiptMethod.CASH: _("Cash at the salon"),
    ReceiptMethod.TERMINAL: _("Card at the salon"),
}
REASONS = {
    CreditReason.SUPPLY_CANCELLED: _("The booking was cancelled, wholly or in part."),
    CreditReason.PRICE_CHANGED: _("The agreed price was reduced."),
    CreditReason.MISTAKE: _("The amount was written down by mistake."),
}
CURRENCIES = {"SAR": _("Saudi riyals")}


def render(document: TaxDocument, language: str) -> bytes:
    """The document as a PDF. `language` is `ar`, or `en` for both."""
    return _Sheet(document, "ar" if language == "ar" else "en").made()


def as_response(document: TaxDocument, language: str) -> HttpResponse:
    """The PDF, shown where it is opened and saved under its number."""
    return HttpResponse(
        render(document, language),
        content_type="application/pdf",
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'inline; filename="{document.label}.pdf"',
        },
    )


class _Sheet:
    """A page laid out from where reading starts: `x` grows to the left in Arabic. Lengths are millimetres."""

    def __init__(self, document: TaxDocument, language: str) -> None:
        self.kind, self.told = DocumentKind(document.kind), document.snapshot
        self.issued_at = document.issued_at
        self.language = language
        self.y = MARGIN
        self.pdf = pdf = FPDF(format=(WIDTH, HEIGHT))
        folder = files("fontpkg_ibm_plex_sans_arabic") / "files"
        for style, name in FACES.items():
            with as_file(folder / name) as path:
                pdf.add_font(FONT, style, path)
        pdf.set_auto_page_break(False)
        pdf.c_margin = 0
        pdf.set_title(self.told["number"])
        pdf.set_lang(language)
        pdf.set_creation_date(document.issued_at)
        pdf.add_page()

    def made(self) -> bytes:
        self.head()
        self.facts()
        self.table()
        self.totals()
        self.foot()
        return bytes(self.pdf.output())

    # What is on it -------------------------------------------------------------------------------

    def head(self) -> None:
        picture = io.BytesIO(qr_picture(qr_text(self.told)))
        self.pdf.image(picture, x=self._left(INNER - QR, QR), y=self.y, w=QR, h=QR)
        width, top = INNER - QR - 4, self.y
        for title in self._both(TITLES[self.kind]):
            self._block(title, 0, width, size=17, bold=True)
        self.y += 2
        seller = self.told["seller"]
        for name in self._texts(seller["name"]):
            self._block(name, 0, width, size=12, bold=True)
        for address in self._texts(seller["address"]):
            self._block(address, 0, width, size=10)
        self.y = max(self.y, top + QR) + 3
        self._pair(_("VAT number"), seller["vat_number"])
        if seller["commercial_registration"]:
            self._pair(_("Commercial registration"), seller["commercial_registration"])

    def facts(self) -> None:
        told, zone = self.told, ZoneInfo(self.told["salon"]["timezone"])
        self._pair(NUMBERS[self.kind], told["number"], bold=True)
        self._pair(_("Issued"), _local(self.issued_at, zone))
        if original := told["original"]:
            at = datetime.fromisoformat(original["issued_at"])
            self._pair(_("Original invoice"), f"{original['number']}  {_local(at, zone)}")
            self._pair(_("Reason"), REASONS[told["reason"]])
        self._pair(_("Salon"), *self._texts(told["salon"]["name"]))
        self._pair(_("Booking number"), told["booking"]["reference"])
        self._pair(_("Date of the visit"), told["booking"]["date"])
        self._pair(_("Payment method"), MEANS[told["means"]])
        self.y += 2

    def table(self) -> None:
        columns: tuple[tuple[Any, float, float], ...] = (
            (_("Service"), 0, 72),
            (_("Quantity"), 72, 20),
            (_("Unit price before VAT"), 92, 32),
            (_("VAT amount"), 124, 24),
            (_("Total with VAT"), AMOUNTS, INNER - AMOUNTS),
        )
        self._row(columns, [self._both(heading) for heading, _x, _w in columns], shaded=True)
        for line in self.told["lines"]:
            unit = line["net_minor"] // line["quantity"]
            cells = [
                self._texts(line["name"]),
                [str(line["quantity"])],
                *([plain(amount)] for amount in (unit, line["vat_minor"], line["total_minor"])),
            ]
            self._row(columns, cells)
        self.y += 2

    def totals(self) -> None:
        told = self.told
        self._room(40)
        rate = f"\u200e{told['vat_percent']}%\u200e"  # between marks, or the sign changes sides in Arabic
        self._sum(_("Total before VAT"), told["net_minor"])
        self._sum(_("VAT %(rate)s"), told["vat_minor"], rate=rate)
        self._sum(_("Total with VAT"), told["total_minor"], bold=True)
        self._sum(_("Currency"), CURRENCIES.get(told["currency"], told["currency"]))
        price = told["booking"]["price_minor"]
        if self.kind == DocumentKind.INVOICE and told["total_minor"] < price:
            self.y += 2
            for text in self._both(_("Received in part of a booking whose price is %(price)s.")):
                self._block(text % {"price": plain(price)}, 0, INNER, size=10)

    def foot(self) -> None:
        self._room(10)
        self.y = HEIGHT - MARGIN - 5
        self._draw(f"{self.told['id']}  {self.told['counter']}", 0, INNER, size=7, colour=GREY)

    # How it is drawn -----------------------------------------------------------------------------

    def _both(self, text: Promise | str) -> list[str]:
        """A text of ours in the languages of the page."""
        found = []
        for language in dict.fromkeys((self.language, "ar")):
            with override(language):
                found.append(str(text))
        return list(dict.fromkeys(found))

    def _texts(self, texts: Mapping[str, str]) -> list[str]:
        """Somebody's words in the languages of the page, each once."""
        return [text for text in dict.fromkeys(texts[language] for language in (self.language, "ar")) if text]

    def _pair(self, label: Promise, *values: Promise | str, bold: bool = False) -> None:
        """A name and its value; in English the Arabic name stands at the other end of the line."""
        labels, top = self._both(label), self.y
        self._draw(labels[0], 0, LABEL, size=10, colour=GREY)
        if len(labels) > 1:
            self._draw(labels[1], INNER - LABEL, LABEL, size=10, colour=GREY, at_end=True)
        for value in values:
            for text in self._both(value):
                self._block(text, LABEL, INNER - len(labels) * LABEL, size=10, bold=bold)
        self.y = max(self.y, top + 5) + 0.8

    def _row(
        self, columns: tuple[tuple[Any, float, float], ...], cells: list[list[str]], *, shaded: bool = False
    ) -> None:
        height = 2 * PAD + max(
            sum(self._height(text, wide - 2 * PAD, size=10, bold=shaded) for text in cell)
            for cell, (_heading, _x, wide) in zip(cells, columns, strict=True)
        )
        self._room(height)
        if shaded:
            self.pdf.set_fill_color(*LIGHT)
            self.pdf.rect(MARGIN, self.y, INNER, height, style="F")
        top = self.y
        for place, (cell, (_heading, x, wide)) in enumerate(zip(cells, columns, strict=True)):
            self.y = top + PAD
            for text in cell:
                self._block(text, x + PAD, wide - 2 * PAD, size=10, bold=shaded, number=place > 0)
        self.y = top + height
        self.pdf.set_draw_color(*LIGHT)
        self.pdf.line(MARGIN, self.y, WIDTH - MARGIN, self.y)

    def _sum(self, label: Promise, value: int | Promise | str, *, bold: bool = False, **words: Any) -> None:
        size = 12 if bold else 10
        labels = [text % words if words else text for text in self._both(label)]
        self._draw(labels[0], 40, 60, size=size, bold=bold)
        if len(labels) > 1:
            self._draw(labels[1], 88, 58, size=size, bold=bold, at_end=True)
        shown = plain(value) if isinstance(value, int) else self._both(value)[0]
        self._draw(shown, AMOUNTS, INNER - AMOUNTS - PAD, size=size, bold=bold, number=True)
        self.y += 7.5 if bold else 6.5

    def _room(self, height: float) -> None:
        if self.y + height > HEIGHT - MARGIN - 6:
            self.pdf.add_page()
            self.y = MARGIN

    def _left(self, x: float, width: float) -> float:
        """Where on the paper something begins that is `x` away from where reading starts."""
        return MARGIN + (INNER - x - width if self.language == "ar" else x)

    def _height(self, text: str, width: float, *, size: float, bold: bool) -> float:
        self._voice(text, size=size, bold=bold)
        lines = self.pdf.multi_cell(width, text=text, dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list)
        return len(lines) * size * 0.5

    def _block(self, text: str, x: float, width: float, *, size: float, **how: Any) -> None:
        """A text over as many lines as it needs; what follows stands under it."""
        self._draw(text, x, width, size=size, **how)
        self.y = self.pdf.get_y()

    def _draw(
        self,
        text: str,
        x: float,
        width: float,
        *,
        size: float,
        bold: bool = False,
        colour: tuple[int, int, int] = (0, 0, 0),
        at_end: bool = False,
        number: bool = False,
    ) -> None:
        """`at_end` is where reading ends; numbers stand on the right in both languages, one unit under another."""
        self._voice(text, size=size, bold=bold)
        self.pdf.set_text_color(*colour)
        self.pdf.set_xy(self._left(x, width), self.y)
        right = number or (self.language == "ar") != at_end
        self.pdf.multi_cell(width, h=size * 0.5, text=text, align=Align.R if right else Align.L)

    def _voice(self, text: str, *, size: float, bold: bool) -> None:
        """Letters and direction of a text: that of its first letter, as a browser's `dir="auto"` has it."""
        self.pdf.set_font(FONT, style="B" if bold else "", size=size)
        self.pdf.set_text_shaping(True, direction="rtl" if _reads_from_right(text) else "ltr")


def _reads_from_right(text: str) -> bool:
    for letter in text:
        strong = unicodedata.bidirectional(letter)
        if strong in ("R", "AL"):
            return True
        if strong == "L":
            return False
    return False


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
