"""Whatever happens in whatever order: each webhook in every order, and long random lives with crashes between."""

from __future__ import annotations

import itertools
import os
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone
from freezegun import freeze_time

from backend.payments.models import Payment, Refund
from backend.payments.operations import reconcile
from backend.payments.queries.invoices import document_faults
from tests.payments.conftest import INSUFFICIENT
from tests.payments.saga import Customer, Mortal, Renter, end_of, sweep, sweep_now
from tests.support.api import Api
from tests.support.sandbox import SandboxProcess

EXAMPLES = int(os.environ.get("SAGA_EXAMPLES", "60"))
SEED = int(os.environ.get("SAGA_SEED", "1447"))


@pytest.fixture
def own_process() -> Iterator[SandboxProcess]:
    """A gateway whose clock is moved, and that knows of no payment of another test, whose bookings are gone."""
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def gateway(own_process: SandboxProcess, settings: Any) -> SandboxProcess:
    settings.MOYASAR_SECRET_KEY = own_process.secret_key
    settings.MOYASAR_PUBLISHABLE_KEY = own_process.publishable_key
    settings.MOYASAR_WEBHOOK_SECRET = own_process.webhook_secret
    settings.MOYASAR_BASE_URL = own_process.base_url
    own_process.clear_faults()
    return own_process


EVENTS = (
    ("first", "payment_failed"),
    ("second", "payment_paid"),
    ("third", "payment_paid"),
    ("third", "payment_voided"),
)
"""What the gateway says about a declined card, the card that paid, and a second one that paid as well."""


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_webhook_twice_in_every_order_ends_the_same(gateway: SandboxProcess, count: int) -> None:
    customer = Customer(gateway)
    for order in itertools.permutations(EVENTS, count):
        _three_attempts(customer, [(name, kind, str(uuid.uuid4())) for name, kind in order])


@pytest.mark.django_db
def test_longer_runs_of_webhooks_end_the_same(gateway: SandboxProcess) -> None:
    customer = Customer(gateway)
    chance = random.Random(SEED)
    for _ in range(20):
        ids = [str(uuid.uuid4()) for _ in EVENTS]
        run = [
            (name, kind, ids[number])
            for number, (name, kind) in chance.choices(list(enumerate(EVENTS)), k=chance.randint(5, 12))
        ]
        _three_attempts(customer, run)


def _three_attempts(customer: Customer, run: list[tuple[str, str, str]]) -> None:
    customer.another()
    attempts = {name: customer.begin() for name in ("first", "second", "third")}
    customer.pay(attempts["first"], card=INSUFFICIENT)
    for name in ("second", "third"):
        customer.pay(attempts[name])
    for name, kind, event_id in run:
        for _ in range(2):
            assert customer.webhook(attempts[name], kind, event_id=event_id).status_code == 200
    sweep(timezone.now() + timedelta(minutes=2))
    assert end_of(customer.sandbox, customer.booking_id) == "paid"
    states = Payment.objects.filter(booking=customer.booking_id).values_list("state", flat=True)
    assert sorted(states) == ["captured", "failed", "voided"]


class Life:
    """One booking's life, drawn from chance: what its people, the gateway and the machines do to it."""

    def __init__(self, customer: Customer, chance: random.Random) -> None:
        self.customer, self.sandbox, self.chance = customer, customer.sandbox, chance
        # The gateway's clock, which every life has moved on: this one begins after all of them.
        self.now = datetime.fromisoformat(self.sandbox.control("GET", "")["now"])
        self.attempts: list[dict[str, Any]] = []
        self.events: list[tuple[dict[str, Any], str, str]] = []
        self.told: list[str] = []
        self.clock: Any = None
        self.pages: list[str] = []
        self.banks: list[str] = []
        with freeze_time(self.now, tick=True):
            customer.another()

    def live(self) -> None:
        # Frozen once: freezing anew walks through every module there is, which was a third of a life's cost.
        with freeze_time(self.now, tick=True) as self.clock:
            self._live()

    def _live(self) -> None:
        rented = isinstance(self.customer, Renter)
        verbs = self.RENTED if rented else self.VERBS
        opening = ["begin", self.chance.choice(("pay", "charge_token", "decline_card", "begin"))]
        if rented:
            opening += ["webhook", "confirm", "hold", "pay"]
        for name in opening + self.chance.choices(verbs, k=self.chance.randint(3, 12)):
            self.told.append(name)
            dies_at = self.chance.randint(1, 25) if self.chance.random() < 0.35 else None
            self.clock.move_to(self.now)
            with Mortal(dies_at).living():
                getattr(self, name)()
            if self.chance.random() < 0.25:
                self.pass_minutes(self.chance.choice((1, 2, 6, 11, 21)))
        self.sandbox.clear_faults()
        for minutes in (3, 30, 35, 60, 200):
            self.pass_minutes(minutes)
            sweep_now()
        if rented and self.customer.booking.state == "confirmed" and self.chance.random() < 0.7:
            self._take_place()

    def _take_place(self) -> None:
        """What was rented is used, and over."""
        self.told.append("complete")
        self.pass_minutes(int((self.customer.booking.ends_at - self.now) / timedelta(minutes=1)) + 1)
        self._desk("complete")
        self.pass_minutes(3)
        sweep_now()

    VERBS = (
        "begin", "begin", "pay", "pay", "pay", "decline_card", "webhook", "webhook", "webhook", "repeat", "repeat",
        "read", "come_back", "cancel", "confirm", "decline", "sweep", "charge_token", "refund_by_hand", "bad_day",
        "open_page", "press", "press", "enter_code",
    )  # fmt: skip

    RENTED = (
        *VERBS,
        "confirm",
        "confirm",
        "hold",
        "hold",
        "hold",
        "pay",
        "charge_elsewhere",
        "release_elsewhere",
    )
    """What happens to what is rented: a hold against damage besides, which people at the gateway's desk may touch."""

    def pass_minutes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.clock.move_to(self.now)
        self.sandbox.advance_clock(minutes * 60)

    def _phone(self) -> Api:
        return Api(self.customer.user)

    def begin(self) -> None:
        body = {"source": {"type": "client"}}
        answer = self._phone().post(f"bookings/{self.customer.booking_id}/payments", body)
        if answer.status_code == 201:
            self.attempts.append(answer.json())

    def _at_bank(self, result: str, **changed: Any) -> None:
        waiting = [attempt for attempt in self.attempts if "paid" not in attempt]
        if waiting:
            attempt = self.chance.choice(waiting)
            attempt["paid"] = True
            # The gateway's bad day may meet the app as well: then the payer is left half-way.
            with suppress(requests.RequestException, ValueError, AssertionError):
                self.customer.pay(attempt, result, **changed)

    def pay(self) -> None:
        self._at_bank("AUTHENTICATED")

    def decline_card(self) -> None:
        self._at_bank("AUTHENTICATED", card=INSUFFICIENT)

    def webhook(self) -> None:
        if self.attempts:
            kinds = (
                "payment_paid",
                "payment_failed",
                "payment_faild",
                "payment_authorized",
                "payment_refunded",
            )
            event = (self.chance.choice(self.attempts), self.chance.choice(kinds), str(uuid.uuid4()))
            self.events.append(event)
            self._send(event)

    def repeat(self) -> None:
        if self.events:
            self._send(self.chance.choice(self.events))

    def _send(self, event: tuple[dict[str, Any], str, str]) -> None:
        attempt, kind, event_id = event
        self.customer.webhook(attempt, kind, event_id=event_id)

    def read(self) -> None:
        if self.attempts:
            self._phone().get(f"payments/{self.chance.choice(self.attempts)['id']}")

    def come_back(self) -> None:
        if self.attempts:
            Api().get(f"/pay/return/{self.chance.choice(self.attempts)['id']}")

    def cancel(self) -> None:
        path = f"bookings/{self.customer.booking_id}/cancel"
        self._phone().post(path, {"version": self.customer.booking.version})

    def _desk(self, verb: str) -> None:
        path = f"manage/bookings/{self.customer.booking_id}/{verb}"
        Api(self.customer.manager).post(path, {"version": self.customer.booking.version})

    def confirm(self) -> None:
        self._desk("confirm")

    def decline(self) -> None:
        self._desk("decline")

    def sweep(self) -> None:
        sweep_now()

    def charge_token(self) -> None:
        path, key = f"bookings/{self.customer.booking_id}/payments", str(uuid.uuid4())
        body = {"source": {"type": "token", "token": self.chance.choice(("token_ok", "token_declined"))}}
        for _ in range(self.chance.randint(1, 2)):
            self._phone().post(path, body, key=key)

    def open_page(self) -> None:
        """A page of the gateway's, asked for once or, on a bad line, twice with one key."""
        path, key = f"bookings/{self.customer.booking_id}/payments", str(uuid.uuid4())
        for _ in range(self.chance.randint(1, 2)):
            answer = self._phone().post(path, {"source": {"type": "hosted"}}, key=key)
            action = answer.json().get("next_action") if answer.status_code == 201 else None
            if action:
                self.pages.append(action["url"])

    def press(self) -> None:
        """What a payer does on such a page, in one window or another."""
        if not self.pages:
            return self.open_page()
        with suppress(requests.RequestException):
            onward = self.sandbox.press(
                self.chance.choice(self.pages), self.chance.choice(("PAY", "VERIFY", "DECLINE"))
            )
            bank = onward.headers.get("Location", "")
            if "/3ds/" in bank:
                self.banks.append(bank)
            if self.banks and self.chance.random() < 0.7:
                self.sandbox.open_page(self.chance.choice(self.banks), "AUTHENTICATED")
        self._tell_of_pages()
        return None

    def _tell_of_pages(self) -> None:
        """The gateway's calls about what was made on pages, which go by ids we have never seen; some are lost."""
        query = {"metadata[booking_id]": str(self.customer.booking_id)}
        made: list[dict[str, Any]] = []
        with suppress(requests.RequestException, ValueError):  # the bad day may meet this question too
            made = self.sandbox.api("GET", "/payments", params=query).json().get("payments", [])
        for doc in made:
            if doc["invoice_id"] and self.chance.random() < 0.5:
                data = {"id": doc["id"], "invoice_id": doc["invoice_id"]}
                self.customer.webhook({"id": doc["id"]}, f"payment_{doc['status']}", data=data)

    def enter_code(self) -> None:
        """STC Pay: a code, right or wrong, perhaps tapped twice."""
        path = f"bookings/{self.customer.booking_id}/payments"
        begun = self._phone().post(path, {"source": {"type": "stcpay", "mobile": "0512345678"}})
        if begun.status_code == 201:
            key, body = str(uuid.uuid4()), {"otp": self.chance.choice(("123456", "123456", "999999"))}
            for _ in range(self.chance.randint(1, 2)):
                self._phone().post(f"payments/{begun.json()['id']}/otp", body, key=key)

    def hold(self) -> None:
        path, key = f"bookings/{self.customer.booking_id}/payments", str(uuid.uuid4())
        source = self.chance.choice(({"type": "client"}, {"type": "token", "token": "token_ok"}))
        for _ in range(self.chance.randint(1, 2)):
            answer = self._phone().post(path, {"source": source, "purpose": "damage"}, key=key)
        if answer.status_code == 201 and source["type"] == "client":
            self.attempts.append(answer.json())

    def charge_elsewhere(self) -> None:
        """Somebody at the gateway's own desk charges a part of what is held against damage."""
        self._touch_hold("capture", {"amount": self.chance.randrange(100, Renter.DAMAGE)})

    def release_elsewhere(self) -> None:
        self._touch_hold("void")

    def _touch_hold(self, verb: str, body: Any = None) -> None:
        held = Payment.objects.filter(
            booking=self.customer.booking_id, purpose="damage", state="authorized"
        ).first()
        if held is not None:
            with suppress(requests.RequestException):
                self.sandbox.api("POST", f"/payments/{held.gateway_key}/{verb}", json=body)

    def refund_by_hand(self) -> None:
        """Somebody at the gateway's own desk gives back money that is owed back here, before we do."""
        owed = Refund.objects.filter(payment__booking=self.customer.booking_id, state="due").first()
        if owed is not None:
            with suppress(requests.RequestException):
                self.sandbox.api("POST", f"/payments/{owed.payment.gateway_key}/void")

    def bad_day(self) -> None:
        kind, more = self.chance.choice(
            [("status", {"status": 503}), ("status", {"status": 429}), ("drop", {"acts": True}), ("drop", {}),
             ("malformed", {}), ("html", {})]
        )  # fmt: skip
        verb = self.chance.choice(("", "/*", "/*/refund", "/*/void", "/*/capture"))
        where = self.chance.choice(
            (f"/payments{verb}", f"/payments{verb}", "/invoices", "/invoices/*", "/stc_pays/*")
        )
        self.sandbox.fault(kind, method=self.chance.choice(("GET", "POST")), path=where, **more)


@pytest.mark.django_db(transaction=True)
def test_random_lives_end_booked_and_paid_or_free_and_returned(gateway: SandboxProcess) -> None:
    began = timezone.now()
    places = [
        {"free_cancel_hours": 200, "late_cancel_percent": 50},
        {"auto_confirm": True, "free_cancel_hours": 200, "late_cancel_percent": 50},
        {"authorise_first": True},
        {"authorise_first": True, "free_cancel_hours": 200, "late_cancel_percent": 50},
    ]
    customers: list[Customer] = []
    ends: dict[str, int] = {}
    latest: datetime = began
    for number in range(EXAMPLES):
        if number % 40 == 0:
            customers = [Customer(gateway, staff=6, **place) for place in places]
            customers.append(
                Renter(gateway, free_cancel_hours=200, late_cancel_percent=50, min_notice_minutes=0)
            )
        life = Life(customers[number % len(customers)], random.Random(f"{SEED}-{number}"))
        life.live()
        try:
            end = end_of(gateway, life.customer.booking_id)
        except AssertionError as error:
            raise AssertionError(f"life {number}: {' '.join(life.told)}") from error
        ends[end] = ends.get(end, 0) + 1
        latest = max(latest, life.now)
    holds = Counter(Payment.objects.filter(purpose="damage").values_list("state", flat=True))
    print(f"{EXAMPLES} lives ended {ends}, holds against damage {dict(holds)}")
    assert holds, "no life came to a hold"
    assert set(ends) >= {"paid", "free"}, ends
    run = reconcile(
        from_date=began.date() - timedelta(days=1), to_date=latest.date() + timedelta(days=1), now=latest
    )
    assert not run.differences.exists(), list(run.differences.values())
    assert run.theirs_count > EXAMPLES / 2
    assert list(document_faults()) == []
