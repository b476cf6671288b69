"""`manage.py tick`: run everything that is due, once, or with `--every` again and again.

Cron and compose may call it each minute; `serve` keeps one beside the web server. Safe on many machines at once.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from backend.core import jobs

logger = logging.getLogger("mawid.tick")

PROMPT_SECONDS = 5.0
"""How often `--every` runs the jobs whose work is due within seconds."""


class Command(BaseCommand):
    help = "Run what is due: expiries, unfinished payments and refunds, webhooks, messages."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every",
            type=float,
            metavar="SECONDS",
            help="go on until SIGTERM, which ends it between two runs",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        every = options["every"]
        if every is None:
            if not self.run_due(jobs.registered(), verbosity=options["verbosity"]):
                raise SystemExit(1)
            return
        if every <= 0:
            raise CommandError("--every is a number of seconds above 0")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        next_run = 0.0
        while not stop.is_set():
            close_old_connections()  # one that broke since the last run is replaced
            whole = time.monotonic() >= next_run
            if whole:
                next_run = time.monotonic() + every
            self.run_due(jobs.registered() if whole else jobs.prompt(), verbosity=options["verbosity"])
            stop.wait(min(PROMPT_SECONDS, max(next_run - time.monotonic(), 0.0)))

    def run_due(self, due: Mapping[str, jobs.Job], *, verbosity: int) -> bool:
        """Each job once; False when one of them failed."""
        well = True
        for name, job in due.items():
            try:
                done = job(timezone.now())
            except Exception:  # one job's fault must not starve the others
                logger.exception("job failed", extra={"job": name})
                well = False
                continue
            if done or verbosity > 1:
                self.stdout.write(f"{name}: {done}")
                self.stdout.flush()
        return well
