"""What demos and tests may do to the sandbox, outside the protocol of the company it stands for.

GET    /sandbox                     state in one look
POST   /sandbox/payments            import: a JSON array, {"payments": [...]} or JSON lines
POST   /sandbox/pay/{payment_id}    {"result": "AUTHENTICATED" | "UNAUTHENTICATED" | "CANCELLED"}
POST   /sandbox/faults              one order or a list; GET shows, DELETE clears
GET    /sandbox/calls               how often each operation was called; DELETE starts anew
GET    /sandbox/webhooks            events and what waits
POST   /sandbox/webhooks/pause      nothing is sent until resume
POST   /sandbox/webhooks/resume
POST   /sandbox/webhooks/resend     {"event_id" or "payment_id", "times": 1}
POST   /sandbox/webhooks/discard    lose what waits
POST   /sandbox/clock               {"advance_seconds": 900}
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from backend.payments.sandbox.errors import invalid, not_found, refused
from backend.payments.sandbox.values import iso, whole_number

if TYPE_CHECKING:
    from backend.payments.sandbox.server import Sandbox


def handle(sandbox: Sandbox, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON of one control call. Raises ApiError."""
    action = f"{method} {path.removeprefix('/sandbox').rstrip('/')}"
    if match := re.fullmatch(r"POST /pay/([^/]+)", action):
        result = _object(body).get("result", "AUTHENTICATED")
        return 200, sandbox.payments.finish(match[1], str(result)).doc
    match action:
        case "GET ":
            return 200, {
                "sandbox": "moyasar",
                "now": iso(sandbox.store.now()),
                "payments": sandbox.store.count_payments(),
                "webhooks_paused": sandbox.webhooks.paused,
                "faults_waiting": len(sandbox.faults.waiting()),
            }
        case "POST /payments":
            return 200, sandbox.payments.import_rows(_rows(body))
        case "POST /faults":
            for order in _rows(body):
                sandbox.faults.add(order)
            return 200, {"faults": sandbox.faults.waiting()}
        case "GET /faults":
            return 200, {"faults": sandbox.faults.waiting()}
        case "DELETE /faults":
            sandbox.faults.clear()
            return 200, {"faults": []}
        case "GET /calls":
            return 200, sandbox.calls.overview()
        case "DELETE /calls":
            sandbox.calls.clear()
            return 200, sandbox.calls.overview()
        case "GET /webhooks":
            return 200, sandbox.webhooks.overview()
        case "POST /webhooks/pause" | "POST /webhooks/resume":
            sandbox.webhooks.set_paused(action.endswith("pause"))
            return 200, {"paused": sandbox.webhooks.paused}
        case "POST /webhooks/resend":
            return 200, {"deliveries": _resend(sandbox, _object(body))}
        case "POST /webhooks/discard":
            return 200, {"discarded": sandbox.webhooks.discard()}
        case "POST /clock":
            return 200, {"now": _advance(sandbox, _object(body))}
    raise not_found()


def _resend(sandbox: Sandbox, body: dict[str, Any]) -> int:
    event_id, payment_id, times = (
        body.get("event_id"),
        body.get("payment_id"),
        whole_number(body.get("times", 1)),
    )
    if (event_id is None) == (payment_id is None):
        raise invalid(event_id="name an event or a payment")
    if times is None or not 1 <= times <= 100:
        raise invalid(times="is a number up to 100")
    return sandbox.webhooks.resend(event_id=event_id, payment_id=payment_id, times=times)


def _advance(sandbox: Sandbox, body: dict[str, Any]) -> str:
    seconds = body.get("advance_seconds")
    if not isinstance(seconds, int | float) or not 0 <= seconds <= 10**9:
        raise invalid(advance_seconds="is a number of seconds forward")
    with sandbox.store.transaction():
        offset = float(sandbox.store.setting("clock_offset", "0")) + seconds
        sandbox.store.set_setting("clock_offset", str(offset))
    return iso(sandbox.store.now())


def _object(body: bytes) -> dict[str, Any]:
    value = _json(body) if body.strip() else {}
    if not isinstance(value, dict):
        raise refused("The body is not a JSON object")
    return value


def _rows(body: bytes) -> list[Any]:
    """An array, an object around one, a single object, or one object a line."""
    try:
        value = json.loads(body)
    except ValueError:
        return [_json(line) for line in body.splitlines() if line.strip()]
    if isinstance(value, dict) and isinstance(value.get("payments"), list):
        return list(value["payments"])
    return value if isinstance(value, list) else [value]


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise refused("The body is not JSON") from None
