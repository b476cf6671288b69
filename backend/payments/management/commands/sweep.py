"""`manage.py sweep`: finish what time or a crash left, from holds to saved cards. Safe beside itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from backend.bookings.operations import expire_dead
from backend.payments.operations import (
    catch_up,
    finish_cards,
    finish_events,
    send_due_refunds,
    settle_unfinished,
)


class Command(BaseCommand):
    help = "Expire dead holds and requests; finish webhooks, payments, refunds and cards."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, job in (
            ("webhooks", finish_events),
            ("payments", settle_unfinished),
            ("caught up", catch_up),
            ("expired", expire_dead),
            ("refunds", send_due_refunds),
            ("cards", finish_cards),
        ):
            self.stdout.write(f"{name}: {job(timezone.now())}")
