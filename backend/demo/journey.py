"""One customer's whole way through the product, over real HTTP, told as it goes.

It holds nothing but what an app, a bank's page, a salon's tablet and a finance desk would hold. Every answer is
checked; the first wrong one ends the walk with JourneyFailed.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from backend.core.money import plain
from backend.core.time import RIYADH
from backend.demo.machine import Machine
from backend.demo.phones import PATIENCE, Inbox, JourneyFailed, Phone, Walk, fresh_number, phone_of

SALON = "lamsa"
CARD = {"type": "creditcard", "name": "Sara Khalid", "number": "4201320111111010", "cvc": "123", "month": 12}
"""A published Moyasar test card (mada) that asks for 3-D Secure and is approved."""
DAYS_AHEAD = 3
"""Far enough that a booking may still be moved: lamsa lets go of one until 24 hours before it."""
_ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


class Journey(Walk):
    """A customer finds, books, pays and moves a visit; the salon and finance do their part."""

    def __init__(
        self, *, base_url: str, gateway: str, machine: Machine, inbox: Inbox, say: Callable[[str], None]
    ) -> None:
        super().__init__(base_url=base_url, machine=machine, inbox=inbox, say=say)
        self.gateway = gateway
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
        self.move(booking)
        self.read_messages(booking)
        self.finance_closes_the_day()

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
        self.step("Look for a salon, in Arabic as people type it", "البحث عن صالون")
        for typed in ("كوافير", "لمسه", "lamsa"):
            found = self.customer.call("GET", f"salons?city=riyadh&q={quote(typed)}").body["items"]
            self.note(f"{typed} → {'، '.join(salon['name'] for salon in found) or '—'}")
        self.expect(found[0]["slug"], SALON, "the first salon found")
        salon: dict[str, Any] = self.customer.call("GET", f"salons/{SALON}").body
        self.salon_id = salon["id"]
        service: dict[str, Any] = salon["services"][0]
        self.note(f"{salon['name']}: {salon['description']}")
        self.note(f"{service['name']}، {service['duration_minutes']} دقيقة، {service['price']['display']}")
        self.customer.call("PUT", f"me/favourites/{SALON}", expect=204)
        kept = self.customer.call("GET", "me/favourites").body["items"]
        self.note(f"me/favourites → {', '.join(one['name'] for one in kept)}")
        return service

    def find_time(self, service: dict[str, Any]) -> dict[str, Any]:
        self.step("See the times that are truly free", "الأوقات المتاحة")
        first = datetime.now(RIYADH).date() + timedelta(days=DAYS_AHEAD)
        asked = f"salons/{SALON}/availability?service_ids={service['id']}"
        days = self.customer.call("GET", f"{asked}&date={first}&days=14").body["days"]
        for day in days:
            if day["slots"]:
                times = [slot["starts_at"][11:16] for slot in day["slots"]]
                self.note(f"{day['date']}: {len(times)} starts, {times[0]} to {times[-1]}")
                night = f"{day['date']}T05:07:00%2B03:00"
                why = self.customer.call("GET", f"{asked}&date={day['date']}&explain={night}").body
                reasons = why["explanation"]["reasons"]
                self.note("why not 05:07? " + " ".join(f"{r['code']}: {r['detail']}" for r in reasons))
                self.other_slot = day["slots"][-1]
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

    def move(self, booking: dict[str, Any]) -> None:
        self.step("Move the visit to a later hour", "تغيير الموعد")
        seen = self.customer.call("GET", f"bookings/{booking['id']}").body
        wish = {"version": seen["version"], "starts_at": self.other_slot["starts_at"]}
        path = f"bookings/{booking['id']}/reschedule"
        moved = self.customer.call("POST", path, wish, key=str(uuid.uuid4())).body
        self.expect(moved["starts_at"], self.other_slot["starts_at"], "the new start")
        self.note(
            f"POST {path.replace(booking['id'], '…')} → {seen['starts_at']} became {moved['starts_at']}"
        )

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
