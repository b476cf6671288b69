"""One customer's whole way through the product, over real HTTP, told as it goes.

It holds nothing but what an app, a bank's page, a salon's tablet and a finance desk would hold. Every answer is
checked; the first wrong one ends the walk with JourneyFailed.
"""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from backend.core.money import plain
from backend.core.time import RIYADH
from backend.demo.machine import Machine
from backend.demo.people import DEMO_PEOPLE

SALON = "lamsa"
CARD = {"type": "creditcard", "name": "Sara Khalid", "number": "4201320111111010", "cvc": "123", "month": 12}
"""A published Moyasar test card (mada) that asks for 3-D Secure and is approved."""
PATIENCE = 30.0
LONGEST_WAIT = 120
_ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


class JourneyFailed(Exception):
    """A step did not go as promised; the text says which and what came instead."""


@dataclass
class Answer:
    status: int
    body: Any
    headers: Any


class Phone:
    """Somebody's app: speaks JSON in one language, with a token once signed in."""

    def __init__(self, base_url: str, *, language: str = "ar") -> None:
        self._base = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"Accept-Language": language, "User-Agent": "mawid-demo/1"})

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int | tuple[int, ...] = 200,
        key: str | None = None,
        language: str | None = None,
    ) -> Answer:
        """One call below /api/v1. Raises JourneyFailed for another status than the promised one."""
        headers: dict[str, str] = {}
        if key:
            headers["Idempotency-Key"] = key
        if language:
            headers["Accept-Language"] = language
        answer = self._session.request(
            method, f"{self._base}/api/v1/{path}", json=body, headers=headers, timeout=PATIENCE
        )
        try:
            value = answer.json() if answer.content else None
        except ValueError:
            value = answer.text[:300]
        promised = expect if isinstance(expect, tuple) else (expect,)
        if answer.status_code not in promised:
            raise JourneyFailed(f"{method} /api/v1/{path} answered {answer.status_code}: {value}")
        return Answer(answer.status_code, value, answer.headers)

    def open(self, url: str, form: dict[str, str] | None = None) -> requests.Response:
        """A page in the phone's browser; redirects are left to the caller."""
        method = "GET" if form is None else "POST"
        return self._session.request(method, url, data=form, allow_redirects=False, timeout=PATIENCE)

    def hold_token(self, access_token: str) -> None:
        self._session.headers["Authorization"] = f"Bearer {access_token}"


class Inbox:
    """The console carrier's messages file, from where it ended when the journey began."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = path.stat().st_size if path.exists() else 0

    def to(self, phone: str) -> list[str]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._begin)
            lines = file.read().decode().splitlines()
        return [m["body"] for m in map(json.loads, lines) if m["to"] == phone]

    def code(self, phone: str) -> str:
        """The newest code sent to a number."""
        for body in reversed(self.to(phone)):
            if found := re.search(r"\b[0-9]{6}\b", body):
                return found[0]
        raise JourneyFailed(f"no code for {phone} in {self._path}")


class Journey:
    """`say` prints a line."""

    def __init__(
        self, *, base_url: str, gateway: str, machine: Machine, inbox: Inbox, say: Callable[[str], None]
    ) -> None:
        self.base_url, self.gateway, self.machine, self.inbox = base_url, gateway, machine, inbox
        self.say = say
        self._steps = 0
        self.phone_number = fresh_number()
        self.customer = Phone(base_url)
        self.payment_id = ""

    def walk(self) -> None:
        """All of it. Raises JourneyFailed, or requests' own error when nobody answers."""
        self.sign_in()
        service = self.find_salon()
        slot = self.find_time(service)
        booking = self.book(service, slot)
        self.pay(booking)
        self.salon_confirms(booking)
        self.read_messages(booking)
        self.finance_closes_the_day()

    # Telling

    def step(self, english: str, arabic: str) -> None:
        self._steps += 1
        self.say(f"\n{self._steps:2}. {english} · {arabic}")

    def note(self, line: str) -> None:
        self.say(f"    {line}")

    # The customer

    def sign_in(self) -> None:
        self.step("Sign in by phone, in Arabic digits", "تسجيل الدخول برقم الجوال")
        local = "0" + self.phone_number.removeprefix("+966")
        asked = self.customer.call(
            "POST", "auth/otp-requests", {"phone": local.translate(_ARABIC_DIGITS)}, expect=202
        ).body
        self.note(f"POST auth/otp-requests → 202, a code went to {asked['sent_to']}")
        code = self.inbox.code(self.phone_number)
        self.note(f"the text message: {' / '.join(self.inbox.to(self.phone_number)[-1].splitlines())}")
        signed_in = self.customer.call(
            "POST",
            "auth/otp-verifications",
            {"otp_request_id": asked["otp_request_id"], "code": code.translate(_ARABIC_DIGITS)},
        ).body
        self.customer.hold_token(signed_in["access_token"])
        self.note(f"POST auth/otp-verifications → 200, a new customer: {signed_in['is_new_user']}")

    def find_salon(self) -> dict[str, Any]:
        self.step("Look for a salon in Riyadh", "البحث عن صالون في الرياض")
        arabic = self.customer.call("GET", "salons?city=riyadh&audience=women").body["items"]
        english = self.customer.call("GET", "salons?city=riyadh&audience=women", language="en").body["items"]
        if not any(salon["slug"] == SALON for salon in arabic):
            raise JourneyFailed(f"{SALON} is not among Riyadh's salons for women")
        self.note("، ".join(salon["name"] for salon in arabic))
        self.note(", ".join(salon["name"] for salon in english))
        salon: dict[str, Any] = self.customer.call("GET", f"salons/{SALON}").body
        self.salon_id = salon["id"]
        service: dict[str, Any] = salon["services"][0]
        self.note(f"{salon['name']}: {salon['description']}")
        self.note(f"{service['name']}، {service['duration_minutes']} دقيقة، {service['price']['display']}")
        return service

    def find_time(self, service: dict[str, Any]) -> dict[str, Any]:
        self.step("See the times that are truly free", "الأوقات المتاحة")
        tomorrow = datetime.now(RIYADH).date() + timedelta(days=1)
        days = self.customer.call(
            "GET", f"salons/{SALON}/availability?service_ids={service['id']}&date={tomorrow}&days=14"
        ).body["days"]
        for day in days:
            if day["slots"]:
                times = [slot["starts_at"][11:16] for slot in day["slots"]]
                self.note(f"{day['date']}: {len(times)} starts, {times[0]} to {times[-1]}")
                slot: dict[str, Any] = day["slots"][0]
                return slot
        raise JourneyFailed("no free time within two weeks")

    def book(self, service: dict[str, Any], slot: dict[str, Any]) -> dict[str, Any]:
        self.step("Ask for the price, then book", "عرض السعر ثم الحجز")
        visit = {
            "salon_id": self.salon_id,
            "items": [{"service_id": service["id"], "staff_member_id": slot["staff_member_ids"][0]}],
            "starts_at": slot["starts_at"],
        }
        quote = self.customer.call("POST", "quotes", visit).body
        free_until = datetime.fromisoformat(quote["cancellation"]["free_until"])
        terms = (
            f"free to cancel until {free_until:%d/%m %H:%M}"
            if free_until > datetime.now(RIYADH)
            else f"cancelling once confirmed costs {quote['cancellation']['fee_after']['display']}"
        )
        self.note(f"{quote['price']['display']}, deposit {quote['deposit']['display']}, {terms}")
        request = visit | {"expected_total_minor": quote["price"]["amount_minor"]}
        key = str(uuid.uuid4())
        booking: dict[str, Any] = self.customer.call("POST", "bookings", request, key=key, expect=201).body
        self.expect(booking["state"], "held", "the booking's state")
        self.note(
            f"POST bookings → 201 {booking['reference']}, {booking['state']} ({booking['state_label']})"
        )

        again = self.customer.call("POST", "bookings", request, key=key, expect=201)
        self.expect(again.body["id"], booking["id"], "the repeated request's booking")
        self.note(
            f"the same request again → the same booking {again.body['reference']}, nothing booked twice"
        )

        self.step("Somebody else wants the same time", "طلب الوقت نفسه من عميل آخر")
        rival_number = fresh_number()
        rival = Phone(self.base_url)
        self.sign_in_by_code(rival, rival_number)
        refusal = rival.call("POST", "bookings", request, key=str(uuid.uuid4()), expect=409).body
        self.expect(refusal["code"], "slot_unavailable", "the refusal's code")
        self.note(f"POST bookings → 409 {refusal['code']}: {refusal['detail']}")
        return booking

    def pay(self, booking: dict[str, Any]) -> None:
        self.step("Pay the deposit through Moyasar's protocol", "دفع العربون")
        body = {"source": {"type": "client"}}
        payment = self.customer.call(
            "POST", f"bookings/{booking['id']}/payments", body, key=str(uuid.uuid4()), expect=201
        ).body
        self.payment_id = payment["id"]
        client = payment["client_payment"]
        self.note(f"POST bookings/…/payments → 201 {payment['state']}, {payment['amount']['display']}")

        # From here to the bank's page, what Moyasar's SDK does inside the app, with the publishable key.
        created = requests.Session()
        created.trust_env = False
        answer = created.post(
            f"{self.gateway}/payments",
            json={
                "given_id": client["given_id"],
                "amount": client["amount_minor"],
                "currency": client["currency"],
                "description": client["description"],
                "callback_url": client["callback_url"],
                "metadata": client["metadata"],
                "source": CARD | {"year": datetime.now(RIYADH).year + 3},
            },
            auth=(client["publishable_key"], ""),
            timeout=PATIENCE,
        )
        self.expect(answer.status_code, 201, "the gateway's status")
        bank_page = answer.json()["source"]["transaction_url"]
        self.expect(self.customer.open(bank_page).status_code, 200, "the bank's page")
        back = self.customer.open(bank_page, {"result": "AUTHENTICATED"})
        self.expect(back.status_code, 302, "the bank's answer")
        self.note("the app paid with a test card, the bank's 3-D Secure page was confirmed")

        payment = self.until_captured()
        self.expect(payment["booking"]["state"], "requested", "the booking's state after paying")
        self.note(f"GET payments/… → {payment['state']}, the booking is {payment['booking']['state']}")
        self.note(f"the gateway's webhook: {self.webhook_outcome()}")
        page = self.customer.open(back.headers["Location"])
        self.expect(page.status_code, 200, "the page the bank leads back to")
        self.note(f"the bank leads back to {urlsplit(back.headers['Location']).path} → {page.status_code}")

    def until_captured(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            payment: dict[str, Any] = self.customer.call("GET", f"payments/{self.payment_id}").body
            if payment["state"] == "captured":
                return payment
            if payment["state"] != "initiated" or time.monotonic() > deadline:
                raise JourneyFailed(f"the payment is {payment['state']} ({payment['failure']})")
            time.sleep(0.3)

    def webhook_outcome(self) -> str:
        """What the sandbox knows of its own call to us."""
        overview = f"{self.gateway.removesuffix('/v1')}/sandbox/webhooks"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for event in self.customer.open(overview).json()["events"]:
                if event["payment_id"] == self.payment_id and event["delivered"]:
                    return f"{event['type']} delivered after {event['attempts']} attempt(s)"
            time.sleep(0.3)
        raise JourneyFailed("the gateway's webhook was not taken in")

    # The others

    def salon_confirms(self, booking: dict[str, Any]) -> None:
        self.step("The salon's receptionist confirms", "تأكيد الحجز من الصالون")
        desk = self.signed_in_as("receptionist")
        seen = desk.call("GET", f"manage/bookings/{booking['id']}").body
        self.note(
            f"she sees {seen['reference']}, customer {seen['customer']['phone_masked']}, {seen['state_label']}"
        )
        confirmed = desk.call(
            "POST", f"manage/bookings/{booking['id']}/confirm", {"version": seen["version"]}
        ).body
        self.expect(confirmed["state"], "confirmed", "the booking's state")
        mine = self.customer.call("GET", f"bookings/{booking['id']}").body
        english = self.customer.call("GET", f"bookings/{booking['id']}", language="en").body
        self.note(f"the customer sees: {mine['state_label']} · {english['state_label']}")
        events = self.customer.call("GET", f"bookings/{booking['id']}/events").body["items"]
        self.note(" → ".join(f"{event['to']} ({event['actor']})" for event in events))

    def read_messages(self, booking: dict[str, Any]) -> None:
        self.step("The messages that were sent", "الرسائل المرسلة")
        mine = self.inbox.to(self.phone_number)[1:]  # without the code
        for body in mine:
            self.note("customer: " + " / ".join(body.splitlines()))
        for role in ("owner", "receptionist"):
            for body in self.inbox.to(phone_of(role)):
                if booking["reference"] in body:
                    self.note(f"{role}: " + " / ".join(body.splitlines()))
        if len(mine) < 2 or not all(re.search("[\u0621-\u064a]", body) for body in mine):
            raise JourneyFailed(f"the customer should have had messages in Arabic, and had {mine}")

    def finance_closes_the_day(self) -> None:
        self.step("Finance proves that the money agrees", "مطابقة المدفوعات")
        desk = self.signed_in_as("finance")
        today = datetime.now(RIYADH).date()
        days = {"from": (today - timedelta(days=1)).isoformat(), "to": today.isoformat()}
        run = desk.call("POST", "finance/reconciliations", days, expect=201).body
        captured, refunded = (plain(run[name]["amount_minor"]) for name in ("captured", "refunded"))
        self.note(
            f"{days['from']} to {days['to']}: ours {run['ours_count']}, theirs {run['theirs_count']}, "
            f"captured {captured} SAR, refunded {refunded} SAR"
        )
        if run["open_differences"]:
            found = desk.call("GET", f"finance/reconciliations/{run['id']}/differences").body["items"]
            raise JourneyFailed(f"{run['open_differences']} differences stand open: {found}")
        self.note("0 open differences")

    # Signing in

    def signed_in_as(self, role: str) -> Phone:
        """A member of the demo's staff: with the token of the last run, else with a new code."""
        device = Phone(self.base_url)
        tokens = None
        if kept := self.machine.refresh_tokens.get(role):
            answer = device.call(
                "POST", "auth/token-refreshes", {"refresh_token": kept}, expect=(200, 400, 401, 403)
            )
            if answer.status == 200:
                tokens = answer.body
                self.note(f"{role} is still signed in from the last run")
        if tokens is None:
            tokens = self.sign_in_by_code(device, phone_of(role))
            self.note(f"{role} signs in with a code")
        device.hold_token(tokens["access_token"])
        self.machine.refresh_tokens[role] = tokens["refresh_token"]
        self.machine.keep()
        return device

    def sign_in_by_code(self, device: Phone, phone: str) -> dict[str, Any]:
        while True:
            asked = device.call("POST", "auth/otp-requests", {"phone": phone}, expect=(202, 429))
            if asked.status == 202:
                break
            wait = int(asked.headers.get("Retry-After", "60"))
            if wait > LONGEST_WAIT:
                raise JourneyFailed(f"no more codes for this number for {wait} s: {asked.body}")
            self.note(f"a code was sent to this number a moment ago; waiting {wait} s, as the server asks")
            time.sleep(wait + 0.5)
        tokens: dict[str, Any] = device.call(
            "POST",
            "auth/otp-verifications",
            {"otp_request_id": asked.body["otp_request_id"], "code": self.inbox.code(phone)},
        ).body
        device.hold_token(tokens["access_token"])
        return tokens

    @staticmethod
    def expect(found: object, wanted: object, what: str) -> None:
        if found != wanted:
            raise JourneyFailed(f"{what} should be {wanted} and is {found}")


def phone_of(role: str) -> str:
    return next(person.phone for person in DEMO_PEOPLE if person.role == role)


def fresh_number() -> str:
    """A mobile number nobody in the demo has: each run's customer is new, so no wait for a code stands in the way."""
    return f"+966559{secrets.randbelow(1_000_000):06d}"
