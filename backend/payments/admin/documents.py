"""Tax documents: to be read, and handed out as they were issued."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import ReadOnlyAdmin, amount, code, document, label, name
from backend.payments.models import DocumentSeries, TaxDocument

label(DocumentSeries, _("series of tax documents"), _("series of tax documents"))
label(
    TaxDocument,
    _("tax document"),
    _("tax documents"),
    choices=(
        *(N_("Invoice"), N_("Credit Note")),
        *(N_("Supply Cancelled"), N_("Price Changed"), N_("Mistake")),
    ),
    id=_("ID"),
    business=_("business"),
    booking=_("booking"),
    kind=_("kind"),
    counter=_("place in the series"),
    original=_("original invoice"),
    reason=_("reason"),
    issued_at=_("issued"),
    net_minor=_("before VAT"),
    vat_minor=_("VAT"),
    total_minor=_("total"),
    previous_hash=_("hash of the one before"),
    hash=_("hash"),
    snapshot=_("document"),
)


@admin.display(description=_("paper"))
def papers(obj: TaxDocument) -> SafeString:
    """The PDF in each language."""
    links = (
        (reverse("admin:payments_taxdocument_paper", args=[obj.pk, language]), name)
        for language, name in settings.LANGUAGES
    )
    return format_html_join(" · ", '<a href="{}">{}</a>', links)


@admin.register(TaxDocument)
class TaxDocumentAdmin(ReadOnlyAdmin[TaxDocument]):
    def name_of(self, obj: TaxDocument) -> str:
        return obj.label

    list_display = (
        code("label", _("number")),
        "kind",
        name("business", _("business")),
        code("booking.reference", _("booking")),
        "issued_at",
        amount("net_minor", _("before VAT")),
        amount("vat_minor", _("VAT")),
        amount("total_minor", _("total")),
    )
    list_filter = ("kind", "reason", "issued_at")
    ordering = ("-issued_at", "-id")
    related = ("business", "booking", "original")
    search_fields = ("booking__reference__exact", "business__vat_number__exact", "id__exact")
    search_help_text = _("Number of the booking, VAT number of the seller, or ID")
    fields = (
        code("label", _("number")),
        "kind",
        name("business", _("business")),
        code("booking.reference", _("booking")),
        "issued_at",
        amount("net_minor", _("before VAT")),
        amount("vat_minor", _("VAT")),
        amount("total_minor", _("total")),
        papers,
        code("original.label", _("original invoice")),
        "reason",
        "counter",
        code("previous_hash", _("hash of the one before")),
        code("hash", _("hash")),
        document("snapshot", _("document")),
        code("pk", _("ID")),
    )

    def get_urls(self) -> list[URLPattern]:
        paper = path(
            "<id:document_id>/<str:language>.pdf",
            self.admin_site.admin_view(self.paper),
            name="payments_taxdocument_paper",
        )
        return [paper, *super().get_urls()]

    def paper(self, request: HttpRequest, document_id: uuid.UUID, language: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        from backend.payments.paper import as_response  # 20 MB that most processes never need

        return as_response(get_object_or_404(TaxDocument, pk=document_id), language)
