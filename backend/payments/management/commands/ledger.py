"""`manage.py ledger`: whether the books balance; with `--catch-up`, after writing what they lack."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from backend.core.money import plain
from backend.payments.operations.posting import catch_up
from backend.payments.queries.ledger import balances


class Command(BaseCommand):
    help = "Show the balance of every account; --catch-up first writes what the books lack of any booking."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--catch-up", action="store_true", help="for use after an upgrade; safe to repeat"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["catch_up"]:
            self.stdout.write(f"{catch_up(timezone.now())} entries written.")
        for account, amount_minor in balances().items():
            self.stdout.write(f"{account:<20} {plain(amount_minor):>18}")
