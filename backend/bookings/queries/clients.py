"""A salon's client book: whoever has a booking there, found by whole phone number or by name.

A client is an account, or a guest known by their number. Nobody keeps a row of their own: the latest booking at the
salon stands for its client, so listing the book is a walk back through the salon's bookings.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Case, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Value, When
from django.utils.crypto import salted_hmac

from backend.bookings.models import Booking, BookingState, ClientNote
from backend.core.errors import NotFound
from backend.core.search_text import fold, tokens
from backend.salons.models import Salon

_HALF = 8
_ROUNDS = range(4)


@dataclass(frozen=True)
class ClientKey:
    """Who a client is: an account, or else the number of a guest (E.164)."""

    customer_id: uuid.UUID | None
    guest_phone: str = ""

    @property
    def rows(self) -> Q:
        """What is about this client, among bookings as among notes."""
        if self.customer_id is not None:
            return Q(customer=self.customer_id)
        return Q(customer__isnull=True, guest_phone=self.guest_phone)

    def id_at(self, salon: Salon) -> uuid.UUID:
        """What this salon calls the client. Two salons cannot tell by it that they have one in common."""
        plain = self.customer_id.bytes if self.customer_id else int(self.guest_phone[1:]).to_bytes(2 * _HALF)
        return uuid.UUID(bytes=_shuffle(salon, plain, _ROUNDS))

    @classmethod
    def of(cls, booking: Booking) -> ClientKey:
        if booking.customer_id is not None:
            return cls(booking.customer_id)
        return cls(None, booking.guest_phone)

    @classmethod
    def from_id(cls, salon: Salon, client_id: uuid.UUID) -> ClientKey:
        """Whom `id_at` named so; for an id of another salon's, or of nobody's, a key that finds nobody."""
        plain = _shuffle(salon, client_id.bytes, reversed(_ROUNDS))
        # No account's id begins with eight zeros: the time of its birth stands there.
        if not any(plain[:_HALF]):
            return cls(None, f"+{int.from_bytes(plain)}")
        return cls(uuid.UUID(bytes=plain))


def _shuffle(salon: Salon, block: bytes, rounds: Any) -> bytes:
    """Sixteen bytes as other sixteen, by a key of the salon's own; the same rounds backwards undo it.

    A Feistel network of four rounds, which nobody without the key can tell from chance (Luby and Rackoff, 1988).
    """
    left, right = block[:_HALF], block[_HALF:]
    for number in rounds:
        mask = salted_hmac("bookings.clients", b"%b%d" % (salon.pk.bytes, number) + right, algorithm="sha256")
        mixed = bytes(a ^ b for a, b in zip(left, mask.digest(), strict=False))
        left, right = right, mixed
    return right + left


@dataclass(frozen=True)
class Client:
    """One line of the book. Moments are starts in UTC; `phone` is E.164, for masking."""

    id: uuid.UUID
    name: str
    phone: str
    is_guest: bool
    visits: int
    no_shows: int
    last_visit_at: datetime | None
    next_visit_at: datetime | None


def client_book(salon: Salon, *, phone: str | None = None, name: str | None = None) -> QuerySet[Booking]:
    """The latest booking here of each client, for `clients`: of all, of who has this number (E.164), or this name.

    Every word of `name` begins a word of theirs, in any accepted spelling. People who were erased, and guests who left
    no number, are nobody's clients. By number this reads one client; unfiltered, as far back as the page goes; by
    name, the names of all the salon's clients.
    """
    book = _known(Booking.objects.filter(salon=salon)).filter(
        Q(customer__isnull=False) & ~Exists(_later(salon, customer=OuterRef("customer")))
        | Q(customer__isnull=True)
        & ~Exists(_later(salon, guest_phone=OuterRef("guest_phone")).filter(_GUEST))
    )
    if phone is not None:
        owner = get_user_model().objects.filter(phone=phone).values_list("pk", flat=True).first()
        book = book.filter(_any([owner] if owner else [], [phone]))
    if name is not None:
        book = book.filter(_any(*_named(salon, name)))
    return book.select_related("customer")


def client_at(salon: Salon, client_id: uuid.UUID) -> Booking:
    """The latest booking here of the client this salon calls so. Raises NotFound."""
    latest = client_book(salon).filter(ClientKey.from_id(salon, client_id).rows).first()
    if latest is None:
        raise NotFound
    return latest


def clients(salon: Salon, latest: Sequence[Booking], *, now: datetime) -> dict[uuid.UUID, Client]:
    """The clients for whom these bookings stand, by booking: one question, whatever their number.

    A visit counts when it took place: completed, or confirmed with nobody saying otherwise after its time. What was
    cancelled, declined or expired is none, and neither is a hold.
    """
    over, coming = Q(ends_at__lte=now), Q(ends_at__gt=now)
    visit = Q(state=BookingState.COMPLETED) | Q(state=BookingState.CONFIRMED) & over
    expected = coming & (
        Q(state=BookingState.CONFIRMED) | Q(state=BookingState.REQUESTED, respond_by__gt=now)
    )
    keys = {ClientKey.of(booking) for booking in latest}
    rows = (
        Booking.objects.filter(
            _any([key.customer_id for key in keys if key.customer_id], [key.guest_phone for key in keys]),
            salon=salon,
        )
        .values(who=F("customer"), guest=Case(When(customer=None, then=F("guest_phone")), default=Value("")))
        .annotate(
            visits=Count("pk", filter=visit),
            no_shows=Count("pk", filter=Q(state=BookingState.NO_SHOW)),
            last_visit_at=Max("starts_at", filter=visit),
            next_visit_at=Min("starts_at", filter=expected),
        )
        .order_by()
    )
    counted = {ClientKey(row["who"], row["guest"]): row for row in rows}
    return {booking.pk: _client(salon, booking, counted[ClientKey.of(booking)]) for booking in latest}


def notes_on(salon: Salon, client: ClientKey) -> QuerySet[ClientNote]:
    """What this salon wrote about one of its clients, with who wrote it."""
    return ClientNote.objects.filter(client.rows, salon=salon).select_related("written_by")


def _known(bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    return bookings.filter(Q(customer__isnull=False, customer__deleted_at=None) | _GUEST)


_GUEST = Q(customer__isnull=True) & ~Q(guest_phone="")
"""Written as the index of guests is, which serves no other form."""


def _any(customers: Collection[uuid.UUID], phones: Collection[str]) -> Q:
    """Bookings of any of these accounts and guests."""
    return Q(customer__in=customers) | Q(guest_phone__in=phones) & _GUEST


def _later(salon: Salon, **same: Any) -> QuerySet[Booking]:
    """Bookings after the outer one, in the order of the book; what was booked first of two at once comes first."""
    after = Q(starts_at__gt=OuterRef("starts_at")) | Q(pk__gt=OuterRef("pk"))
    return Booking.objects.filter(after, salon=salon, starts_at__gte=OuterRef("starts_at"), **same)


_ACCOUNTS = """
    WITH RECURSIVE client (id) AS (
        (SELECT customer_id FROM bookings_booking WHERE salon_id = %(salon)s AND customer_id IS NOT NULL
          ORDER BY customer_id LIMIT 1)
        UNION ALL
        SELECT (SELECT customer_id FROM bookings_booking WHERE salon_id = %(salon)s AND customer_id > client.id
                 ORDER BY customer_id LIMIT 1)
          FROM client WHERE client.id IS NOT NULL
    )
    SELECT client.id, CASE WHEN name <> '' THEN name ELSE (
               SELECT guest_name FROM bookings_booking
                WHERE salon_id = %(salon)s AND customer_id = client.id ORDER BY starts_at DESC, id DESC LIMIT 1
           ) END
      FROM client JOIN accounts_user ON accounts_user.id = client.id
     WHERE deleted_at IS NULL
"""
"""A salon's accounts and their names, hopping from one to the next in `booking_by_client`. Neither how often they
came nor the people of other salons matter, which the planner's own way, hashing all accounts there are, reads."""


def _named(salon: Salon, name: str) -> tuple[list[uuid.UUID], list[str]]:
    """Accounts and guests of this salon with a name of which every word asked for begins a word."""
    words = [tuple(tokens(word)) for word in fold(name).split()]
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, {"salon": salon.pk})
        people = cursor.fetchall()
    here = Booking.objects.filter(_GUEST, salon=salon)
    guests = here.order_by().values_list("guest_phone", "guest_name").distinct()
    return (
        [customer for customer, own in people if _is_called(own, words)],
        list({phone for phone, own in guests if _is_called(own, words)}),
    )


def _is_called(name: str, wanted: Sequence[tuple[str, ...]]) -> bool:
    words = [form for word in name.split() for form in _forms(word)]
    return all(any(word.startswith(forms) for word in words) for forms in wanted)


@lru_cache(maxsize=2**14)
def _forms(word: str) -> tuple[str, ...]:
    """The words a word is found by. Names share theirs, and folding is most of the cost of a search."""
    return tuple(tokens(word))


def _client(salon: Salon, latest: Booking, counted: Mapping[str, Any]) -> Client:
    customer = latest.customer
    return Client(
        id=ClientKey.of(latest).id_at(salon),
        name=(customer.name if customer else "") or latest.guest_name,
        phone=(customer.phone or "") if customer else latest.guest_phone,
        is_guest=customer is None,
        visits=counted["visits"],
        no_shows=counted["no_shows"],
        last_visit_at=counted["last_visit_at"],
        next_visit_at=counted["next_visit_at"],
    )
