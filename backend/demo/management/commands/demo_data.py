"""`manage.py demo_data`: load a believable Riyadh, or say that it is there. Calls no provider."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone
from tqdm import tqdm

from backend.demo import export, loading, pictures


class Command(BaseCommand):
    help = "Load the demo's salons, bookings and payments once; a second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--scale", type=int, default=1, help="1 to 100: that many times the bookings")
        parser.add_argument("--seed", type=int, default=loading.SEED, help="another seed is another world")
        parser.add_argument(
            "--export-payments",
            metavar="FILE",
            type=Path,
            help="also write every payment the gateway knows, in the sandbox's import shape, one JSON a line",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["scale"] <= 100:
            raise CommandError("--scale is a whole number from 1 to 100")
        begun = time.monotonic()
        with tqdm(desc="salons", unit="salon", disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                totals = loading.load(
                    now=timezone.now(), scale=options["scale"], seed=options["seed"], progress=progress
                )
            except IntegrityError as error:
                raise CommandError(f"something of the demo's name is here already: {error}") from error
        if totals is None:
            self.stdout.write("The demo data is here already; nothing was changed.")
        else:
            self.stdout.write(
                f"{totals.salons} salons, {totals.staff} staff, {totals.customers} customers, "
                f"{totals.bookings} bookings, {totals.payments} payments and {totals.reviews} reviews "
                f"in {time.monotonic() - begun:.1f} s."
            )
        if settings.PHOTO_STORAGE == "disk":  # a bucket is somebody else's server
            self.stdout.write(f"{pictures.hang(now=timezone.now())} photos drawn.")
        if path := options["export_payments"]:
            self.stdout.write(f"{export.write_lines(path)} payments written to {path}.")
