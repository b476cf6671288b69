"""One process that frees and takes time while people wait: a module apart from everything that loads Django."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.stress.actor import Actor, Orders

WEIGHTS = {"cancel": 35, "take": 25, "answer": 40}
ANSWERS = {"accept": 55, "decline": 25, "leave": 10, "ponder": 10}


def work(orders: Orders) -> None:
    with Path(orders.diary).open("w") as diary:
        _Waiter(orders, diary).work()


class _Waiter(Actor):
    """Holds some of the bookings, speaks for some of those who wait, and now and then wants a time itself."""

    def __init__(self, orders: Orders, diary: Any) -> None:
        super().__init__(orders, diary)
        mine = self.scene["shares"][orders.number]
        self.held: list[tuple[str, str]] = mine["held"]
        self.waiting: list[tuple[str, str]] = mine["waiting"]

    def work(self) -> None:
        names, weights = zip(*WEIGHTS.items(), strict=True)
        for _ in range(self.orders.operations):
            if time.monotonic() > self.orders.until:
                return
            getattr(self, f"_{self.dice.choices(names, weights)[0]}")()

    def _cancel(self) -> None:
        if not self.held:
            return
        token, booking_id = self.held.pop(self.dice.randrange(len(self.held)))
        status, booking = self._ask("look", "GET", f"bookings/{booking_id}", None, token)
        if status == 200 and "cancel" in booking["allowed_actions"]:
            body = {"version": booking["version"]}
            self._ask("cancel", "POST", f"bookings/{booking_id}/cancel", body, token)

    def _take(self) -> None:
        body = self.scene["visit"] | {"starts_at": self.dice.choice(self.scene["starts"])}
        status, booking = self._ask("create", "POST", "bookings", body, self.me, key=True)
        if status == 201:
            self.held.append((self.me, booking["id"]))

    def _answer(self) -> None:
        if not self.waiting:
            return
        token, entry_id = self.dice.choice(self.waiting)
        status, entry = self._ask("look", "GET", f"waitlist/{entry_id}", None, token)
        if status != 200 or entry["state"] != "offered":
            return
        names, weights = zip(*ANSWERS.items(), strict=True)
        match self.dice.choices(names, weights)[0]:
            case "accept":
                status, booking = self._ask(
                    "accept", "POST", f"waitlist/{entry_id}/accept", {}, token, key=True
                )
                if status == 201:
                    self.held.append((token, booking["id"]))
            case "decline":
                self._ask("pass", "POST", f"waitlist/{entry_id}/decline", {}, token)
            case "leave":
                self._ask("leave", "DELETE", f"waitlist/{entry_id}", None, token)
