"""`manage.py sweep`: finish what time or a crash left: holds, webhooks, payments, refunds. Safe beside itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from backend.bookings.operations import expire_dead
from backend.payments.operations import finish_events, send_due_refunds, settle_unfinished


class Command(BaseCommand):
    help = "Expire dead holds and requests; finish webhooks, payments and refunds."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, job in (
            ("webhooks", finish_events),
            ("payments", settle_unfinished),
            ("expired", expire_dead),
            ("refunds", send_due_refunds),
        ):
            self.stdout.write(f"{name}: {job(timezone.now())}")
