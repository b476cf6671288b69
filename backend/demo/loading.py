"""Writing the demo into the database: once, whole or not at all, in bulk, without disturbing a live server.

One transaction inserts and never updates or locks a row somebody else has; rows go in by COPY, a few thousand visits at
a time, so memory stays bounded at any scale.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection, transaction

from backend.accounts.models import User
from backend.bookings.models import Booking, BookingEvent, BookingItem, Calendar, Claim, ItemResource
from backend.demo.catalogue import SALONS
from backend.demo.drafts import Book
from backend.demo.ground import Ground, Totals
from backend.demo.places import Places
from backend.demo.visits import Visits
from backend.demo.world import build_cluster, demo_people
from backend.payments.models import DeskReceipt, DocumentSeries, Entry, Line, Payment, Refund
from backend.payments.operations import catch_up_documents
from backend.salons.models import Favourite, Review, Salon, Service, StaffMember, StaffService, WorkingWindow
from backend.salons.operations import indexing

SEED = 1447
_LOCK = 0x6D61776964  # one loader at a time
_TOUCHED = (
    User, Salon, Service, StaffMember, StaffService, WorkingWindow, Review, Favourite, Calendar, Booking, BookingItem,
    BookingEvent, ItemResource, Claim, Payment, Refund, DeskReceipt, Entry,
    Line,
)  # fmt: skip


def is_loaded() -> bool:
    return Salon.objects.filter(slug="lamsa").exists()


def load(
    *,
    now: datetime,
    scale: int = 1,
    seed: int = SEED,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Totals | None:
    """Write the demo, `scale` times as large. None when it is there already: nothing is changed then.

    `progress` is called with (salons done, salons in all).
    """
    ground = Ground(seed=seed, now=now, cast=demo_people(seed))
    places, visits = Places(ground), Visits(ground)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            # Foreign keys are checked as rows arrive: a queue of millions until the commit would be memory.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if is_loaded():
            return None
        places.frame()
        for number in range(scale):
            cluster = build_cluster(seed, number)
            places.cluster(cluster)
            book = Book(cluster, seed=seed, today=ground.today)
            for salon in cluster.salons:
                visits.history(salon, book)
                progress(ground.totals.salons, scale * len(SALONS))
        indexing.heal(now)
        _issue_documents(now)
    with connection.cursor() as cursor:
        for model in _TOUCHED:
            cursor.execute(f"ANALYZE {model._meta.db_table}")  # the planner must not guess from empty tables
    return ground.totals


def _issue_documents(now: datetime) -> None:
    """A few days of invoices, at the salon that people look at. Every other series begins with its next payment."""
    business = Salon.objects.values_list("business", flat=True).get(slug="lamsa")
    DocumentSeries.objects.create(business_id=business, began_at=now - timedelta(days=3))
    catch_up_documents(now)
