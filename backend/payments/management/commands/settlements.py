"""`manage.py settlements`: bring in what the gateway sent to the bank, from its API or from its file."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backend.core.errors import DomainError
from backend.core.money import plain
from backend.core.time import RIYADH, DateInvalid, parse_date
from backend.payments.operations import import_file, import_settlements
from backend.payments.operations.importing import LOOK_BACK, NO_SETTLEMENTS
from backend.payments.operations.settlement_files import MOST_BYTES
from backend.payments.providers import GatewayError


class Command(BaseCommand):
    help = "Bring in settlements: those of some Riyadh days from the gateway (the last two weeks), or one from a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="from_date", help="first day, YYYY-MM-DD")
        parser.add_argument("--to", dest="to_date", help="last day")
        parser.add_argument("--csv", type=Path, help="the file of one settlement")
        parser.add_argument(
            "--settlement", default="", help="with --csv: the gateway's id of it, where it is known"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["csv"] is not None:
                self._file(options["csv"], options["settlement"])
            else:
                self._api(options["from_date"], options["to_date"])
        except DomainError as error:
            raise CommandError(f"{error.detail} {error.extra or ''}".strip()) from error
        except GatewayError as error:
            raise CommandError(f"the gateway could not be read: {error}") from error

    def _api(self, first: str | None, last: str | None) -> None:
        now = timezone.now()
        starts = _midnight("--from", first) if first else now - LOOK_BACK
        ends = _midnight("--to", last) + timedelta(days=1) if last else None
        found = import_settlements(created_from=starts, created_to=ends, now=now)
        if found.note == NO_SETTLEMENTS:
            self.stdout.write(
                "the gateway has no settlements for this account; use --csv with the file it sends"
            )
        for row in found.added:
            self.stdout.write(
                f"{row.gateway_id}: {row.line_count} lines, {plain(row.amount_minor)} {row.currency}"
            )
        self.stdout.write(f"settlements: {len(found.added)} new, {found.known} known")

    def _file(self, path: Path, settlement_id: str) -> None:
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        done = import_file(content, settlement_id=settlement_id, now=timezone.now())
        row = done.settlement
        state = "new" if done.is_new else f"known, {done.differing_lines} lines differ"
        self.stdout.write(
            f"{row.gateway_id}: {row.line_count} lines, {plain(row.amount_minor)} {row.currency} ({state})"
        )


def _midnight(option: str, text: str) -> datetime:
    try:
        day: date = parse_date(text)
    except DateInvalid as error:
        raise CommandError(f"{option}: {text!r} is not a day like 2026-11-20") from error
    return datetime.combine(day, time.min, tzinfo=RIYADH)
