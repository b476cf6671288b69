"""`manage.py deliver`: send every message that is due, then say how many were taken up."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from backend.notifications import operations


class Command(BaseCommand):
    help = "Send the messages that are due. Safe in many processes; SIGTERM finishes the one in hand."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        previous = None
        if threading.current_thread() is threading.main_thread():
            previous = signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        taken = 0
        try:
            while not stopping.is_set() and operations.deliver_due(now=timezone.now(), limit=1):
                taken += 1
        finally:
            if previous is not None:
                signal.signal(signal.SIGTERM, previous)
        self.stdout.write(f"deliver: {taken}")
