"""`manage.py tick`: run everything that is due, once. Cron, compose and `serve` call it each minute."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from backend.core import jobs

logger = logging.getLogger("mawid.tick")


class Command(BaseCommand):
    help = "Run what is due: expiries, unfinished payments and refunds, webhooks, messages."

    def handle(self, *args: Any, **options: Any) -> None:
        failed = []
        for name, job in jobs.registered().items():
            try:
                done = job(timezone.now())
            except Exception:  # one job's fault must not starve the others
                logger.exception("job failed", extra={"job": name})
                failed.append(name)
                continue
            if done or options["verbosity"] > 1:
                self.stdout.write(f"{name}: {done}")
        if failed:
            raise SystemExit(1)
