"""`manage.py reconcile --from D --to D`: prove that ours, the gateway's and the settlements agree, or say where not."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from tqdm import tqdm

from backend.core.errors import DomainError
from backend.core.money import plain
from backend.core.time import RIYADH, DateInvalid, parse_date
from backend.payments.differences import MEANINGS
from backend.payments.models import DifferenceState, Reconciliation
from backend.payments.operations import open_differences, reconcile
from backend.payments.providers import GatewayError

MOST_LINES = 200


class Command(BaseCommand):
    help = (
        "Compare our payments of some Riyadh days with the gateway's list and its settlements; exits 1 while "
        "differences stand."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="from_date", required=True, help="first day, YYYY-MM-DD")
        parser.add_argument("--to", dest="to_date", help="last day, by default the first")
        parser.add_argument("--report-only", action="store_true", help="heal nothing")
        asked = "ar" if os.environ.get("LANGUAGE", "").startswith("ar") else "en"
        parser.add_argument("--language", choices=("ar", "en"), default=asked)

    def handle(self, *args: Any, **options: Any) -> None:
        first = _day("--from", options["from_date"])
        last = _day("--to", options["to_date"] or options["from_date"])
        if last < first:
            raise CommandError("--to is before --from")
        with translation.override(options["language"]):
            try:
                with closing(Bar()) as bar:
                    run = reconcile(
                        from_date=first,
                        to_date=last,
                        now=timezone.now(),
                        heal=not options["report_only"],
                        progress=bar,
                    )
            except (GatewayError, DomainError) as error:
                raise CommandError(f"the comparison stopped: {error}") from error
            self._report(run)
        if open_differences(run):
            raise SystemExit(1)

    def _report(self, run: Reconciliation) -> None:
        write = self.stdout.write
        write(f"{run.from_date} – {run.to_date} ({RIYADH.key}), {run.pk}")
        for name, count, captured, refunded in (
            (_("ours"), run.ours_count, run.captured_minor, run.refunded_minor),
            (_("the gateway"), run.theirs_count, run.theirs_captured_minor, run.theirs_refunded_minor),
            (_("settlements"), run.lines_count, run.settled_minor, run.settled_back_minor),
        ):
            write(f"{name}: {count}, +{plain(captured)} −{plain(refunded)} SAR")
        if run.note:
            write(_("The gateway has no settlements for this account. Bring in the file it sends by e-mail."))
        kinds = run.differences.order_by("kind").values_list("kind", "state").annotate(count=Count("id"))
        for kind, state, count in kinds:
            meaning = MEANINGS[kind]
            todo = f" {meaning.what_to_do}" if state == DifferenceState.OPEN else ""
            write(f"{count:>6} {meaning.title} ({state}): {meaning.explanation}{todo}")
        for row in run.differences.order_by("state", "kind", "id")[:MOST_LINES]:
            stands = "OPEN" if row.state == DifferenceState.OPEN else row.state
            write(
                f"{row.kind} {row.payment_id or row.subject} {stands} {plain(row.amount_minor)} {row.facts}"
            )
        # One sentence for scripts, in one language.
        write(f"differences: {open_differences(run)} open, {run.healed_count} healed")


class Bar:
    """How far a run is, on a terminal only and on the error stream: what is piped on stays a report."""

    def __init__(self) -> None:
        self._step = ""
        self._bar = tqdm(disable=None, leave=False)

    def __call__(self, step: str, more: int) -> None:
        if step != self._step:
            self._step = step
            self._bar.reset()
            self._bar.set_description(step)
        self._bar.update(more)

    def close(self) -> None:
        self._bar.close()


def _day(option: str, text: str) -> date:
    try:
        return parse_date(text)
    except DateInvalid as error:
        raise CommandError(f"{option}: {text!r} is not a day like 2026-11-20") from error
