"""One process of the mixed storm: customer, desk and owner in turn, at whatever booking comes to hand.

A module apart from everything that loads Django. Everything it was told it writes down, for the judge.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 60.0
TRIES = 200
PAUSE = 0.2
REMEMBERED = 40
CARD = {
    "type": "creditcard", "name": "Sara Ali", "month": 12, "year": 2031, "cvc": "123", "number": "4201320111111010",
}  # fmt: skip

WEIGHTS = {
    "create": 30,
    "look": 3,
    "customer_verb": 14,
    "customer_move": 9,
    "desk_verb": 22,
    "desk_move": 7,
    "walk_in": 8,
    "overbook": 3,
    "pay": 6,
    "close": 2,
    "open": 2,
    "join": 4,
    "answer": 6,
    "rent": 8,
    "publish": 5,
    "take_seats": 9,
    "write_seats": 2,
    "change_session": 4,
}
CUSTOMER_VERBS = ("cancel", "confirm-attendance", "accept-move", "refuse-move")
DESK_VERBS = ("confirm", "decline", "check-in", "complete", "no-show", "cancel")
SESSION_VERBS = {"reschedule": 40, "cancel": 40, "complete": 20}


@dataclass(frozen=True)
class Orders:
    """What a process is to do: at most so many operations, until a moment of the monotonic clock."""

    number: int
    seed: int
    port: int
    scene: dict[str, Any]
    operations: int
    until: float
    diary: str
    sandbox: str
    publishable_key: str


@dataclass
class Told:
    """One answer: `key` where one was sent, booking and version where one was told. Status 0 = cut off."""

    op: str
    status: int
    code: str = ""
    key: str = ""
    booking: str = ""
    version: int = 0
    state: str = ""
    cuts: int = 0
    milliseconds: float = 0.0


def work(orders: Orders) -> None:
    with Path(orders.diary).open("w") as diary:
        Actor(orders, diary).work()


class Actor:
    def __init__(self, orders: Orders, diary: Any) -> None:
        self.orders, self.diary = orders, diary
        self.dice = random.Random(orders.seed * 1000 + orders.number)
        self.scene = orders.scene
        self.me = self.scene["customers"][orders.number]
        self.mine: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, dict[str, Any]] = {}
        self.paid: set[str] = set()
        self.closures: list[tuple[str, str]] = []
        self.sessions: list[tuple[str, str]] = []
        self.link: http.client.HTTPConnection | None = None

    def work(self) -> None:
        names, weights = zip(*WEIGHTS.items(), strict=True)
        for _ in range(self.orders.operations):
            if time.monotonic() > self.orders.until:
                return
            getattr(self, f"_{self.dice.choices(names, weights)[0]}")()

    # What people do

    def _create(self) -> None:
        place = self._place()
        wanted = {
            "salon_id": place["id"],
            "items": self._items(place),
            "starts_at": self._start(),
        }
        self._keep(self.mine, self._ask("create", "POST", "bookings", wanted, self.me, key=True))

    def _rent(self) -> None:
        starts_at = self._start()
        hours = self.dice.choice((1, 2, 4, 24))
        ends_at = (datetime.fromisoformat(starts_at) + timedelta(hours=hours)).isoformat()
        wanted = {
            "rental_id": self.dice.choice(self._place()["rentals"]),
            "starts_at": starts_at,
            "ends_at": ends_at,
        }
        self._keep(self.mine, self._ask("rent", "POST", "rentals", wanted, self.me, key=True))

    def _look(self) -> None:
        place = self._place()
        query = f"service_ids={place['services'][0]}&date={self._start()[:10]}&days=3"
        self._ask("look", "GET", f"salons/{place['id']}/availability?{query}", None, self.me)

    def _customer_verb(self) -> None:
        if booking := self._one(self.mine):
            verb = self._verb(booking, CUSTOMER_VERBS)
            body = {"version": booking["version"]}
            self._keep(
                self.mine, self._ask(verb, "POST", f"bookings/{booking['id']}/{verb}", body, self.me), booking
            )

    def _customer_move(self) -> None:
        if booking := self._one(self.mine):
            body = {"version": booking["version"], "starts_at": self._start()}
            path = f"bookings/{booking['id']}/reschedule"
            self._keep(self.mine, self._ask("move", "POST", path, body, self.me, key=True), booking)

    def _desk_verb(self) -> None:
        if booking := self._desk_one():
            verb = self._verb(booking, DESK_VERBS)
            body = {"version": booking["version"], "reason": "storm"}
            path = f"manage/bookings/{booking['id']}/{verb}"
            self._keep(self.seen, self._ask(f"desk {verb}", "POST", path, body, self._desk()), booking)

    def _desk_move(self) -> None:
        if booking := self._desk_one():
            body: dict[str, Any] = {"version": booking["version"], "starts_at": self._start()}
            if booking["kind"] == "visit" and self.dice.random() < 0.3:
                place = next(p for p in self.scene["places"] if p["id"] == booking["salon"]["id"])
                body["staff_member_id"] = self.dice.choice(place["staff"])
            path = f"manage/bookings/{booking['id']}/reschedule"
            self._keep(self.seen, self._ask("desk move", "POST", path, body, self._desk()), booking)

    def _walk_in(self, **more: Any) -> None:
        place = self._place()
        ago = timedelta(minutes=self.dice.randrange(0, 600))
        now = (datetime.now(UTC) - ago).replace(second=0, microsecond=0)
        starts_at = now.isoformat() if self.dice.random() < 0.7 else self._start()
        guest: dict[str, Any] = {"name": "ضيفة"}
        if self.dice.random() < 0.5:
            guest["phone"] = f"05{self.dice.randrange(60_000_000, 60_000_400)}"
        body = {"items": self._items(place), "starts_at": starts_at, "guest": guest, **more}
        op, token = ("overbook", self.scene["owner"]) if more else ("walk-in", self._desk())
        self._keep(
            self.seen, self._ask(op, "POST", f"manage/salons/{place['id']}/bookings", body, token, key=True)
        )

    def _overbook(self) -> None:
        self._walk_in(overbook_reason="storm")

    def _close(self) -> None:
        """Somebody is away, or now and then the whole salon, for an hour or two."""
        place = self._place()
        begins = datetime.fromisoformat(self._start())
        body = {
            "kind": "moments",
            "starts_at": begins.isoformat(),
            "ends_at": (begins + timedelta(hours=self.dice.choice((1, 2)))).isoformat(),
            "staff_member_id": self.dice.choice(place["staff"]) if self.dice.random() < 0.8 else None,
        }
        status, answer = self._ask(
            "close", "POST", f"manage/salons/{place['id']}/closures", body, self.scene["owner"]
        )
        if status == 201:
            self.closures.append((place["id"], answer["closure"]["id"]))

    def _open(self) -> None:
        if self.closures:
            place, closure = self.closures.pop(self.dice.randrange(len(self.closures)))
            self._ask(
                "open",
                "DELETE",
                f"manage/salons/{place}/closures/{closure}?version=1",
                None,
                self.scene["owner"],
            )

    def _join(self) -> None:
        place = self._place()
        wanted = {"salon_id": place["id"], **self._items(place)[0], "date": self._start()[:10]}
        self._ask("join", "POST", "waitlist", wanted, self.me, key=True)

    def _answer(self) -> None:
        status, page = self._ask("look", "GET", "waitlist?limit=50", None, self.me)
        offers = [one for one in page["items"] if one["state"] == "offered"] if status == 200 else []
        if not offers:
            return
        path = f"waitlist/{self.dice.choice(offers)['id']}"
        verb = self.dice.choice(("accept", "accept", "decline", "leave"))
        if verb == "accept":
            self._keep(self.mine, self._ask("accept", "POST", f"{path}/accept", {}, self.me, key=True))
        elif verb == "decline":
            self._ask("pass", "POST", f"{path}/decline", {}, self.me)
        else:
            self._ask("leave", "DELETE", path, None, self.me)

    def _publish(self) -> None:
        """Two or three seats with one or two people, now and then in a room: fewer than want them."""
        place = self._place()
        starts_at = self._start()
        wanted = {
            "title": {"ar": "ورشة", "en": "Workshop"},
            "staff_ids": self.dice.sample(place["staff"], self.dice.choice((1, 1, 2))),
            "resource_ids": self.dice.sample(place["rooms"], self.dice.choice((0, 1))),
            "starts_at": starts_at,
            "ends_at": (
                datetime.fromisoformat(starts_at) + timedelta(hours=self.dice.choice((1, 2)))
            ).isoformat(),
            "capacity": self.dice.choice((2, 3, 3)),
            "price_minor": 10000,
        }
        path = f"manage/salons/{place['id']}/sessions"
        status, session = self._ask("draft", "POST", path, wanted, self.scene["owner"], key=True)
        if status != 201:
            return
        path = f"{path}/{session['id']}"
        status, session = self._ask(
            "publish", "POST", f"{path}/publish", {"version": session["version"]}, self.scene["owner"]
        )
        if status != 200:  # cut off, it may be on sale all the same
            status, session = self._ask("look", "GET", path, None, self.scene["owner"])
        if status == 200 and session["state"] != "draft":
            self.sessions.append((place["id"], session["id"]))

    def _session_on_sale(self) -> str | None:
        path = f"salons/{self._place()['id']}/sessions?limit=20"
        status, page = self._ask("look", "GET", path, None, self.me)
        found = page["items"] if status == 200 else []
        return str(self.dice.choice(found)["id"]) if found else None

    def _take_seats(self) -> None:
        if session := self._session_on_sale():
            wanted = {"seats": self.dice.choice((1, 1, 2))}
            path = f"sessions/{session}/seats"
            self._keep(self.mine, self._ask("seats", "POST", path, wanted, self.me, key=True))

    def _write_seats(self) -> None:
        if self.sessions:
            place, session = self.dice.choice(self.sessions)
            body = {"seats": 1, "guest": {"name": "ضيفة"}}
            path = f"manage/salons/{place}/sessions/{session}/seats"
            self._keep(
                self.seen, self._ask("guest's seats", "POST", path, body, self.scene["owner"], key=True)
            )

    def _change_session(self) -> None:
        """Moved, called off, or said to be over while everybody joins and leaves."""
        if not self.sessions:
            return
        place, session_id = self.dice.choice(self.sessions)
        path = f"manage/salons/{place}/sessions/{session_id}"
        status, session = self._ask("look", "GET", path, None, self.scene["owner"])
        if status != 200:
            return
        names, weights = zip(*SESSION_VERBS.items(), strict=True)
        verb = self.dice.choices(names, weights)[0]
        body: dict[str, Any] = {"version": session["version"]}
        if verb == "cancel":
            body["reason"] = "storm"
        elif verb == "reschedule":
            starts_at = self._start()
            ends_at = datetime.fromisoformat(starts_at) + timedelta(hours=1)
            body |= {"starts_at": starts_at, "ends_at": ends_at.isoformat()}
        self._ask(f"session {verb}", "POST", f"{path}/{verb}", body, self.scene["owner"])

    def _pay(self) -> None:
        held = [b for b in self.mine.values() if "pay" in b["allowed_actions"] and b["id"] not in self.paid]
        if not held:
            return
        booking = self.dice.choice(held)
        body = {"source": {"type": "client"}}
        status, payment = self._ask(
            "pay", "POST", f"bookings/{booking['id']}/payments", body, self.me, key=True
        )
        if status == 201:
            self.paid.add(booking["id"])
            self._at_the_bank(payment)

    def _at_the_bank(self, payment: dict[str, Any]) -> None:
        asked = payment["client_payment"]
        body = {
            "given_id": asked["given_id"],
            "amount": asked["amount_minor"],
            "currency": asked["currency"],
            "description": asked["description"],
            "metadata": asked["metadata"],
            "callback_url": asked["callback_url"],
            "apply_coupon": False,
            "source": CARD,
        }
        key = base64.b64encode(f"{self.orders.publishable_key}:".encode()).decode()
        at = urlsplit(self.orders.sandbox)
        link = http.client.HTTPConnection(at.hostname or "", at.port, timeout=PATIENCE)
        try:
            headers = {
                "Content-Type": "application/json",
                "Authorization": f"Basic {key}",
                "User-Agent": "storm",
            }
            for path, sent in (
                (f"{at.path}/payments", body),
                (f"/sandbox/pay/{payment['id']}", {"result": "AUTHENTICATED"}),
            ):
                link.request("POST", path, json.dumps(sent), headers)
                answer = link.getresponse()
                if answer.status >= 300:
                    raise RuntimeError(f"the sandbox said {answer.status}: {answer.read()!r}")
                answer.read()
        finally:
            link.close()

    # Choosing

    def _place(self) -> dict[str, Any]:
        chosen: dict[str, Any] = self.dice.choice(self.scene["places"])
        return chosen

    def _start(self) -> str:
        """Most want the same few."""
        starts = self.scene["starts"]
        return str(self.dice.choice(starts[:40] if self.dice.random() < 0.4 else starts))

    def _items(self, place: dict[str, Any]) -> list[dict[str, Any]]:
        services = self.dice.sample(place["services"], self.dice.choice((1, 1, 2)))
        return [
            {
                "service_id": service,
                "staff_member_id": self.dice.choice(place["staff"]) if self.dice.random() < 0.3 else None,
            }
            for service in services
        ]

    def _desk(self) -> str:
        return str(self.scene[self.dice.choice(("owner", "receptionist"))])

    def _verb(self, booking: dict[str, Any], verbs: tuple[str, ...]) -> str:
        """Mostly one that is open, by what was seen last; now and then any."""
        allowed = [verb for verb in verbs if verb.replace("-", "_") in booking["allowed_actions"]]
        return self.dice.choice(allowed if allowed and self.dice.random() < 0.85 else verbs)

    def _one(self, those: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
        return self.dice.choice(list(those.values())) if those else None

    def _desk_one(self) -> dict[str, Any] | None:
        """One the desk has seen: its own walk-ins, and what everybody else is busy with."""
        if not self.seen or self.dice.random() < 0.15:
            which = self.dice.choice(("state=requested", "state=confirmed", f"date={self._start()[:10]}"))
            path = f"manage/salons/{self._place()['id']}/bookings?limit=20&{which}"
            status, page = self._ask("list", "GET", path, None, self._desk())
            for booking in page["items"] if status == 200 else ():
                self._keep(self.seen, (200, booking))
        return self._one(self.seen)

    def _keep(
        self,
        those: dict[str, dict[str, Any]],
        told: tuple[int, Any],
        before: dict[str, Any] | None = None,
    ) -> None:
        """Remember the booking as it was told; one that was refused or cut off is looked at again by its next turn."""
        status, answer = told
        if 200 <= status < 300:
            those[answer["id"]] = answer
        elif before is not None:
            current = answer.get("current") if isinstance(answer, dict) else None
            if current:
                those[before["id"]] = current
            else:
                those.pop(before["id"], None)
        while len(those) > REMEMBERED:
            those.pop(next(iter(those)))

    # The wire

    def _ask(
        self, op: str, method: str, path: str, body: Any, token: str, *, key: bool = False
    ) -> tuple[int, Any]:
        """One request. With a key it is repeated until it is answered, as an app does on a bad line."""
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        told = Told(op, 0)
        if key:
            told.key = headers["Idempotency-Key"] = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body), "application/json"
        answer: Any = None
        began = time.perf_counter()
        for _ in range(TRIES):
            told.status, answer = self._once(method, f"/api/v1/{path}", content, headers)
            told.code = answer.get("code", "") if isinstance(answer, dict) else ""
            if told.status and told.code != "request_in_progress":
                break
            told.cuts += told.status == 0
            if not key and told.status == 0:
                break
            time.sleep(PAUSE)
        told.milliseconds = (time.perf_counter() - began) * 1000
        if 200 <= told.status < 300 and isinstance(answer, dict) and "reference" in answer:
            told.booking, told.version, told.state = answer["id"], answer["version"], answer["state"]
        self.diary.write(json.dumps(asdict(told)) + "\n")
        if told.status == 0:
            time.sleep(PAUSE)
        return told.status, answer

    def _once(self, method: str, path: str, content: str | None, headers: dict[str, str]) -> tuple[int, Any]:
        try:
            if self.link is None:
                self.link = http.client.HTTPConnection("127.0.0.1", self.orders.port, timeout=PATIENCE)
            self.link.request(method, path, content, headers)
            response = self.link.getresponse()
            sent = response.read()
            return response.status, json.loads(sent) if sent else None
        except (OSError, http.client.HTTPException):
            if self.link is not None:
                self.link.close()
            self.link = None
            return 0, None
