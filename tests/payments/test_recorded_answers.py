"""What each documented answer of Moyasar means to us: recorded shapes, served over HTTP to the adapter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from backend.payments import providers
from backend.payments.providers import CallMade, GatewayError
from tests.payments.test_moyasar_client import Pauses, charge, gateway_at, listening

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
NOT_FOUND = (
    404,
    "application/json",
    b'{"type":"record_not_found","message":"Record not found","errors":null}',
)
WORD = {
    "GatewayRefused": "refused",
    "GatewayFault": "fault",
    "GatewayUnknown": "unknown",
}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_documented_answer_is_understood_and_never_answered_by_sending_again(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    expected, subject = recorded["expected"], uuid4()
    body = recorded["body"]
    text = body if isinstance(body, str) else json.dumps(body).replace("$id", str(subject))
    answer = (recorded["status"], recorded["content_type"], text.encode())
    calls: list[CallMade] = []
    with listening(answer, NOT_FOUND, NOT_FOUND) as listener:
        gateway = gateway_at(f"{listener.url}/v1", sleep=Pauses(), observe=calls.append)
        ask = {
            "create": lambda: charge(gateway, given_id=subject),
            "fetch": lambda: gateway.fetch_payment(subject),
            "refund": lambda: gateway.refund_payment(subject, 100),
            "delete_token": lambda: gateway.delete_token("token_abc"),
            "cancel_invoice": lambda: gateway.cancel_invoice(subject),
        }[recorded["call"]]
        result, error = _outcome(ask)

    first, *later = calls
    assert first.status == recorded["status"]
    assert [call.verb for call in later] == ["fetch"] * len(later)
    assert bool(later) == expected.get("looked_up", False)
    if "error" in expected:
        assert type(error) is getattr(providers, expected["error"])
        assert first.outcome == (
            WORD[expected["error"]] if not later else ("refused" if recorded["status"] == 400 else "unknown")
        )
    elif expected.get("nothing"):
        assert (result, error) == (None, None)
    else:
        assert (result.status, result.response_code) == (expected["status"], expected["response_code"])


def _outcome(ask: Any) -> tuple[Any, GatewayError | None]:
    try:
        return ask(), None
    except GatewayError as error:
        return None, error


def test_every_recorded_answer_names_its_source() -> None:
    assert RECORDED
    assert all(json.loads(path.read_text(encoding="utf-8"))["source"] for path in RECORDED)
