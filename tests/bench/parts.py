"""What is measured over HTTP. Each part fills what it needs, measures, and prints one table."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from backend.accounts import tokens
from backend.salons.operations import indexing
from tests.bench import server, workload
from tests.bench.diary import diary
from tests.bench.load import CONNECTIONS, Case, Creates, Figures, interleaved
from tests.support.server import database_url, free_port

BARE = Case("bare Django, one SELECT", "/bench/bare")
GATEWAY = {
    "MOYASAR_SECRET_KEY": "sk_test_of_the_bench",
    "MOYASAR_PUBLISHABLE_KEY": "pk_test_of_the_bench",
    "MOYASAR_WEBHOOK_SECRET": "a shared secret of the bench",
}
"""Nobody answers to these: what is measured never calls."""
TYPICAL_WORDS = "كوافير الأميرة"


@dataclass
class Stage:
    """A database of the bench's own with the salon of the facts in it, and a server that serves it."""

    port: int
    rounds: int
    seconds: float
    scale: float
    place: workload.Place
    mixed: workload.Place
    now: datetime

    def scaled(self, count: int) -> int:
        return max(1, round(count * self.scale))

    def measure(self, cases: Sequence[Case]) -> list[Figures]:
        return interleaved(self.port, cases, rounds=self.rounds, seconds=self.seconds)

    def availability(
        self, days: int, name: str, *, anew: bool = False, at: workload.Place | None = None
    ) -> Case:
        place = at or self.place
        query = {
            "service_ids": str(place.service.pk),
            "date": place.first_date.isoformat(),
            "days": days,
        }
        slug = place.salon.slug
        address = f"/bench/anew/{slug}" if anew else f"/api/v1/salons/{slug}/availability"
        return Case(name, f"{address}?{urlencode(query)}")


@contextmanager
def stage(*, rounds: int, seconds: float, scale: float, template: str) -> Iterator[Stage]:
    """Make the database, a copy of `template`, and start the server; both are gone after the block."""
    own_name = connection.settings_dict["NAME"]
    # On the bench's own server the last run may have been killed; on somebody's server others may be measuring too.
    name = f"mawid_bench_{os.getpid()}" if settings.DATABASE_URL else "mawid_bench"
    connection.settings_dict["TEST"] |= {"NAME": name, "TEMPLATE": template}
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        now = timezone.now()
        workload.frame()
        place = workload.salon(now)
        mixed = workload.salon(now, slug="mixed", is_mixed=True)
        workload.settle()
        port = free_port()
        os.environ.update(GATEWAY)
        with server.running(database_url=database_url(), port=port):
            yield Stage(port, rounds, seconds, scale, place, mixed, now)
    finally:
        connection.creation.destroy_test_db(own_name, verbosity=0)


def table(title: str, at: Stage, rows: Sequence[tuple[Case, Figures]]) -> None:
    """Print the rows; the first is the floor that the others are compared with."""
    floor = rows[0][1]
    print(
        f"\n{title}; medians of {at.rounds} interleaved rounds of {at.seconds:g} s, {CONNECTIONS} connections"
    )
    print(f"{'':34} {'requests/s':>10} {'median ms':>10} {'p99 ms':>8} {'of bare':>8}")
    for case, found in rows:
        print(
            f"{case.name:34} {found.rate:>10,.0f} {found.median_ms:>10.2f} {found.p99_ms:>8.2f}"
            f" {found.rate / floor.rate:>8.2f}"
        )
    busiest = max(found.own_share for _, found in rows)
    verdict = "" if busiest < 0.7 else ": too much, the figures are too low"
    print(f"The load generator used up to {busiest:.0%} of a core{verdict}.")


DAYS = (1, 7, 30)


def endpoint(at: Stage) -> None:
    plain = [at.availability(days, f"after a change, days: {days}", anew=True) for days in DAYS]
    mixed = [
        at.availability(days, f"the same, all kinds, days: {days}", anew=True, at=at.mixed) for days in DAYS
    ]
    cases = [
        BARE,
        Case("an endpoint that does nothing", "/bench/constant"),
        *(at.availability(days, f"availability, days: {days}") for days in DAYS),
        *plain,
        *mixed,
    ]
    found = list(zip(cases, at.measure(cases), strict=True))
    table(f"Endpoint: {workload.STAFF} people, every rule switched on", at, found)
    rates = {case.name: figures.rate for case, figures in found}
    ratios = [
        f"{rates[there.name] / rates[here.name]:.2f} (days: {days})"
        for days, here, there in zip(DAYS, plain, mixed, strict=True)
    ]
    print(
        "With rentals, sessions, offers and calendars elsewhere it answers as often as without, times"
        f" {', '.join(ratios)}."
    )


def growth(at: Stage) -> None:
    workload.neighbours(at.scaled(workload.NEIGHBOURS), at.now)
    times: list[tuple[int, float, float]] = []
    for wanted in workload.BOOKINGS:
        total = workload.grow_to(at.scaled(wanted))
        workload.settle()
        cases = [
            BARE,
            *(at.availability(days, f"after a change, days: {days}", anew=True) for days in (1, 7)),
        ]
        found = at.measure(cases)
        table(f"Growth: {total:,} bookings", at, list(zip(cases, found, strict=True)))
        # Against the bare view of the same minutes, so that a busier machine is not taken for a slower answer.
        times.append((total, found[0].rate / found[1].rate, found[0].rate / found[2].rate))
    first, last = times[0], times[-1]
    print(
        f"From {first[0]:,} to {last[0]:,} bookings a question takes {last[1] / first[1]:.2f} times as long for 1 day"
        f" and {last[2] / first[2]:.2f} times for 7."
    )


def search(at: Stage) -> None:
    count = at.scaled(workload.SALONS)
    workload.catalogue(count, at.now)
    indexing.heal(timezone.now())
    workload.settle()
    cases = [
        BARE,
        Case("the words of a typical search", f"/api/v1/salons?{urlencode({'q': TYPICAL_WORDS})}"),
        Case("a list of 50 salons", "/api/v1/salons?limit=50"),
    ]
    table(f"Search: {count:,} salons", at, list(zip(cases, at.measure(cases), strict=True)))


def token(at: Stage) -> None:
    caller = workload.caller()
    ours = tokens.pair_of(caller.device).access
    theirs = str(AccessToken.for_user(caller.user))
    cases = [
        BARE,
        Case("the same read, nobody asked", "/bench/open"),
        Case("signed in", "/bench/signed", {"Authorization": f"Bearer {ours}"}),
        Case("signed in, simplejwt as shipped", "/bench/simplejwt", {"Authorization": f"Bearer {theirs}"}),
    ]
    found = at.measure(cases)
    table("Token: what knowing the caller costs", at, list(zip(cases, found, strict=True)))
    _, without, with_ours, with_theirs = (figures.microseconds for figures in found)
    ours_adds, theirs_adds = with_ours - without, with_theirs - without
    print(
        f"The check adds {ours_adds:.0f} µs, simplejwt as shipped {theirs_adds:.0f} µs:"
        f" {ours_adds / theirs_adds:.2f} of it."
    )


def booking(at: Stage) -> None:
    """`POST bookings` whole: key, locks, claims, event, message, and its delivery to a console."""
    workload.neighbours(at.scaled(workload.NEIGHBOURS), at.now)
    creates = [
        Creates(
            f"a booking, {name}", "/api/v1/bookings", sent=diary(number, at.now).requests(choosing=choosing)
        )
        for number, name, choosing in ((1, "a chosen person", True), (2, "anyone of ten", False))
    ]
    cases = [BARE, *creates]
    times: list[tuple[int, list[float]]] = []
    for wanted in (workload.BOOKINGS[0], workload.BOOKINGS[-1]):
        total = workload.grow_to(at.scaled(wanted))
        workload.settle()
        found = at.measure(cases)
        table(f"Booking: {total:,} bookings", at, list(zip(cases, found, strict=True)))
        times.append((total, [found[0].rate / figures.rate for figures in found[1:]]))
    (first, before), (last, after) = times
    grown = [after[n] / before[n] for n in range(2)]
    print(
        f"From {first:,} to {last:,} bookings a create takes {grown[0]:.2f} times as long with a chosen person"
        f" and {grown[1]:.2f} times with anyone."
    )
    counts = [_statements(case) for case in creates]
    print(
        f"It takes {counts[0]} SQL statements with a chosen person and {counts[1]} with anyone, delivery included."
    )


@dataclass(frozen=True)
class Told(Creates):
    """One POST, repeated."""

    @property
    def status(self) -> int:
        return 200


def webhook(at: Stage) -> None:
    """An event of the gateway's that was acted on before: verified, counted, answered."""
    event = {
        "id": "7f1f3c1e-5b0c-4c44-9d0a-3f2f6f6e8a11",
        "type": "payment_paid",
        "created_at": at.now.isoformat(),
        "secret_token": GATEWAY["MOYASAR_WEBHOOK_SECRET"],
        "account_name": "Bench",
        "live": False,
        "data": {"id": "0d9c7c0e-6a51-4a3e-8f0e-0a1b2c3d4e5f", "status": "paid", "amount": 2300},
    }
    cases = [BARE, Told("an event told again", "/api/v1/webhooks/moyasar", sent=repeat(({}, event)))]
    table("Webhook", at, list(zip(cases, at.measure(cases), strict=True)))


def _statements(case: Creates) -> int:
    """SQL statements of one create, transaction control among them, asked inside this process."""
    for _ in range(5):  # the salons take turns, and the first booking at each compiles its rules
        headers, body = next(case.sent)
        with CaptureQueriesContext(connection) as captured, redirect_stdout(io.StringIO()):
            answer = Client(headers={"Host": "127.0.0.1", **headers}).post(
                case.path, json.dumps(body), content_type="application/json"
            )
        if answer.status_code != case.status:
            raise SystemExit(f"{case.name}: {answer.content[:500]!r}")
    return len(captured)


PARTS: dict[str, Callable[[Stage], None]] = {
    "endpoint": endpoint,
    "search": search,
    "token": token,
    "growth": growth,
    "booking": booking,
    "webhook": webhook,
}
