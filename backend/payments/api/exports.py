"""Lists of money as files. Who takes one away is written down first."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from backend.accounts.permissions import FINANCE
from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.api.renderers import FastJSONRenderer
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound, ValidationFailed
from backend.core.time import RIYADH
from backend.payments import sheets
from backend.payments.models import ExportType
from backend.payments.operations.exporting import note_export
from backend.payments.queries.exports import SHEETS

MOST_DAYS = 366
CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA = {ExportType.CSV: CSV, ExportType.XLSX: XLSX}


class CSVRenderer(BaseRenderer):
    """Lets a client ask for CSV. The view writes it; refusals are problems in JSON as everywhere."""

    media_type, format = CSV, "csv"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        return data


class XLSXRenderer(CSVRenderer):
    media_type, format = XLSX, "xlsx"


# `from` is a word of Python, so it is named in get_fields.
class ExportQuery(Query):
    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": fields.Day(
                required=False, help_text="First day; without it the first of the last day's month"
            ),
            "to": fields.Day(
                required=False, help_text=f"Last day, at most {MOST_DAYS} in all; without it today"
            ),
        }


class FinanceExport(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": ExportQuery}
    renderer_classes = [FastJSONRenderer, CSVRenderer, XLSXRenderer]

    @extend_schema(
        operation_id="getFinanceExport",
        summary="A list of money as a file, oldest first",
        description=(
            "Headings are in the language asked for; codes are the API's. Every amount stands twice: in riyals with "
            "two decimals, and in halalas. CSV is UTF-8 with a byte-order mark, comma and CRLF; in it, text that a "
            "spreadsheet would calculate begins with an apostrophe. XLSX opens from right to left in Arabic. Who took "
            "what is written down."
        ),
        tags=["finance"],
        parameters=[
            OpenApiParameter("sheet", str, OpenApiParameter.PATH, required=True, enum=list(SHEETS)),
            OpenApiParameter("file_type", str, OpenApiParameter.PATH, required=True, enum=ExportType.values),
            ExportQuery,
        ],
        responses={(200, CSV): OpenApiTypes.STR, (200, XLSX): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, sheet: str, file_type: str) -> HttpResponseBase:
        if sheet not in SHEETS or file_type not in ExportType.values:
            raise NotFound
        now = timezone.now()
        last = self.query.get("to", now.astimezone(RIYADH).date())
        first = self.query.get("from", last.replace(day=1))
        if last < first:
            raise ValidationFailed.parameter("to", "too_small")
        if (last - first).days >= MOST_DAYS:
            raise ValidationFailed.parameter("to", "too_large")
        return as_file(sheet, file_type, first, last, taken_by=person(request), now=now)


def as_file(
    sheet: str, file_type: str, first: date, last: date, *, taken_by: Any, now: datetime
) -> HttpResponseBase:
    """The answer with the file, named after what is in it, once it is written down who takes it."""
    note_export(sheet=sheet, file_type=file_type, from_date=first, to_date=last, taken_by=taken_by, now=now)
    what = SHEETS[sheet]
    language = "en" if (get_language() or "ar").startswith("en") else "ar"
    heading = sheets.titles(what.columns)
    rows = what.rows(first, last, language)
    name = f"mawid-{sheet}-{first.isoformat()}-{last.isoformat()}.{file_type}"
    response: HttpResponseBase
    if file_type == ExportType.CSV:
        response = StreamingHttpResponse(
            sheets.as_csv(heading, what.columns, rows), content_type=f"{CSV}; charset=utf-8"
        )
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    else:
        book = sheets.as_xlsx(str(what.title), heading, what.columns, rows, rtl=language == "ar")
        response = FileResponse(book, as_attachment=True, filename=name, content_type=XLSX)
    response.headers["Cache-Control"] = "no-store"
    return response
