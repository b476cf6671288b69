"""What demos and tests may do to the sandbox, outside the protocol of the company it stands for.

GET    /sandbox                     state in one look
POST   /sandbox/payments            import: a JSON array, {"payments": [...]} or JSON lines
POST   /sandbox/pay/{payment_id}    {"result": "AUTHENTICATED" | "UNAUTHENTICATED" | "CANCELLED"}
POST   /sandbox/lapse/{payment_id}  the issuer drops a hold, and nobody is told
POST   /sandbox/settlements         {"until": now, "chargebacks": [payment ids]}: send what moved to the bank
POST   /sandbox/settings            {"single_refund": true}: refuse a second refund of one payment
POST   /sandbox/faults              one order or a list; GET shows, DELETE clears
GET    /sandbox/calls               how often each operation was called; DELETE starts anew
GET    /sandbox/webhooks            events and what waits
POST   /sandbox/webhooks/pause      nothing is sent until resume
POST   /sandbox/webhooks/resume     {"order": "reversed" | "shuffled"} sends what waited in that order
POST   /sandbox/webhooks/resend     {"event_id" or "payment_id", "times": 1}
POST   /sandbox/webhooks/discard    lose what waits
POST   /sandbox/clock               {"advance_seconds": 900}
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from backend.payments.sandbox.errors import invalid, not_found, refused
from backend.payments.sandbox.values import iso, parse_moment, whole_number

if TYPE_CHECKING:
    from backend.payments.sandbox.server import Sandbox


def handle(sandbox: Sandbox, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON of one control call. Raises ApiError."""
    action = f"{method} {path.removeprefix('/sandbox').rstrip('/')}"
    if match := re.fullmatch(r"POST /pay/([^/]+)", action):
        result = _object(body).get("result", "AUTHENTICATED")
        return 200, sandbox.payments.finish(match[1], str(result)).doc
    if match := re.fullmatch(r"POST /lapse/([^/]+)", action):
        return 200, sandbox.payments.lapse(match[1]).doc
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
        case "POST /settlements":
            return 200, _settle(sandbox, _object(body))
        case "POST /settings":
            single = _object(body).get("single_refund")
            if not isinstance(single, bool):
                raise invalid(single_refund="is true or false")
            sandbox.payments.single_refund = single
            return 200, {"single_refund": single}
        case "POST /webhooks/pause":
            sandbox.webhooks.set_paused(True)
            return 200, {"paused": True}
        case "POST /webhooks/resume":
            order = _object(body).get("order")
            if order not in (None, "reversed", "shuffled"):
                raise invalid(order="is reversed or shuffled")
            if order is not None:
                sandbox.webhooks.reorder(order)
            sandbox.webhooks.set_paused(False)
            return 200, {"paused": False}
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


def _settle(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    until, chargebacks = parse_moment(body.get("until")), body.get("chargebacks", [])
    if body.get("until") is not None and until is None:
        raise invalid(until="is not a time")
    if not isinstance(chargebacks, list) or not all(isinstance(one, str) for one in chargebacks):
        raise invalid(chargebacks="is a list of payment ids")
    return sandbox.settlements.settle(until=until, chargebacks=chargebacks)


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
