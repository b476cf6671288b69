"""`manage.py documents --verify`: prove that no tax document was changed, taken out or put in."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from backend.payments.models import DocumentSeries, TaxDocument
from backend.payments.queries.invoices import document_faults


class Command(BaseCommand):
    help = "Check numbers, hashes and chain of every seller's tax documents; exits 1 when something is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--verify", action="store_true", required=True, help="read all of them and check")

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
        for fault in document_faults():
            faults += 1
            self.stdout.write(fault)
        sellers, documents = DocumentSeries.objects.count(), TaxDocument.objects.count()
        self.stdout.write(f"sellers {sellers}, documents {documents}, faults {faults}")
        if faults:
            raise SystemExit(1)
