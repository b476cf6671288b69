"""Money's bad days: a process that is killed at any step, and the only two ends that are good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import requests
from django.core.management import call_command
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking, Claim
from backend.core.models import Alarm
from backend.core.postgres.base import DatabaseWrapper
from backend.core.time import RIYADH
from backend.notifications.models import Message
from backend.payments.models import Account, Line, Payment, Refund
from backend.salons.models import Business
from tests.bookings.renting import lease
from tests.factories import RentalFactory, UserFactory, employ
from tests.payments.conftest import CARD, Payer
from tests.support.api import Api, ok
from tests.support.sandbox import SandboxProcess

LIVE = ("requested", "confirmed", "completed")
ASIDE = ("accounts_", "core_ratecount")
"""Tables whose writes are no step of money's."""


class Killed(BaseException):
    """The process is gone: nothing catches this, and nothing of it goes on."""


class Mortal:
    """Our process, which dies right after its n-th step: a commit, or a call to the gateway that was carried out.

    Nothing outlives a process between two of these, so dying before one is dying after the one before it. Only the
    database driver's commit, the statements that commit by themselves and the HTTP library are watched.
    """

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at, self.steps, self.dead = dies_at, 0, False

    def step(self, act: Callable[[], Any]) -> Any:
        if self.dead:
            raise Killed
        result = act()
        self.steps += 1
        if self.steps == self.dies_at:
            self.dead = True
            raise Killed
        return result

    @contextmanager
    def living(self) -> Iterator[None]:
        """For the length of the block; a death ends it in silence, and with it the connection to the database."""
        commit, send = DatabaseWrapper._commit, requests.Session.send

        def watched_commit(wrapper: Any) -> Any:
            try:
                return self.step(lambda: commit(wrapper))
            except Killed:
                wrapper.connection.rollback()  # what the server does when a client is gone
                raise

        def watched_send(session: Any, request: Any, **rest: Any) -> Any:
            if not str(request.headers.get("User-Agent", "")).startswith("mawid"):
                return send(session, request, **rest)
            return self.step(lambda: send(session, request, **rest))

        def watched_statement(execute: Any, sql: Any, parameters: Any, many: bool, context: Any) -> Any:
            words = str(sql).split(maxsplit=3)
            writes = words[0].upper() in ("INSERT", "UPDATE", "DELETE")
            if not writes or connection.in_atomic_block or any(name in sql for name in ASIDE):
                return execute(sql, parameters, many, context)
            return self.step(lambda: execute(sql, parameters, many, context))

        DatabaseWrapper._commit, requests.Session.send = watched_commit, watched_send  # type: ignore[method-assign]
        try:
            with connection.execute_wrapper(watched_statement):
                yield
        except Killed:
            pass
        finally:
            if self.dead:
                connection.close()
            DatabaseWrapper._commit, requests.Session.send = commit, send  # type: ignore[method-assign]


def every_death(prepare: Callable[[], Any], act: Callable[[Any], Any], check: Callable[[Any], None]) -> int:
    """Do `act` again and again, dying one step later each time, until it lives. Returns how many steps it has."""
    steps = 0
    while True:
        steps += 1
        subject, process = prepare(), Mortal(dies_at=steps)
        with process.living():
            act(subject)
        check(subject)
        if not process.dead:
            return steps - 1


def sweep(at: datetime) -> None:
    """What another process finds at that moment."""
    with freeze_time(at, tick=True):
        sweep_now()


def sweep_now() -> None:
    call_command("sweep", verbosity=0, stdout=_Nowhere())
    call_command("deliver", verbosity=0, stdout=_Nowhere())


class _Nowhere:
    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


def finish(*minutes: int, since: datetime | None = None) -> None:
    began = since or timezone.now()
    for later in minutes or (4, 12):
        sweep(began + timedelta(minutes=later))


def end_of(sandbox: SandboxProcess, booking_id: str) -> str:
    """`paid`, `held` (the bank's hold, while the salon has yet to answer) or `free`; fails for anything else.

    The gateway's own list is compared with ours payment by payment, to the halala. What a bank holds against damage
    stands beside a confirmed rental only, once at most, and nothing of it is kept.
    """
    booking = Booking.objects.get(pk=booking_id)
    rows = Payment.objects.filter(booking=booking)
    ours = {str(payment.gateway_key): payment for payment in rows}
    answer = sandbox.api("GET", "/payments", params={"metadata[booking_id]": str(booking_id)}).json()
    assert answer["meta"]["next_page"] is None
    theirs = {doc["id"]: doc for doc in answer["payments"]}
    # A try on the gateway's page that came to nothing has no row here.
    tries = {key for key, doc in theirs.items() if doc["invoice_id"] and doc["status"] == "failed"}
    assert set(theirs) - tries <= set(ours)
    kept = held = 0
    against_damage = []
    for key, payment in ours.items():
        doc = theirs.get(key)
        story = f"{payment} beside {doc and doc['status']}, booking {booking.state}"
        if doc is None:
            assert payment.state == "failed", story
            continue
        charged = doc["captured"] or doc["amount"]
        match doc["status"]:
            case "paid" | "captured" | "refunded":
                assert (payment.captured_minor, payment.refunded_minor) == (charged, doc["refunded"]), story
                assert payment.state == payment.state_by_totals, story
                assert payment.purpose != "damage" or charged == doc["refunded"], story
                kept += charged - doc["refunded"]
            case "authorized":
                assert payment.state == "authorized", story
                if payment.purpose == "damage":
                    against_damage.append(doc["amount"])
                else:
                    held += doc["amount"]
            case "voided" | "failed" as status:
                assert payment.state == status, story
            case other:
                raise AssertionError(f"not at an end: {other}, {story}")
    assert against_damage in ([], [booking.damage_minor]), against_damage
    assert not against_damage or booking.state == "confirmed", booking.state
    books = books_of(booking)
    assert books["gateway_clearing"] == kept, books
    assert books["refunds"] == books["suspense"] == 0, books
    assert sum(books.values()) == 0, books
    earned = -books["salon_payable"] - books["vat"]
    assert books["customer_receivable"] == earned - kept, books
    assert documented(booking) == (kept if booking.salon.business.vat_number else 0)
    owed = Refund.objects.filter(payment__booking=booking).exclude(state="done")
    assert not owed.exists(), list(owed.values("state", "last_error", "amount_minor"))
    receipts = Message.objects.filter(
        event_key__endswith=":received", recipient=booking.customer, body__contains=booking.reference
    )
    standing = Claim.objects.filter(booking=booking, is_active=True).exists()
    if booking.state in LIVE:
        assert standing
        assert receipts.count() == (1 if kept else 0)
        assert (kept, held) in ((booking.deposit_minor, 0), (0, booking.deposit_minor)), (kept, held)
        assert bool(kept) == (booking.deposit_paid_at is not None)
        assert not held or booking.state == "requested"
        assert earned == (booking.price_minor if booking.state == "completed" else 0)
        return "paid" if kept else "held"
    assert booking.state in ("expired", "cancelled", "declined"), booking.state
    assert not standing
    voided = Alarm.objects.filter(kind="payment_voided_elsewhere", subject__in=[str(row.pk) for row in rows])
    # Who voids a charge at the gateway's own desk gives the salon's fee back with it, and somebody is told.
    fee = 0 if voided.exists() else booking.cancellation_fee_minor or 0
    assert (kept, held) == (fee, 0), (kept, held, booking.state)
    assert earned == fee, (earned, fee)
    return "free"


def books_of(booking: Booking) -> dict[str, int]:
    """What the books hold of a booking, by account."""
    lines = Line.objects.filter(entry__booking=booking).values_list("account").annotate(Sum("amount_minor"))
    return dict.fromkeys(Account.values, 0) | dict(lines)


def documented(booking: Booking) -> int:
    """What the tax documents say that the seller has of a booking's money."""
    sums = dict(booking.tax_documents.values_list("kind").annotate(Sum("total_minor")))
    return sums.get("invoice", 0) - sums.get("credit_note", 0)


class Customer(Payer):
    """A payer at one salon, who can become another one with another booking there, and the salon's desk."""

    def __init__(self, sandbox: SandboxProcess, **salon: Any) -> None:
        super().__init__(sandbox, **{"staff": 8} | salon)
        Business.objects.filter(pk=self.salon.business_id).update(vat_number="310000000000003")
        self.manager = employ(self.salon)
        self.desk = Api(self.manager)

    def another(self) -> None:
        """Somebody else, with a booking at a time of their own."""
        self.user = UserFactory.create()
        self.phone = Api(self.user)
        self.booking_id = self.book(self.phone)

    def pay(self, payment: dict[str, Any], result: str = "AUTHENTICATED", **changed: Any) -> None:
        manual = payment["client_payment"]["manual"]
        super().pay(payment, result, **{"card": CARD | {"manual": manual}} | changed)

    def paid(self) -> dict[str, Any]:
        """An attempt that the bank has let through, and nobody has told us."""
        attempt = self.begin()
        self.pay(attempt)
        return attempt

    def heard(self) -> dict[str, Any]:
        """An attempt that the bank has let through, and we know."""
        attempt = self.paid()
        self.webhook(attempt)
        return attempt

    def at_desk(self, verb: str) -> None:
        self.desk.post(f"manage/bookings/{self.booking_id}/{verb}", {"version": self.booking.version})

    def cancel(self) -> None:
        self.phone.post(f"bookings/{self.booking_id}/cancel", {"version": self.booking.version})


class Renter(Customer):
    """A customer who takes a suite of the salon for four hours of tomorrow, against a hold."""

    DAMAGE = 50_000

    def book(self, phone: Api, starts_at: str | None = None) -> str:
        rental = RentalFactory.create(salon=self.salon, damage_minor=self.DAMAGE)
        day = (timezone.now().astimezone(RIYADH) + timedelta(days=1)).date()
        begins = datetime(day.year, day.month, day.day, 12, tzinfo=RIYADH)
        wanted = lease(rental, begins.isoformat(), (begins + timedelta(hours=4)).isoformat())
        return str(ok(phone.post("rentals", wanted), 201)["id"])

    def hold(self, **source: Any) -> Any:
        body = {"source": {"type": "client"} | source, "purpose": "damage"}
        return self.phone.post(f"bookings/{self.booking_id}/payments", body)
