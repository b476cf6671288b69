"""Telling the merchant: one event per change, posted to every endpoint, tried six times and then dropped.

Events and their deliveries are rows, so a restarted sandbox goes on. The real waits between attempts are
1 and 10 and 30 minutes, 1 and 2 hours; `retry_scale` shortens them (1/60: as many seconds as minutes).
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from backend.payments.sandbox.errors import invalid, not_found
from backend.payments.sandbox.store import Store
from backend.payments.sandbox.values import iso

REAL_WAITS = (60, 600, 1800, 3600, 7200)
WORKERS = 4
PAGE_SIZE = 40
REORDERED_APART = 0.2
EVENT_TYPES = (
    "payment_paid",
    "payment_failed",
    "payment_refunded",
    "payment_voided",
    "payment_authorized",
    "payment_captured",
    "payment_verified",
    "payment_abandoned",
    "balance_transferred",
)
_FROM_COMMAND_LINE = uuid.UUID("6f1d5c1e-0f0c-4b5f-9f55-5a6d1f0b7c11")


class Webhooks:
    def __init__(self, store: Store, *, retry_scale: float, timeout: float) -> None:
        self._store = store
        self._waits = [wait * retry_scale for wait in REAL_WAITS]
        self._timeout = timeout
        self._news = threading.Condition()
        self._news_count = 0
        self._taking = threading.Lock()
        self._in_hand: set[int] = set()
        self._stopping = False

    # Endpoints

    def use_endpoints(self, urls: list[str], secret: str) -> None:
        """The endpoints of the command line, each with a lasting id: waiting events follow a new URL."""
        ids = [str(uuid.uuid5(_FROM_COMMAND_LINE, str(index))) for index in range(10)]
        with self._store.transaction():
            for endpoint_id in ids[len(urls) :]:
                self._store.run("delete from endpoints where id = ?", (endpoint_id,))
            for endpoint_id, url in zip(ids, urls, strict=False):
                self._add(endpoint_id, url, "POST", secret, None)

    def create_endpoint(self, body: dict[str, Any]) -> dict[str, Any]:
        url, secret, events = body.get("url"), body.get("shared_secret"), body.get("events")
        errors: dict[str, str] = {}
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            errors["url"] = "is invalid"
        if not isinstance(secret, str) or not secret:
            errors |= {"shared_secret": "is required"}
        if events is not None and not (isinstance(events, list) and set(events) <= set(EVENT_TYPES)):
            errors["events"] = "holds an unknown event"
        if errors or not isinstance(url, str) or not isinstance(secret, str):
            raise invalid(**errors)
        endpoint_id, method = str(uuid.uuid4()), str(body.get("http_method") or "post").upper()
        self._add(endpoint_id, url, method, secret, events)
        return self.endpoint(endpoint_id)

    def _add(self, endpoint_id: str, url: str, method: str, secret: str, events: list[str] | None) -> None:
        self._store.run(
            "insert or replace into endpoints values (?, ?, ?, ?, ?, ?)",
            (
                endpoint_id,
                url,
                method,
                secret,
                json.dumps(events) if events else None,
                iso(self._store.now()),
            ),
        )

    def endpoints(self) -> list[dict[str, Any]]:
        """Without their secrets, as Moyasar answers."""
        return [
            {
                "id": row["id"],
                "http_method": row["method"].lower(),
                "url": row["url"],
                "events": json.loads(row["events"]) if row["events"] else list(EVENT_TYPES),
                "verified": True,
                "created_at": row["created_at"],
            }
            for row in self._store.rows("select * from endpoints order by created_at, id")
        ]

    def endpoint(self, endpoint_id: str) -> dict[str, Any]:
        for endpoint in self.endpoints():
            if endpoint["id"] == endpoint_id:
                return endpoint
        raise not_found()

    def delete_endpoint(self, endpoint_id: str) -> None:
        if not self._store.run("delete from endpoints where id = ?", (endpoint_id,)):
            raise not_found()

    def attempts(self, page: int) -> dict[str, Any]:
        rows = self._store.rows(
            "select doc from attempts order by rowid desc limit ? offset ?",
            (PAGE_SIZE + 1, (page - 1) * PAGE_SIZE),
        )
        more = len(rows) > PAGE_SIZE
        return {
            "attempts": [json.loads(row["doc"]) for row in rows[:PAGE_SIZE]],
            "meta": {
                "current_page": page,
                "next_page": page + 1 if more else None,
                "prev_page": page - 1 if page > 1 else None,
                "total_pages": None,
                "total_count": None,
            },
        }

    def attempt(self, attempt_id: str) -> dict[str, Any]:
        rows = self._store.rows("select doc from attempts where id = ?", (attempt_id,))
        if not rows:
            raise not_found()
        doc: dict[str, Any] = json.loads(rows[0]["doc"])
        return doc

    # Events

    def announce(self, event_type: str, data: dict[str, Any]) -> None:
        """Write the event down inside the change it is about; it is sent at once, perhaps even before the
        answer to the call that caused it."""
        if event_type not in EVENT_TYPES:
            return
        event_id = str(uuid.uuid4())
        with self._store.transaction():
            self._store.run(
                "insert into events values (?, ?, ?, ?, ?)",
                (
                    event_id,
                    event_type,
                    data.get("id"),
                    iso(self._store.now()),
                    json.dumps(data, ensure_ascii=False),
                ),
            )
            self._schedule(event_id, event_type)
        self._wake()

    def _schedule(self, event_id: str, event_type: str) -> int:
        scheduled = 0
        for row in self._store.rows("select id, events from endpoints"):
            if row["events"] is None or event_type in json.loads(row["events"]):
                scheduled += self._store.run(
                    "insert into deliveries (event_id, endpoint_id, due_at) values (?, ?, ?)",
                    (event_id, row["id"], time.time()),
                )
        return scheduled

    # Control, of this sandbox only

    def reorder(self, order: str) -> int:
        """Send what waits in another order, with a moment between two: "reversed" or "shuffled"."""
        with self._store.transaction():
            rows = self._store.rows("select id from deliveries where state = 'pending' order by due_at, id")
            ids = [int(row["id"]) for row in rows]
            if order == "reversed":
                ids.reverse()
            else:
                random.shuffle(ids)
            for place, delivery_id in enumerate(ids):
                due = time.time() + place * REORDERED_APART
                self._store.run("update deliveries set due_at = ? where id = ?", (due, delivery_id))
        return len(ids)

    def set_paused(self, paused: bool) -> None:
        self._store.set_setting("webhooks_paused", "1" if paused else "0")
        self._wake()

    @property
    def paused(self) -> bool:
        return self._store.setting("webhooks_paused", "0") == "1"

    def resend(self, *, event_id: str | None, payment_id: str | None, times: int) -> int:
        """Deliver known events again, under their own ids; tells how many deliveries that makes."""
        column, value = ("id", event_id) if event_id else ("payment_id", payment_id)
        events = self._store.rows(f"select id, type from events where {column} = ? order by rowid", (value,))  # noqa: S608
        if not events:
            raise not_found()
        with self._store.transaction():
            count = sum(self._schedule(row["id"], row["type"]) for _ in range(times) for row in events)
        self._wake()
        return count

    def discard(self) -> int:
        """Lose everything that waits to be sent, as if all attempts had failed."""
        return self._store.run("update deliveries set state = 'dropped' where state = 'pending'")

    def overview(self) -> dict[str, Any]:
        events = self._store.rows(
            "select e.id, e.type, e.payment_id, e.created_at, count(d.id) as deliveries,"
            " coalesce(sum(d.attempts), 0) as attempts, coalesce(sum(d.state = 'pending'), 0) as pending,"
            " coalesce(sum(d.state = 'delivered'), 0) as delivered"
            " from events e left join deliveries d on d.event_id = e.id"
            " group by e.id order by e.rowid desc limit 200"
        )
        pending = self._store.rows("select count(*) from deliveries where state = 'pending'")[0][0]
        return {
            "paused": self.paused,
            "pending": pending,
            "endpoints": self.endpoints(),
            "events": [dict(row) for row in events],
        }

    # Delivery

    def start(self) -> None:
        for _ in range(WORKERS):
            threading.Thread(target=self._work, daemon=True, name="webhooks").start()

    def stop(self) -> None:
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        with self._news:
            self._news_count += 1
            self._news.notify_all()

    def _work(self) -> None:
        while not self._stopping:
            seen = self._news_count
            with self._taking:
                delivery_id, wait = self._take()
            if delivery_id is not None:
                try:
                    self._deliver(delivery_id)
                finally:
                    self._in_hand.discard(delivery_id)
                continue
            # The store is never asked while `_news` is held: whoever wakes us may hold the store.
            with self._news:
                if self._news_count == seen:
                    self._news.wait(wait)

    def _take(self) -> tuple[int | None, float]:
        """The next delivery that is due, or how long to wait for one."""
        if self.paused:
            return None, 1.0
        rows = self._store.rows(
            "select id, due_at from deliveries where state = 'pending' order by due_at, id limit 50"
        )
        for row in rows:
            if row["id"] not in self._in_hand:
                wait = float(row["due_at"]) - time.time()
                if wait <= 0:
                    self._in_hand.add(row["id"])
                    return int(row["id"]), 0.0
                return None, min(wait, 1.0)
        return None, 1.0

    def _deliver(self, delivery_id: int) -> None:
        rows = self._store.rows(
            "select d.attempts, e.id, e.type, e.created_at, e.data,"
            " p.id as endpoint_id, p.url, p.method, p.secret"
            " from deliveries d join events e on e.id = d.event_id"
            " left join endpoints p on p.id = d.endpoint_id"
            " where d.id = ? and d.state = 'pending'",
            (delivery_id,),
        )
        if not rows:
            return
        row = rows[0]
        if row["url"] is None:
            self._store.run("update deliveries set state = 'dropped' where id = ?", (delivery_id,))
            return
        body = {
            "id": row["id"],
            "type": row["type"],
            "created_at": row["created_at"],
            "secret_token": row["secret"],
            "account_name": "Sandbox",
            "live": False,
            "data": json.loads(row["data"]),
        }
        code, headers, answer, trouble = _post(row["url"], row["method"], body, self._timeout)
        if self._stopping:
            return  # not written down, so the next start sends it again
        delivered, attempts = code is not None and 200 <= code < 300, row["attempts"] + 1
        state, due_at = "delivered" if delivered else "dropped", time.time()
        if not delivered and attempts <= len(self._waits):
            state, due_at = "pending", due_at + self._waits[attempts - 1]
        doc = {
            "id": str(uuid.uuid4()),
            "webhook_id": row["endpoint_id"],
            "event_id": row["id"],
            "event_type": row["type"],
            "retry_number": attempts,
            "result": "success" if delivered else "failed",
            "message": trouble,
            "response_code": code,
            "response_headers": headers,
            "response_body": answer,
            "created_at": iso(datetime.now(UTC)),
        }
        with self._store.transaction():
            self._store.run(
                "insert into attempts values (?, ?, ?)",
                (doc["id"], row["id"], json.dumps(doc, ensure_ascii=False)),
            )
            self._store.run(
                "update deliveries set attempts = ?, due_at = ?, state = ?"
                " where id = ? and state = 'pending'",
                (attempts, due_at, state, delivery_id),
            )


def _post(
    url: str, method: str, body: dict[str, Any], timeout: float
) -> tuple[int | None, dict[str, str], str | None, str | None]:
    """Status, headers and text of the merchant's answer, or what went wrong instead of one."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            method,
            path,
            json.dumps(body, ensure_ascii=False).encode(),
            {"Content-Type": "application/json", "User-Agent": "Moyasar-Sandbox/1", "Connection": "close"},
        )
        answer = connection.getresponse()
        text = answer.read(4096).decode("utf-8", "replace")
        return answer.status, dict(answer.getheaders()), text, None
    except (OSError, http.client.HTTPException) as error:
        return None, {}, None, type(error).__name__
    finally:
        connection.close()
