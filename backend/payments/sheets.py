"""Lists as files that a spreadsheet opens: CSV written while it is sent, XLSX by way of the disk (ADR 0025)."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import IO, Any

import xlsxwriter
from django.utils.translation import gettext as _

from backend.core.time import RIYADH
from backend.payments.queries.exports import Column, Holds

Row = Sequence[Any]

ROWS_AT_ONCE = 200
MOST_ROWS = 1_000_000
"""Of one sheet, its heading aside; Excel takes 1,048,576."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would calculate rather than show (OWASP: CSV Injection)."""
_WIDTHS = {Holds.TEXT: 20, Holds.DAY: 12, Holds.MOMENT: 20, Holds.MONEY: 14}


def titles(columns: Iterable[Column]) -> list[str]:
    """Headings in the language of now. Money stands twice: in riyals for people, in halalas for machines."""
    found: list[str] = []
    for column in columns:
        found.append(str(column.title))
        if column.holds is Holds.MONEY:
            found[-1] = _("%(what)s (SAR)") % {"what": column.title}
            found.append(_("%(what)s (halalas)") % {"what": column.title})
    return found


def as_csv(heading: Sequence[str], columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """UTF-8 with its mark, which tells Excel what it is, and CRLF (RFC 4180). Memory does not grow with the rows."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write("\ufeff")
    writer.writerow(heading)
    for number, row in enumerate(rows, 1):
        writer.writerow(_written(columns, row))
        if number % ROWS_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _written(columns: Sequence[Column], row: Row) -> Iterator[str | int]:
    for column, value in zip(columns, row, strict=True):
        match column.holds:
            case Holds.MONEY:
                sign = "-" if value < 0 else ""
                yield f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"
                yield value
            case Holds.DAY:
                yield value.isoformat()
            case Holds.MOMENT:
                yield "" if value is None else _local(value).isoformat(sep=" ")
            case Holds.TEXT:
                text = "" if value is None else str(value)
                yield f"'{text}" if text.startswith(FORMULA) else text


def as_xlsx(
    title: str, heading: Sequence[str], columns: Sequence[Column], rows: Iterable[Row], *, rtl: bool
) -> IO[bytes]:
    """A workbook, open at its start; whoever closes it deletes it. Each row goes to the disk when the next begins.

    Numbers are numbers and moments are moments, in Riyadh's time. Text is text, whatever it begins with.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  whoever reads it closes it
    try:
        book = xlsxwriter.Workbook(file, {"constant_memory": True})
        book.use_zip64()
        writer = _Pages(book, title, heading, columns, rtl=rtl)
        for row in rows:
            writer.add(row)
        book.close()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


class _Pages:
    """Sheets of one workbook, a new one when the last is full."""

    def __init__(
        self, book: Any, title: str, heading: Sequence[str], columns: Sequence[Column], *, rtl: bool
    ) -> None:
        self.book, self.title, self.heading, self.columns, self.rtl = book, title, heading, columns, rtl
        self.bold = book.add_format({"bold": True, "bottom": 1})
        self.formats = {
            Holds.DAY: book.add_format({"num_format": "yyyy-mm-dd"}),
            Holds.MOMENT: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            Holds.MONEY: book.add_format({"num_format": "#,##0.00"}),
        }
        self.whole = book.add_format({"num_format": "0"})
        self.pages = 0
        self.begin()

    def begin(self) -> None:
        self.pages += 1
        self.sheet = self.book.add_worksheet(self.title if self.pages == 1 else f"{self.title} {self.pages}")
        if self.rtl:
            self.sheet.right_to_left()
        self.sheet.freeze_panes(1, 0)
        at = 0
        for column in self.columns:
            for _side in range(1 + (column.holds is Holds.MONEY)):
                self.sheet.set_column(at, at, max(_WIDTHS[column.holds], len(self.heading[at]) + 2))
                at += 1
        for at, text in enumerate(self.heading):
            self.sheet.write_string(0, at, text, self.bold)
        self.row = 0

    def add(self, values: Row) -> None:
        if self.row == MOST_ROWS:
            self.begin()
        self.row += 1
        at = 0
        for column, value in zip(self.columns, values, strict=True):
            self._write(at, column.holds, value)
            at += 1
            if column.holds is Holds.MONEY:
                self.sheet.write_number(self.row, at, value, self.whole)
                at += 1

    def _write(self, at: int, holds: Holds, value: Any) -> None:
        if value is None or value == "":
            return
        match holds:
            case Holds.MONEY:
                self.sheet.write_number(self.row, at, value / 100, self.formats[holds])
            case Holds.MOMENT:
                self.sheet.write_datetime(self.row, at, _local(value), self.formats[holds])
            case Holds.DAY:
                self.sheet.write_datetime(self.row, at, _midnight(value), self.formats[holds])
            case Holds.TEXT:
                self.sheet.write_string(self.row, at, str(value))


def _local(moment: datetime) -> datetime:
    """Riyadh's clock, as spreadsheets have it: without a zone, in whole seconds."""
    return moment.astimezone(RIYADH).replace(tzinfo=None, microsecond=0)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001  a spreadsheet's days have no zone
