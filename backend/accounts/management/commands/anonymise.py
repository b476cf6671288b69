"""`manage.py anonymise --older-than D [--dry-run]`: let go of customers not seen for D, and of personal leftovers."""

from __future__ import annotations

import re
import signal
import threading
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backend.accounts import operations


class Command(BaseCommand):
    help = (
        "Pseudonymise customers not seen for D (names, numbers, devices go; bookings and money stay), guests of visits "
        "older than D, and texts and codes past their time. Safe to kill and run again; SIGTERM finishes the one in "
        "hand."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", required=True, metavar="D", help="days, such as 730d or 730")
        parser.add_argument(
            "--dry-run", action="store_true", help="print exactly what would happen, change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = re.fullmatch(r"([0-9]{1,5})d?", options["older_than"])
        if days is None or int(days.group(1)) < 1:
            raise CommandError("--older-than is a number of days from 1, such as 730d")
        now = timezone.now()
        stopping = threading.Event()
        previous = None
        if threading.current_thread() is threading.main_thread():
            previous = signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        try:
            steps = operations.anonymise(
                before=now - timedelta(days=int(days.group(1))),
                now=now,
                dry_run=options["dry_run"],
                stop=stopping.is_set,
            )
            for step in steps:
                self.stdout.write(str(step))
        finally:
            if previous is not None:
                signal.signal(signal.SIGTERM, previous)
