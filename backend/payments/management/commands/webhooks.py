"""`manage.py webhooks --retry`: act again on kept events that were not finished."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from backend.payments.models import WebhookEvent
from backend.payments.operations import finish_events


class Command(BaseCommand):
    help = "How many kept events wait; with --retry, finish them now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retry", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = WebhookEvent.objects.filter(handled_at=None)
        if options["retry"]:
            waiting.update(next_attempt_at=timezone.now())
            self.stdout.write(f"finished: {finish_events(timezone.now())}")
        self.stdout.write(f"waiting: {waiting.count()}")
