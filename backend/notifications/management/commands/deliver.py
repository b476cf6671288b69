"""`manage.py deliver`: send what is due and end; with `--forever` go on, as MESSAGE_DELIVERY=worker wants it."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Any, cast

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, close_old_connections, connection
from django.utils import timezone

from backend.notifications import operations

logger = logging.getLogger("mawid.messages")

LOOKS_EVERY = 3.0
"""Seconds: retries fall due without a word, and a word may be lost with a connection."""
LISTENS_FOR = 0.5
"""Seconds between two looks at whether to stop."""


class Command(BaseCommand):
    help = "Send the messages that are due. Safe in many processes; SIGTERM finishes the one in hand."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--forever",
            action="store_true",
            help="go on until SIGTERM; ends at once unless MESSAGE_DELIVERY=worker",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        previous = {}
        if threading.current_thread() is threading.main_thread():
            numbers = (signal.SIGTERM, signal.SIGINT) if options["forever"] else (signal.SIGTERM,)
            previous = {number: signal.signal(number, lambda *_: stopping.set()) for number in numbers}
        try:
            if not options["forever"]:
                self.stdout.write(f"deliver: {self.deliver(stopping)}")
            elif settings.MESSAGE_DELIVERY == "worker":
                self.go_on(stopping)
            else:
                self.stdout.write("deliver: requests deliver their own messages (MESSAGE_DELIVERY)")
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def deliver(self, stopping: threading.Event) -> int:
        taken = 0
        while not stopping.is_set() and operations.deliver_due(now=timezone.now(), limit=1):
            taken += 1
        return taken

    def go_on(self, stopping: threading.Event) -> None:
        taken = 0
        while not stopping.is_set():
            try:
                close_old_connections()
                with connection.cursor() as cursor:
                    cursor.execute(f"LISTEN {operations.WAKE_UP}")
                while not stopping.is_set():
                    taken += self.deliver(stopping)
                    self.listen(stopping)
            except (Error, psycopg.Error):
                logger.exception("the worker lost its database")
                connection.close()
                stopping.wait(LOOKS_EVERY)
        self.stdout.write(f"deliver: {taken}")

    def listen(self, stopping: threading.Event) -> None:
        """Until somebody owes a message, or it is time to look."""
        wire = cast("psycopg.Connection[Any]", connection.connection)
        ends = time.monotonic() + LOOKS_EVERY
        while not stopping.is_set() and time.monotonic() < ends:
            if next(wire.notifies(timeout=LISTENS_FOR, stop_after=1), None) is not None:
                return
