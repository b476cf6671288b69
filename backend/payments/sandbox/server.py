"""The sandbox on the wire: Moyasar's API under /v1, pages under /3ds and /invoices, controls under /sandbox."""

from __future__ import annotations

import json
import re
import secrets
import socket
import sys
import threading
import traceback
import uuid
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from backend.payments.sandbox import control, pages
from backend.payments.sandbox.errors import ApiError, forbidden, invalid, not_found, refused, unauthenticated
from backend.payments.sandbox.faults import Calls, Fault, Faults
from backend.payments.sandbox.invoices import Invoices
from backend.payments.sandbox.payments import Payments
from backend.payments.sandbox.settlements import Settlements
from backend.payments.sandbox.store import Store
from backend.payments.sandbox.values import whole_number
from backend.payments.sandbox.webhooks import EVENT_TYPES, Webhooks

API_BODY_LIMIT = 1024 * 1024
CONTROL_BODY_LIMIT = 64 * 1024 * 1024
JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"


@dataclass
class Answer:
    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False).encode())


@dataclass
class Call:
    """One request to /v1, after its key was checked."""

    body: dict[str, Any]
    query: dict[str, str]
    ip: str


class Sandbox(ThreadingHTTPServer):
    """Everything the handlers share. Binds loopback only."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(
        self,
        port: int,
        *,
        store: Store,
        secret_key: str,
        publishable_key: str,
        retry_scale: float,
        webhook_timeout: float,
        public_url: str | None = None,
        single_refund: bool = False,
        verbose: bool = False,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        self.store = store
        self.secret_key = secret_key
        self.publishable_key = publishable_key
        self.verbose = verbose
        self.webhooks = Webhooks(store, retry_scale=retry_scale, timeout=webhook_timeout)
        self.payments = Payments(
            store,
            announce=self.webhooks.announce,
            public_url=(public_url or self.origin).rstrip("/"),
            single_refund=single_refund,
        )
        self.invoices = Invoices(store, self.payments, public_url=(public_url or self.origin).rstrip("/"))
        self.settlements = Settlements(store, announce=self.webhooks.announce)
        self.faults = Faults()
        self.calls = Calls()
        self.stopping = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair; anything else is a fault of this sandbox."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


Operation = Callable[[Sandbox, Call, str], tuple[int, Any]]
"""Status and body, given the id in the path; a body of None is sent empty."""


def _page_number(call: Call) -> int:
    return max(whole_number(call.query.get("page")) or 1, 1)


# Method, path below /v1, whether the publishable key may, operation.
_ID = "([^/]+)"
ROUTES: list[tuple[str, re.Pattern[str], bool, Operation]] = [
    (method, re.compile(pattern), publishable, operation)
    for method, pattern, publishable, operation in (
        ("POST", "/payments", True, lambda s, c, _: (201, s.payments.create(c.body, ip=c.ip))),
        ("GET", "/payments", False, lambda s, c, _: (200, s.payments.list(c.query))),
        ("GET", f"/payments/{_ID}", False, lambda s, c, i: (200, s.payments.fetch(i))),
        ("PUT", f"/payments/{_ID}", False, lambda s, c, i: (200, s.payments.update(i, c.body))),
        ("POST", f"/payments/{_ID}/capture", False, lambda s, c, i: (200, s.payments.capture(i, c.body))),
        ("POST", f"/payments/{_ID}/void", False, lambda s, c, i: (200, s.payments.void(i))),
        ("POST", f"/payments/{_ID}/refund", False, lambda s, c, i: (200, s.payments.refund(i, c.body))),
        ("POST", "/tokens", True, lambda s, c, _: (201, s.payments.create_token(c.body))),
        ("GET", f"/tokens/{_ID}", False, lambda s, c, i: (200, s.payments.fetch_token(i))),
        ("DELETE", f"/tokens/{_ID}", False, lambda s, c, i: (204, s.payments.delete_token(i))),
        ("POST", "/invoices", False, lambda s, c, _: (201, s.invoices.create(c.body))),
        ("GET", "/invoices", False, lambda s, c, _: (200, s.invoices.list(c.query))),
        ("GET", f"/invoices/{_ID}", False, lambda s, c, i: (200, s.invoices.fetch(i))),
        ("PUT", f"/invoices/{_ID}", False, lambda s, c, i: (200, s.invoices.update(i, c.body))),
        ("PUT", f"/invoices/{_ID}/cancel", False, lambda s, c, i: (200, s.invoices.cancel(i))),
        ("GET", "/settlements", False, lambda s, c, _: (200, s.settlements.list(c.query))),
        ("GET", f"/settlements/{_ID}", False, lambda s, c, i: (200, s.settlements.fetch(i))),
        ("GET", f"/settlements/{_ID}/lines", False, lambda s, c, i: (200, s.settlements.lines(i, c.query))),
        ("GET", "/webhooks", False, lambda s, c, _: (200, {"webhooks": s.webhooks.endpoints()})),
        ("POST", "/webhooks", False, lambda s, c, _: (201, s.webhooks.create_endpoint(c.body))),
        ("GET", "/webhooks/available_events", False, lambda s, c, _: (200, {"events": list(EVENT_TYPES)})),
        ("GET", "/webhooks/attempts", False, lambda s, c, _: (200, s.webhooks.attempts(_page_number(c)))),
        ("GET", f"/webhooks/attempts/{_ID}", False, lambda s, c, i: (200, s.webhooks.attempt(i))),
        ("GET", f"/webhooks/{_ID}", False, lambda s, c, i: (200, s.webhooks.endpoint(i))),
        ("DELETE", f"/webhooks/{_ID}", False, lambda s, c, i: (204, s.webhooks.delete_endpoint(i))),
    )
]


class Handler(BaseHTTPRequestHandler):
    server: Sandbox
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 64 * 1024  # head and body leave together
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def version_string(self) -> str:
        return "MoyasarSandbox/1"

    def log_message(self, format: str, *args: Any) -> None:
        """Only in `_answer`, without query strings."""

    def _handle(self) -> None:
        path = urlsplit(self.path).path
        api = path.startswith("/v1/")
        try:
            body = self._read_body(API_BODY_LIMIT if api else CONTROL_BODY_LIMIT)
            if api:
                self._api(path.removeprefix("/v1"), body)
            elif path.startswith("/3ds/"):
                self._answer(self._bank_page(path, body))
            elif path.startswith("/invoices/"):
                self._answer(self._invoice_page(path, body))
            elif path == "/sandbox" or path.startswith("/sandbox/"):
                status, value = control.handle(self.server, self.command, path, body)
                self._answer(json_answer(status, value))
            else:
                raise not_found()
        except ApiError as error:
            self._answer(json_answer(error.status, error.body()))
        except OSError:
            raise
        except Exception:
            traceback.print_exc()
            self._answer(json_answer(500, ApiError(500, "api_error", "Sandbox fault").body()))

    def _read_body(self, limit: int) -> bytes:
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "invalid_request_error", "Content-Length is required")
        length = whole_number(self.headers.get("Content-Length") or "0")
        if length is None or length > limit:
            self.close_connection = True
            raise ApiError(413, "invalid_request_error", "The body is too large")
        return self.rfile.read(length)

    # /v1

    def _api(self, path: str, body: bytes) -> None:
        self.server.calls.arrived(self.command, path)
        agent = self.headers.get("User-Agent", "")
        if not agent or agent.startswith("Python-urllib"):
            # The CDN in front of the real API refuses the default agent; this one does too.
            self._answer(Answer(403, pages.BLOCKED.encode(), HTML_TYPE))
            return
        fault = self.server.faults.take(self.command, path)
        if fault is not None and fault.kind == "latency":
            self.server.stopping.wait(fault.seconds)
        if fault is None or fault.acts:
            answer = self._carry_out(path, body)
            self.server.calls.carried_out(self.command, path, answer.status)
        else:
            answer = json_answer(200, {})
        self._answer_badly(answer, fault) if fault is not None else self._answer(answer)

    def _carry_out(self, path: str, body: bytes) -> Answer:
        try:
            query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            values = self._parse(body)
            call = Call(values, query, str(self.client_address[0]))
            if match := re.fullmatch(r"/stc_pays/([^/]+)/proceed", path):
                # The payer's phone posts here; the secret in the URL is its only credential.
                if self.command != "POST":
                    raise not_found()
                otp = values.get("otp_value")
                doc = self.server.payments.finish_stcpay(match[1], query.get("otp_token", ""), otp)
                return json_answer(200, doc)
            publishable = self._key(values, query)
            for method, pattern, publishable_may, operation in ROUTES:
                match = pattern.fullmatch(path)
                if match and method == self.command:
                    if publishable and not publishable_may:
                        raise forbidden()
                    status, value = operation(self.server, call, unquote(match[1]) if match.groups() else "")
                    return Answer(status) if value is None else json_answer(status, value)
            raise not_found()
        except ApiError as error:
            return json_answer(error.status, error.body())

    def _key(self, values: dict[str, Any], query: dict[str, str]) -> bool:
        """Whether the caller holds only the publishable key. Raises ApiError for a key we do not know."""
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        given = values.pop("publishable_api_key", None) or query.pop("publishable_api_key", None)
        if kind.lower() == "basic":
            try:
                given = b64decode(encoded.strip(), validate=True).decode().partition(":")[0]
            except ValueError:
                raise unauthenticated() from None
            if secrets.compare_digest(given.encode(), self.server.secret_key.encode()):
                return False
        if isinstance(given, str) and secrets.compare_digest(
            given.encode(), self.server.publishable_key.encode()
        ):
            return True
        raise unauthenticated()

    def _parse(self, body: bytes) -> dict[str, Any]:
        """The fields, from JSON or from a form with `source[type]` names."""
        if not body.strip():
            return {}
        if "x-www-form-urlencoded" in self.headers.get("Content-Type", ""):
            return _unfold(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise refused("The body is not JSON") from None
        if not isinstance(value, dict):
            raise refused("The body is not a JSON object")
        return value

    # /3ds

    def _bank_page(self, path: str, body: bytes) -> Answer:
        match = re.fullmatch(r"/3ds/([^/]+)/([^/]+)", path)
        try:
            if match is None or self.command not in ("GET", "POST"):
                raise not_found()
            record = self.server.payments.payer_page(match[1], match[2])
            if self.command == "POST":
                result = dict(parse_qsl(body.decode("utf-8", "replace"))).get("result", "")
                record = self.server.payments.finish(match[1], result)
        except ApiError as error:
            return Answer(error.status, pages.unknown().encode(), HTML_TYPE)
        back = self.server.payments.return_url(record)
        if self.command == "POST" and back is not None:
            return Answer(302, headers={"Location": back})
        if record.doc["status"] != "initiated":
            return Answer(200, pages.finished(record, back).encode(), HTML_TYPE)
        return Answer(200, pages.challenge(record).encode(), HTML_TYPE)

    def _invoice_page(self, path: str, body: bytes) -> Answer:
        match = re.fullmatch(r"/invoices/([^/]+)/([^/]+)", path)
        try:
            if match is None or self.command not in ("GET", "POST"):
                raise not_found()
            record = self.server.invoices.behind(match[1], match[2])
            if self.command == "POST" and record.doc["status"] in ("initiated", "failed"):
                choice = dict(parse_qsl(body.decode("utf-8", "replace"))).get("choice", "")
                onward = self.server.invoices.pay(record, choice, ip=str(self.client_address[0]))
                if onward is not None:
                    return Answer(302, headers={"Location": onward})
                record = self.server.invoices.behind(match[1], match[2])
        except ApiError as error:
            return Answer(error.status, pages.unknown().encode(), HTML_TYPE)
        declined = self.command == "POST" and record.doc["status"] == "initiated"
        return Answer(200, pages.invoice(record, declined=declined).encode(), HTML_TYPE)

    # Answers

    def _answer(self, answer: Answer, *, announced: int | None = None) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body) if announced is None else announced))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Request-Id", str(uuid.uuid4()))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)
        if self.server.verbose:
            sys.stderr.write(f"{self.command} {urlsplit(self.path).path} {answer.status}\n")

    def _answer_badly(self, answer: Answer, fault: Fault) -> None:
        if fault.kind == "latency":
            self._answer(answer)
        elif fault.kind == "status":
            kind = "rate_limit_error" if fault.status == 429 else "api_error"
            self._answer(json_answer(fault.status, ApiError(fault.status, kind, "Ordered fault").body()))
        elif fault.kind == "html":
            self._answer(Answer(403, pages.BLOCKED.encode(), HTML_TYPE))
        elif fault.kind == "malformed":
            self._answer(Answer(answer.status, answer.body[: len(answer.body) // 2] or b'{"id":'))
        elif fault.kind == "cut":
            self.close_connection = True
            self._answer(Answer(answer.status, answer.body[:-20]), announced=len(answer.body))
        else:
            if fault.kind == "timeout_after_acting":
                self.server.stopping.wait(fault.seconds)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


def _unfold(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`source[type]=token` as `{"source": {"type": "token"}}`, to any depth."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        head, *rest = re.findall(r"[^\[\]]+", name) or [name]
        place = result
        for step in (head, *rest)[:-1]:
            inner = place.setdefault(step, {})
            if not isinstance(inner, dict):
                raise invalid(**{head: "is both a value and an object"})
            place = inner
        place[(head, *rest)[-1]] = value
    return result
