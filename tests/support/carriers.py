"""Message companies on the loopback interface: they answer as documented, and as badly as ordered.

    with Twilio() as twilio:
        settings.TWILIO_BASE_URL = twilio.base_url
        twilio.answers("hang", "accept")      # the last one goes on

`accepted` holds every message a carrier took over, in order, so that a second sending shows whatever was answered.
"""

from __future__ import annotations

import functools
import json
import secrets
import socket
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SEND, DETAILS, WHATSAPP = "/rest/SMS/messages", "/rest/SMS/Messages/GetMessagesDetails", "/v1/messages"

HANGS_FOR = 8.0
"""Seconds a hanging carrier keeps silent: longer than the patience of any client under test."""

ACCEPTING_FAULTS = ("drop", "hang", "html", "empty", "broken", "array", "deep", "drip")
"""The message is taken over, and the answer does not say so."""
LOSING_FAULTS = ("lost", "deaf")
"""The request arrives whole and nobody takes the message over: dropped at once, silence."""
FAULTS = (*ACCEPTING_FAULTS, *LOSING_FAULTS)
SILENCES = frozenset({"hang", "deaf", "drip"})
"""What lasts until whoever asked loses patience."""


class Carrier:
    """What both have in common. A script names how the coming messages are answered:

    "accept", "slow" (accepts after a second), "latency" (accepts after a fifth of one), one of FAULTS, an HTTP
    status (with a body of no meaning), or what the company itself understands.
    """

    def __init__(self) -> None:
        self.accepted: list[dict[str, Any]] = []
        self.sent: list[dict[str, str]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.before_silence: Callable[[], None] = lambda: None
        self._script: list[Any] = ["accept"]
        self._lock = threading.Lock()
        self._closing = threading.Event()
        carrier = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                carrier._post(self, body)

            def do_GET(self) -> None:
                carrier._get(self)

            def do_HEAD(self) -> None:
                carrier.requests.append((self.path, dict(self.headers)))
                carrier._write(self, 404, b"")

            def log_message(self, *args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def answers(self, *script: Any) -> None:
        """How the coming requests for sending are answered; the last one goes on.

        Whoever fakes the patience of a client does so in `before_silence`: all other answers may take their time on
        a busy machine.
        """
        self._script = list(script)
        if any(isinstance(how, str) and how in SILENCES for how in script):
            self.before_silence()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self) -> Any:
        return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def _answer(
        self, handler: BaseHTTPRequestHandler, how: Any, accept: Callable[[], tuple[int, dict[str, Any]]]
    ) -> None:
        """One of the ways both share; `accept` takes the message over and says what to answer."""
        if isinstance(how, int):
            self._write(handler, how, b"oops")
            return
        if how == "lost":
            self._hang_up(handler)
            return
        if how == "deaf":
            self._closing.wait(HANGS_FOR)
            handler.close_connection = True
            return
        with self._lock:
            status, answer = accept()
        if how == "drop":
            self._hang_up(handler)
        elif how == "hang":
            self._closing.wait(HANGS_FOR)
            handler.close_connection = True
        elif how == "html":
            self._write(handler, 200, b"<html>hello</html>")
        elif how == "empty":
            self._write(handler, 200, b"")
        elif how == "broken":
            self._write(handler, status, json.dumps(answer).encode()[:-20])
        elif how == "array":
            self._write(handler, status, json.dumps([answer]).encode())
        elif how == "deep":
            self._write(handler, status, b"[" * 100_000)
        elif how == "drip":
            self._drip(handler, status, json.dumps(answer).encode())
        else:
            time.sleep({"slow": 1.0, "latency": 0.2}.get(how, 0.0))
            self._write(handler, status, json.dumps(answer).encode())

    def _drip(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        """A byte now and then: no gap is long enough for a timeout between two bytes."""
        handler.send_response_only(status, "Slowly")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        try:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                if self._closing.wait(0.1):
                    return
        except OSError:
            handler.close_connection = True

    @staticmethod
    def _hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    @staticmethod
    def _write(
        handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        handler.send_response_only(status, "Because")
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _post(self, handler: BaseHTTPRequestHandler, body: str) -> None:
        raise NotImplementedError

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        self._write(handler, 404, b"nothing here")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that lost patience is part of the test."""


class Twilio(Carrier):
    """Messages of one account. A script may also hold `(status, code)`, an error answer of Twilio's, and
    `("problem", status, code)`, the same as problem details; "failed-30006" is a message that failed at once.
    """

    account_sid = "AC" + "0a" * 16
    auth_token = "token-of-the-stand-in"
    messaging_service_sid = "MG" + "0b" * 16
    content_sids = {"ar": "HX" + "0c" * 16, "en": "HX" + "0d" * 16}

    def __init__(self) -> None:
        super().__init__()
        self.listing = "list"

    @property
    def path(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}/Messages.json"

    def settings(self, *, whatsapp: bool = False) -> dict[str, Any]:
        """What the adapter needs to talk to this one."""
        return {
            "TWILIO_BASE_URL": self.base_url,
            "TWILIO_ACCOUNT_SID": self.account_sid,
            "TWILIO_AUTH_TOKEN": self.auth_token,
            "TWILIO_FROM": "Mawid",
            "TWILIO_MESSAGING_SERVICE_SID": "",
            "TWILIO_PROMOTION_FROM": "Mawid-AD",
            "TWILIO_WHATSAPP_FROM": "+966500000000" if whatsapp else "",
            "TWILIO_WHATSAPP_OTP_CONTENT_SID": self.content_sids if whatsapp else {"ar": "", "en": ""},
        }

    def _post(self, handler: BaseHTTPRequestHandler, body: str) -> None:
        form = dict(parse_qsl(body, keep_blank_values=True))
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
            self.sent.append(form)
            how = self._next()
        refusal = self._at_the_door(handler)
        if refusal is not None:
            how = refusal
        if isinstance(how, tuple):
            self._refuse(handler, how)
        else:
            failed = str(how).startswith("failed-")
            self._answer(handler, "accept" if failed else how, lambda: (201, self._accept(form, how)))

    def _at_the_door(self, handler: BaseHTTPRequestHandler) -> tuple[int, int] | None:
        if handler.path.partition("?")[0] != self.path:
            return 404, 20404
        given = handler.headers.get("Authorization", "").removeprefix("Basic ")
        if b64decode(given).decode() != f"{self.account_sid}:{self.auth_token}":
            return 401, 20003
        return None

    def _refuse(self, handler: BaseHTTPRequestHandler, how: tuple[Any, ...]) -> None:
        status, code = how[-2:]
        said = f"The 'To' number +966512345678 is a problem ({code})."
        page = f"https://www.twilio.com/docs/errors/{code}"
        if how[0] == "problem":
            answer = {"type": page, "title": said, "status": status, "code": code, "detail": said}
        else:
            answer = {"code": code, "message": said, "more_info": page, "status": status}
        self._write(handler, status, json.dumps(answer).encode())

    def _accept(self, form: dict[str, str], how: str = "accept") -> dict[str, Any]:
        sid, now = f"SM{secrets.token_hex(16)}", format_datetime(datetime.now(UTC))
        through_service = "MessagingServiceSid" in form
        message = {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": form.get("Body", "a message of an approved content"),
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": None if through_service else form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": "0" if through_service else "1",
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "accepted" if through_service else "queued",
            "subresource_uris": {"media": f"{self.path.removesuffix('.json')}/{sid}/Media.json"},
            "to": form["To"],
            "uri": f"{self.path.removesuffix('.json')}/{sid}.json",
        }
        if how.startswith("failed-"):
            return message | {"status": "failed", "error_code": int(how.removeprefix("failed-"))}
        if how == "accept-without-sid":
            message["sid"] = None
        self.accepted.append(message)
        return message

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
        refusal = self._at_the_door(handler)
        if refusal is not None or self.listing == "refused":
            self._refuse(handler, refusal or (500, 20500))
        elif self.listing == "broken":
            self._write(handler, 200, b'{"messages": [')
        else:
            query = dict(parse_qsl(urlsplit(handler.path).query))
            rows = [message for message in reversed(self.accepted) if message["to"] == query.get("To")]
            page = {"messages": rows, "next_page_uri": None, "page": 0, "page_size": 50, "uri": handler.path}
            self._write(handler, 200, json.dumps(page).encode())


class Unifonic(Carrier):
    """Both APIs of Unifonic. `sent` is what was posted for sending a text, `kept` what it took over by reference.

    A script may also hold "accept-text" (`success` as text), "accept-without-id", and an "ER-.." code, which comes
    with 200. With `envelope` a status brings the documented error object.
    """

    public_id, secret = "public-1", "secret-1"

    def __init__(self) -> None:
        super().__init__()
        self.whatsapp: list[dict[str, Any]] = []
        self.kept: dict[str, int] = {}
        self.details = "list"
        self.envelope = False
        self.id_name = "messageId"

    def answers(self, *script: Any, envelope: bool = False) -> None:
        super().answers(*script)
        self.envelope = envelope

    def settings(self, *, whatsapp: bool = False) -> dict[str, Any]:
        """What the adapter needs to talk to this one."""
        return {
            "UNIFONIC_BASE_URL": self.base_url,
            "UNIFONIC_APP_SID": "sid-1",
            "UNIFONIC_SENDER_ID": "Mawid",
            "UNIFONIC_PROMOTION_SENDER_ID": "Mawid-AD",
            "UNIFONIC_MESSAGE_TYPE": True,
            "UNIFONIC_BASIC_USER": "",
            "UNIFONIC_BASIC_PASSWORD": "",
            "UNIFONIC_WHATSAPP_BASE_URL": self.base_url,
            "UNIFONIC_WHATSAPP_PUBLIC_ID": self.public_id if whatsapp else "",
            "UNIFONIC_WHATSAPP_SECRET": self.secret if whatsapp else "",
            "UNIFONIC_WHATSAPP_OTP_TEMPLATE": "mawid_code" if whatsapp else "",
        }

    def _post(self, handler: BaseHTTPRequestHandler, body: str) -> None:
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
        if handler.path == WHATSAPP:
            self._post_whatsapp(handler, json.loads(body))
            return
        form = dict(parse_qsl(body, keep_blank_values=True))
        if handler.path == DETAILS:
            self._serve_details(handler, form)
            return
        with self._lock:
            self.sent.append(form)
            how = self._next()
        if isinstance(how, int) and self.envelope:
            refusal = {"success": False, "message": "no", "errorCode": "ER-99", "data": {}}
            self._write(handler, how, json.dumps(refusal).encode())
        elif isinstance(how, str) and how.startswith("ER-"):
            refusal = {"success": False, "message": "no", "errorCode": how, "data": {}}
            self._write(handler, 200, json.dumps(refusal).encode())
        else:
            self._answer(handler, how, lambda: (200, self._accept(form, how)))

    def _accept(self, form: dict[str, str], how: str) -> dict[str, Any]:
        if how == "accept-without-id":
            return {"success": True, "errorCode": "ER-00", "data": {}}
        number = 3200017889310 + len(self.accepted)
        self.kept[form["CorrelationID"]] = number
        self.accepted.append(dict(form))
        data = {"MessageID": number, "Status": "Queued", "NumberOfUnits": 1}
        success: Any = "true" if how == "accept-text" else True
        return {"success": success, "message": "", "errorCode": "ER-00", "data": data}

    def _post_whatsapp(self, handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
        with self._lock:
            self.whatsapp.append(message)
            how = self._next()
        given = (handler.headers.get("PublicId"), handler.headers.get("Secret"))
        if given != (self.public_id, self.secret):
            how = 401

        def accept() -> tuple[int, dict[str, Any]]:
            self.accepted.append(message)
            if how == "accept-without-id":
                return 200, {"status": "ok"}
            return 200, {self.id_name: f"wa-{len(self.accepted)}"}

        self._answer(handler, how, accept)

    def _serve_details(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        if self.details != "list":
            self._write(handler, 404, b"nothing here")
            return
        wanted = form["CorrelationID"]
        rows = [
            {"MessageID": number, "CorrelationID": key, "Status": "Sent"}
            for key, number in self.kept.items()
            if key == wanted
        ]
        answer = {"success": "true", "message": "", "errorCode": "ER-00", "data": {"messages": rows}}
        self._write(handler, 200, json.dumps(answer).encode())


@functools.cache
def _service_account_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Fcm(Carrier):
    """FCM's HTTP v1 API and the token endpoint of one service account.

    A script may also hold a key of `errors`, `(status, "CODE")` for an error object with FCM's own code, and
    `(status, "CODE", headers)`. `tokens` scripts what the token endpoint does, in the same words.
    """

    project = "mawid-test"
    errors = {
        # As seen in print: a wrong token carries FCM's detail, a wrong payload the fields that are wrong.
        "bad-token": (400, "INVALID_ARGUMENT", ["INVALID_ARGUMENT"], []),
        "bad-payload": (400, "INVALID_ARGUMENT", [], ["message.android.ttl"]),
        "bad-payload-with-code": (400, "INVALID_ARGUMENT", ["INVALID_ARGUMENT"], ["message.android.ttl"]),
        "bare-400": (400, "INVALID_ARGUMENT", [], []),
        "stale-access-token": (401, "UNAUTHENTICATED", [], []),
        "no-permission": (403, "PERMISSION_DENIED", [], []),
        "no-project": (404, "NOT_FOUND", [], []),
    }

    def __init__(self) -> None:
        super().__init__()
        self._key = _service_account_key()
        self.messages: list[dict[str, Any]] = []
        self.assertions: list[dict[str, Any]] = []
        self.granted: list[str] = []
        self.tokens: Any = "accept"
        self.lives: Any = 3599

    def settings(self) -> dict[str, Any]:
        """What the adapter needs to talk to this one."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "FCM_BASE_URL": self.base_url,
            "FCM_PROJECT_ID": self.project,
            "FCM_SERVICE_ACCOUNT": {
                "type": "service_account",
                "project_id": self.project,
                "private_key_id": "key-1",
                "private_key": pem,
                "client_email": "push@mawid-test.iam.gserviceaccount.com",
                "token_uri": f"{self.base_url}/token",
            },
            "PUSH_PROVIDER": ["fcm"],
        }

    def _post(self, handler: BaseHTTPRequestHandler, body: str) -> None:
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
        if handler.path == "/token":
            self._grant(handler, dict(parse_qsl(body)))
            return
        message = json.loads(body)["message"]
        with self._lock:
            self.messages.append(message)
            how = self._next()
        if handler.headers.get("Authorization") != f"Bearer {self.granted[-1]}":
            how = "stale-access-token"
        if isinstance(how, tuple):
            status, code, *headers = how
            self._refuse(handler, status, code, [code], [], dict(*headers))
        elif how in self.errors:
            self._refuse(handler, *self.errors[how], {})
        else:
            self._answer(handler, how, lambda: (200, self._accept(message, how)))

    def _accept(self, message: dict[str, Any], how: str) -> dict[str, Any]:
        self.accepted.append(message)
        if how == "accept-without-name":
            return {}
        return {"name": f"projects/{self.project}/messages/0:{len(self.accepted)}"}

    def _refuse(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        code: str,
        own_codes: list[str],
        fields: list[str],
        headers: dict[str, str],
    ) -> None:
        details: list[dict[str, Any]] = [
            {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": own}
            for own in own_codes
        ]
        if fields:
            violations = [{"field": field, "description": "no"} for field in fields]
            details.append(
                {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
            )
        error = {"code": status, "message": "no", "status": code, "details": details}
        self._write(handler, status, json.dumps({"error": error}).encode(), headers)

    def _grant(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self._write(handler, 400, b'{"error": "unsupported_grant_type"}')
            return
        claims = jwt.decode(
            form["assertion"], self._key.public_key(), algorithms=["RS256"], audience=f"{self.base_url}/token"
        )

        def accept() -> tuple[int, dict[str, Any]]:
            self.assertions.append(claims)
            self.granted.append(f"access-{len(self.assertions)}")
            return 200, {
                "access_token": self.granted[-1],
                "expires_in": self.lives,
                "token_type": "Bearer",
            }

        if isinstance(self.tokens, int):
            self._write(handler, self.tokens, b'{"error": "invalid_grant"}')
        else:
            self._answer(handler, self.tokens, accept)


class Postmark(Carrier):
    """One of the services that django-anymail speaks to. A script may also hold `(status, ErrorCode)`."""

    said = {
        300: "Invalid 'To' address: '{to}'.",
        406: "You tried to send to a recipient that has been marked as inactive.\nFound inactive addresses: {to}.\n"
        "Inactive recipients are ones that have generated a hard bounce or a spam complaint.",
    }

    def settings(self) -> dict[str, Any]:
        """What the adapter needs to talk to this one."""
        return {
            "EMAIL_SERVICE": "postmark",
            "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
            "ANYMAIL": {
                "POSTMARK_SERVER_TOKEN": "token-of-the-stand-in",
                "POSTMARK_API_URL": f"{self.base_url}/",
                "REQUESTS_TIMEOUT": (1, 1),
            },
        }

    def _post(self, handler: BaseHTTPRequestHandler, body: str) -> None:
        message = json.loads(body)
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
            how = self._next()
        if isinstance(how, tuple):
            status, code = how
            said = self.said.get(code, "No: {to}").format(to=message["To"])
            self._write(handler, status, json.dumps({"ErrorCode": code, "Message": said}).encode())
        else:
            self._answer(handler, how, lambda: (200, self._accept(message)))

    def _accept(self, message: dict[str, Any]) -> dict[str, Any]:
        self.accepted.append(message)
        number = f"0a1b-{len(self.accepted)}"
        return {"To": message["To"], "MessageID": number, "ErrorCode": 0, "Message": "OK"}
