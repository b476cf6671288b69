"""`manage.py reconcile --from D --to D`: prove that our payments and the gateway's agree, or say where they do not."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backend.core.errors import DomainError
from backend.core.money import plain
from backend.core.time import RIYADH, DateInvalid, parse_date
from backend.payments.operations import open_differences, reconcile
from backend.payments.providers import GatewayError


class Command(BaseCommand):
    help = (
        "Compare our payments of some Riyadh days with the gateway's list; exits 1 while differences stand."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="from_date", required=True, help="first day, YYYY-MM-DD")
        parser.add_argument("--to", dest="to_date", help="last day, by default the first")
        parser.add_argument("--report-only", action="store_true", help="heal nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        first = _day("--from", options["from_date"])
        last = _day("--to", options["to_date"] or options["from_date"])
        if last < first:
            raise CommandError("--to is before --from")
        try:
            run = reconcile(
                from_date=first, to_date=last, now=timezone.now(), heal=not options["report_only"]
            )
        except (GatewayError, DomainError) as error:
            raise CommandError(f"the gateway's list could not be read: {error}") from error
        write = self.stdout.write
        write(f"{first} to {last} ({RIYADH.key}), run {run.pk}")
        write(f"ours {run.ours_count}, theirs {run.theirs_count}")
        write(f"captured {plain(run.captured_minor)} SAR, refunded {plain(run.refunded_minor)} SAR")
        for difference in run.differences.order_by("kind", "id"):
            end = "healed" if difference.healed_at else "OPEN"
            write(
                f"{difference.kind} {difference.payment_id} {end} ours={difference.ours} theirs={difference.theirs}"
            )
        standing = open_differences(run)
        write(f"differences: {standing} open, {run.healed_count} healed")
        if standing:
            raise SystemExit(1)


def _day(option: str, text: str) -> date:
    try:
        return parse_date(text)
    except DateInvalid as error:
        raise CommandError(f"{option}: {text!r} is not a day like 2026-11-20") from error
