"""The apps themselves: which one calls (`X-Client`), whether it is too old, and what it still calls.

Counts are evidence for retiring an operation, not accounts: each process adds its own up and writes them once a
minute, and what a crash loses is lost.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.core.errors import NotAllowed, Unavailable

PLATFORMS = ("ios", "android", "web")
KEPT_FOR = timedelta(days=400)
WRITTEN_EVERY = 60.0  # seconds
MOST_KEYS = 2000
"""Different calls remembered between two writings; more are somebody's invention."""
_CLIENT = re.compile(r"(ios|android|web)/([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:\+[0-9A-Za-z]{1,20})?")


class AppUpdateRequired(NotAllowed):
    code = "app_update_required"
    message = _("This version of the app is no longer supported. Please update it from the store.")
    client = "update"


class Maintenance(Unavailable):
    code = "maintenance"
    message = _("The service is under maintenance. Please try again later.")


@dataclass(frozen=True)
class Client:
    platform: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.platform}/{'.'.join(map(str, self.version))}"


def read_client(header: str | None) -> Client | None:
    """`ios/2.3.1+431`; None for anything else: a header nobody has to send spoils nothing."""
    found = _CLIENT.fullmatch(header) if header else None
    if found is None:
        return None
    return Client(found[1], (int(found[2]), int(found[3]), int(found[4])))


def version_of(text: str) -> tuple[int, int, int]:
    """`2.3.1`. Raises ValueError for anything else."""
    client = read_client(f"web/{text}")
    if client is None or "+" in text:
        raise ValueError(text)
    return client.version


def update_policy(client: Client | None) -> str:
    """`none`, `recommended` or `required`, as APP_VERSIONS has it for the client's platform."""
    known = settings.APP_VERSIONS.get(client.platform) if client else None
    if client is None or known is None:
        return "none"
    if client.version < version_of(known["minimum"]):
        return "required"
    return "recommended" if client.version < version_of(known["latest"]) else "none"


def admit(headers: Mapping[str, str], *, now: datetime) -> None:
    """Raises Maintenance while the service is closed, AppUpdateRequired for an app that is too old."""
    closed_until = settings.MAINTENANCE_UNTIL
    if closed_until is not None and now < closed_until:
        raise Maintenance(extra={"retry_after": max(1, int((closed_until - now).total_seconds()))})
    if settings.APP_VERSIONS and update_policy(read_client(headers.get("X-Client"))) == "required":
        raise AppUpdateRequired


# Counting -----------------------------------------------------------------------------------------------------------

Call = tuple[date, str, str]
"""Day (UTC), client, and method with route."""


class _Calls:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counted: Counter[Call] = Counter()
        self.written_at = time.monotonic()

    def add(self, call: Call) -> Counter[Call] | None:
        """What is due to be written, if it is time."""
        with self.lock:
            if call in self.counted or len(self.counted) < MOST_KEYS:
                self.counted[call] += 1
            if time.monotonic() - self.written_at < WRITTEN_EVERY:
                return None
            due, self.counted, self.written_at = self.counted, Counter(), time.monotonic()
            return due


_calls = _Calls()


def count(header: str | None, *, method: str, route: str) -> None:
    """Count one call of a known client. Outside any transaction; at most once a minute this writes."""
    client = read_client(header)
    if client is None:
        return
    due = _calls.add((timezone.now().date(), str(client), f"{method} {route}"))
    if due:
        write(due)


def write(calls: Mapping[Call, int]) -> None:
    # One order for everybody, so that processes writing at once queue and never deadlock.
    rows = sorted(calls.items())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_clientcalls AS kept (day, client, operation, calls)
            SELECT * FROM unnest(%s::date[], %s::text[], %s::text[], %s::int[])
            ON CONFLICT (day, client, operation) DO UPDATE SET calls = kept.calls + excluded.calls
            """,
            [
                [day for (day, _client, _operation), _calls in rows],
                [client for (_day, client, _operation), _calls in rows],
                [operation for (_day, _client, operation), _calls in rows],
                [number for _call, number in rows],
            ],
        )
