"""The Moyasar adapter on the wire, against the sandbox gateway as a process of its own.

What matters most: after any failure the adapter says truthfully whether money may have moved, and it never
sends the same charge or refund a second time by itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.payments.providers import (
    GatewayError,
    GatewayFault,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    WebhookUnreadable,
    WebhookUnverified,
)
from backend.payments.providers.moyasar import MoyasarGateway
from tests.support.sandbox import ROOT, SandboxProcess

NEXT_YEAR = datetime.now(UTC).year + 1
CALLBACK = "https://salon.example/pay/return"
SILENT_FOR = {"seconds": 5}


def card(number: str, **rest: Any) -> dict[str, Any]:
    known = {"type": "creditcard", "name": "Noura Test", "month": "12", "year": str(NEXT_YEAR), "cvc": "123"}
    return known | {"number": number} | rest


MADA_OK, MADA_POOR, VISA_FRICTIONLESS = "4201320111111010", "4201320000311101", "4111114005765430"


@dataclass
class Pauses:
    """Stands in for sleeping; `then` happens meanwhile."""

    taken: list[float] = field(default_factory=list)
    then: Any = None

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        if self.then is not None:
            self.then()


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxProcess]:
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: SandboxProcess) -> SandboxProcess:
    running.clear_faults()
    running.reset_calls()
    return running


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


def gateway_at(base_url: str, **changes: Any) -> MoyasarGateway:
    settings: dict[str, Any] = {
        "secret_key": SandboxProcess.secret_key,
        "publishable_key": SandboxProcess.publishable_key,
        "webhook_secret": SandboxProcess.webhook_secret,
        "connect_timeout": 1.0,
        "read_timeout": 0.8,
        "write_timeout": 0.8,
        "resolve_timeout": 0.8,
    }
    return MoyasarGateway(base_url=base_url, **(settings | changes))


@pytest.fixture
def gateway(sandbox: SandboxProcess, pauses: Pauses) -> MoyasarGateway:
    return gateway_at(sandbox.base_url, sleep=pauses)


def charge(gateway: MoyasarGateway, token: str = "token_ok_1", **changes: Any) -> Any:
    wanted: dict[str, Any] = {
        "given_id": uuid4(),
        "amount_minor": 23097,
        "currency": "SAR",
        "description": "Booking 7K2M",
        "callback_url": CALLBACK,
        "source": {"type": "token", "token": token},
        "metadata": {"booking": "7K2M"},
    }
    return gateway.create_payment(**(wanted | changes))


class Listener(ThreadingHTTPServer):
    """A server that remembers what it was sent and answers what it was told: (status, content type, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ListenerHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.answers: list[tuple[int, str, bytes]] = []

    def wait_for(self, count: int, seconds: float = 8.0) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while len(self.bodies) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.bodies) >= count
        return [json.loads(body) for body in self.bodies]


class _ListenerHandler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.server.heads.append(dict(self.headers))
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        status, kind, body = self.server.answers.pop(0) if self.server.answers else (200, "text/plain", b"")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_POST

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def listening(*answers: tuple[int, str, bytes]) -> Iterator[Listener]:
    listener = Listener()
    listener.answers = list(answers)
    threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield listener
    finally:
        listener.shutdown()
        listener.server_close()


def as_json(value: Any, status: int = 200) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(value).encode()


# Creating


def test_a_saved_card_pays_at_once_under_the_id_we_chose(gateway, sandbox):
    given_id = uuid4()
    before = datetime.now(UTC)

    payment = charge(gateway, given_id=given_id)

    assert (payment.id, payment.status, payment.amount_minor, payment.currency) == (
        given_id,
        "paid",
        23097,
        "SAR",
    )
    assert payment.metadata == {"booking": "7K2M"}
    assert (payment.source_type, payment.card_company, payment.last_digits) == ("creditcard", "mada", "1010")
    assert (payment.message, payment.response_code, payment.transaction_url) == ("APPROVED", "00", None)
    assert payment.fee_minor > 0
    assert (payment.refunded_minor, payment.captured_minor) == (0, 0)  # captured stays 0 on a purchase
    assert abs(payment.created_at - before) < timedelta(seconds=5)
    assert payment.updated_at.utcoffset() == timedelta(0)
    assert gateway.fetch_payment(given_id) == payment


def test_what_is_kept_of_an_answer_holds_no_token_name_address_or_page(gateway):
    kept = json.dumps(charge(gateway, "token_3ds_kept").raw)

    assert "XXXX-XXXX-XXXX-1010" in kept
    assert not any(word in kept for word in ("token_3ds_kept", "Sandbox Customer", "127.0.0.1", "/3ds/"))


def test_every_charge_declines_coupons_and_names_its_sender():
    with listening(
        as_json({"type": "authentication_error", "message": "no", "errors": None}, 401)
    ) as listener:
        with pytest.raises(GatewayRefused):
            charge(gateway_at(f"{listener.url}/v1"))
        head, body = listener.heads[0], json.loads(listener.bodies[0])

    assert body["apply_coupon"] is False
    assert body["callback_url"] == CALLBACK
    assert head["User-Agent"] == "mawid/1"


def test_a_challenge_the_payer_passes_ends_paid(gateway, sandbox):
    payment = charge(gateway, "token_3ds_1")
    assert payment.status == "initiated"
    assert payment.transaction_url.startswith(sandbox.origin)

    page = sandbox.open_page(payment.transaction_url)
    assert 'lang="ar" dir="rtl"' in page.text
    assert "Payment verification" in page.text
    back = sandbox.open_page(payment.transaction_url, "AUTHENTICATED")

    assert back.status_code == 302
    assert back.headers["Location"] == f"{CALLBACK}?id={payment.id}&status=paid&message=APPROVED"
    paid = gateway.fetch_payment(payment.id)
    assert (paid.status, paid.transaction_url) == ("paid", None)
    # The back button and a second press change nothing.
    assert sandbox.open_page(payment.transaction_url, "UNAUTHENTICATED").status_code == 302
    assert gateway.fetch_payment(payment.id) == paid


@pytest.mark.parametrize("result", ["UNAUTHENTICATED", "CANCELLED"])
def test_a_challenge_the_payer_fails_or_leaves_ends_failed(gateway, sandbox, result):
    payment = charge(gateway, "token_3ds_2")

    sandbox.pay(payment.id, result)

    failed = gateway.fetch_payment(payment.id)
    assert (failed.status, failed.response_code, failed.fee_minor) == ("failed", None, 0)
    assert "3-D Secure" in failed.message


@pytest.mark.parametrize(
    ("number", "first", "last", "code"),
    [
        (MADA_OK, "initiated", "paid", "00"),
        (MADA_POOR, "initiated", "failed", "51"),
        (VISA_FRICTIONLESS, "paid", "paid", "00"),
        ("4111118250252531", "failed", "failed", None),
        ("4242424242424242", "failed", "failed", "99"),  # not listed: fails
    ],
)
def test_a_phone_pays_with_a_test_card_and_we_read_the_result(gateway, sandbox, number, first, last, code):
    given_id = str(uuid4())
    created = sandbox.create_as_app(
        given_id=given_id, amount=5000, currency="SAR", callback_url=CALLBACK, source=card(number)
    )
    assert (created["id"], created["status"]) == (given_id, first)

    sandbox.pay(given_id)

    payment = gateway.fetch_payment(UUID(given_id))
    assert (payment.status, payment.response_code) == (last, code)


def test_a_payer_who_stalls_loses_the_payment_after_a_quarter_of_an_hour():
    with SandboxProcess() as sandbox:
        gateway = gateway_at(sandbox.base_url)
        payment = charge(gateway, "token_3ds_3")
        sandbox.advance_clock(14 * 60)
        assert gateway.fetch_payment(payment.id).status == "initiated"
        sandbox.advance_clock(2 * 60)
        expired = gateway.fetch_payment(payment.id)
    assert (expired.status, expired.message) == (
        "failed",
        "Allowed time frame for transaction has been expired",
    )


def test_a_declined_card_is_a_failed_payment_and_not_an_error(gateway):
    payment = charge(gateway, "token_insufficient_1")

    assert (payment.status, payment.response_code, payment.message) == ("failed", "51", "INSUFFICIENT FUNDS")


@pytest.mark.parametrize(
    ("source", "amount", "status"),
    [
        ({"type": "applepay", "token": '{"paymentData": {}}'}, 25000, "paid"),
        ({"type": "applepay", "token": '{"paymentData": {}}'}, 110100, "failed"),
        ({"type": "stcpay", "mobile": "0512345678"}, 5000, "initiated"),
        ({"type": "stcpay", "mobile": "0515555555"}, 5000, "failed"),
    ],
)
def test_wallets_follow_the_published_amounts_and_phones(gateway, source, amount, status):
    assert charge(gateway, source=source, amount_minor=amount).status == status


@pytest.mark.parametrize(("otp", "status"), [("123456", "paid"), ("222222", "failed"), ("999999", "failed")])
def test_stc_pay_ends_with_the_code_the_payer_types(gateway, sandbox, otp, status):
    payment = charge(gateway, source={"type": "stcpay", "mobile": "+966512345678"})

    path = payment.transaction_url.removeprefix(sandbox.base_url)
    assert sandbox.api("POST", path, json={"otp_value": otp}).json()["status"] == status

    assert gateway.fetch_payment(payment.id).status == status


@pytest.mark.parametrize(
    "source",
    [
        card(MADA_OK),
        {"type": "creditcard"},
        {"type": "token", "token": "token_ok", "cvc": "123"},
        {"type": "token", "token": "token_ok", "CVV": "123"},
        {"type": "token", "token": MADA_OK},
        {"type": "token", "token": "4201 3201 1111 1010"},
        {"type": "token", "token": "٤٢٠١٣٢٠١١١١١١٠١٠"},
        {"type": "token", "token": int(MADA_OK)},
        {"type": "applepay", "token": json.dumps({"card": {"number": "x"}})},
        {"type": "token", "token": "token_ok", "more": [{"deep": {"pan": "x"}}]},
        {"type": "token", "token": "token_ok", "more": [{"cardNumber": "x"}]},
        {"type": "token", "token": "token_ok", "security-code": "x"},
        {"type": "token", "token": float(MADA_OK)},
        {"type": "stcpay", "mobile": "0512345678", "cvc": "123"},
        {"type": "samsungpay", "token": json.dumps({"deep": [{"pan": MADA_OK}]})},
    ],
)
def test_card_data_is_refused_before_anything_leaves_and_is_not_repeated_in_the_error(
    gateway, sandbox, source
):
    with pytest.raises(ValueError, match="card data") as caught:
        charge(gateway, source=source)

    assert MADA_OK not in str(caught.value)
    assert sandbox.calls()["total"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 10.0},
        {"amount_minor": True},
        {"metadata": {"n": 7}},
        {"metadata": {"k" * 41: "v"}},
        {"metadata": {"k": "v" * 501}},
        {"metadata": {f"k{n}": "v" for n in range(31)}},
    ],
)
def test_a_charge_that_cannot_be_right_never_leaves(gateway, sandbox, changes):
    with pytest.raises(ValueError):
        charge(gateway, **changes)
    assert sandbox.calls()["total"] == 0


def test_an_id_used_before_gives_back_the_payment_made_then(gateway, sandbox, pauses):
    first = charge(gateway)

    again = charge(gateway, given_id=first.id, amount_minor=100)

    assert again == first  # with its own amount, for the caller to compare
    assert sandbox.calls()["carried_out"]["POST /payments 201"] == 1
    assert pauses.taken == []


def test_a_refused_charge_is_looked_up_once_and_stays_refused(gateway, sandbox, pauses):
    with pytest.raises(GatewayRefused) as caught:
        charge(gateway, "token_nonsense")

    assert (caught.value.status, caught.value.type) == (400, "validation_error")
    assert caught.value.permanent
    assert caught.value.errors == {"source.token": ["is invalid"]}
    assert caught.value.request_id
    assert (sandbox.count("POST /payments"), sandbox.count("GET /payments/{id}"), pauses.taken) == (1, 1, [])


def test_a_wrong_key_is_refused(sandbox):
    with pytest.raises(GatewayRefused) as caught:
        charge(gateway_at(sandbox.base_url, secret_key="sk_test_wrong"))
    assert (caught.value.status, caught.value.type) == (401, "authentication_error")


def test_the_publishable_key_may_create_and_nothing_else(sandbox):
    weak = gateway_at(sandbox.base_url, secret_key=sandbox.publishable_key)
    payment = charge(weak)
    for attempt in (
        lambda: weak.fetch_payment(payment.id),
        lambda: weak.refund_payment(payment.id),
        lambda: list(weak.list_payments()),
    ):
        with pytest.raises(GatewayRefused) as caught:
            attempt()
        assert caught.value.status == 403


# Creating on a bad day

ANSWER_LOST = [
    pytest.param({"kind": "timeout_after_acting", **SILENT_FOR}, id="timeout"),
    pytest.param({"kind": "drop", "acts": True}, id="dropped"),
    pytest.param({"kind": "cut"}, id="cut off"),
    pytest.param({"kind": "malformed"}, id="malformed"),
    pytest.param({"kind": "status", "status": 500, "acts": True}, id="500"),
    pytest.param({"kind": "status", "status": 503, "acts": True}, id="503"),
    pytest.param({"kind": "latency", "seconds": 1.2}, id="slow"),  # carried out after we gave up
]
NEVER_DONE = [
    pytest.param({"kind": "drop"}, id="dropped"),
    pytest.param({"kind": "status", "status": 500}, id="500"),
    pytest.param({"kind": "status", "status": 503}, id="503"),
]
AT_THE_DOOR = [
    pytest.param({"kind": "html"}, id="html 403"),
    pytest.param({"kind": "status", "status": 429}, id="429"),
]


@pytest.mark.parametrize("fault", ANSWER_LOST)
def test_a_charge_whose_answer_is_lost_is_found_by_its_id_and_never_sent_again(
    gateway, sandbox, pauses, fault
):
    pauses.then = lambda: time.sleep(0.7)
    sandbox.fault(method="POST", path="/payments", **fault)
    given_id = uuid4()

    payment = charge(gateway, given_id=given_id)

    assert (payment.id, payment.status) == (given_id, "paid")
    assert sandbox.count("POST /payments") == 1


@pytest.mark.parametrize("fault", NEVER_DONE)
def test_a_charge_that_was_not_made_is_unknown_and_absent_and_the_same_id_can_be_sent_later(
    gateway, sandbox, pauses, fault
):
    sandbox.fault(method="POST", path="/payments", **fault)
    given_id = uuid4()

    with pytest.raises(GatewayUnknown) as caught:
        charge(gateway, given_id=given_id)

    assert caught.value.absent
    assert not caught.value.permanent
    assert (sandbox.count("POST /payments"), sandbox.count("GET /payments/{id}")) == (1, 2)
    assert pauses.taken == [2.0]
    assert charge(gateway, given_id=given_id).status == "paid"
    assert sandbox.calls()["carried_out"]["POST /payments 201"] == 1


def test_a_charge_that_arrives_late_is_found_at_the_second_look(gateway, sandbox, pauses):
    given_id = uuid4()
    sandbox.fault("drop", method="POST", path="/payments")
    pauses.then = lambda: sandbox.api(
        "POST",
        "/payments",
        json={
            "given_id": str(given_id),
            "amount": 23097,
            "currency": "SAR",
            "callback_url": CALLBACK,
            "source": {"type": "token", "token": "token_ok"},
        },
    )

    assert charge(gateway, given_id=given_id).status == "paid"


def test_when_even_the_look_up_fails_the_charge_stays_unknown_and_nobody_calls_it_absent(gateway, sandbox):
    sandbox.fault("timeout_after_acting", method="POST", path="/payments", **SILENT_FOR)
    sandbox.fault("status", method="GET", path="/payments/*", status=503)

    with pytest.raises(GatewayUnknown) as caught:
        charge(gateway)

    assert not caught.value.absent
    assert sandbox.calls()["carried_out"]["POST /payments 201"] == 1


@pytest.mark.parametrize("fault", AT_THE_DOOR)
def test_a_charge_turned_away_at_the_door_is_a_fault_and_may_be_repeated(gateway, sandbox, fault):
    sandbox.fault(method="POST", path="/payments", **fault)

    with pytest.raises(GatewayFault) as caught:
        charge(gateway)

    assert not caught.value.permanent
    assert sandbox.calls()["total"] == 1  # nothing to look up


def test_when_the_gateway_cannot_be_reached_nothing_was_sent(pauses):
    with listening() as listener:
        pass
    gateway = gateway_at(f"{listener.url}/v1", sleep=pauses)

    for attempt in (
        lambda: charge(gateway),
        lambda: gateway.refund_payment(uuid4(), 100),
        lambda: gateway.fetch_payment(uuid4()),
        lambda: list(gateway.list_payments()),
    ):
        with pytest.raises(GatewayUnreachable):
            attempt()
    assert pauses.taken == []


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"id": str(uuid4()), "status": "paid", "amount": 100, "currency": "SAR"}, 201),
        as_json({"status": "paid", "amount": 100, "currency": "SAR"}, 201),
        as_json([], 201),
        (302, "text/html", b""),
        (201, "text/html", b"<html>"),
        (408, "text/html", b""),
    ],
)
def test_an_answer_about_anything_but_our_payment_leaves_the_charge_unknown(answer, pauses):
    missing = as_json({"type": "record_not_found", "message": "no", "errors": None}, 404)
    with listening(answer, missing, missing) as listener:
        with pytest.raises(GatewayUnknown):
            charge(gateway_at(f"{listener.url}/v1", sleep=pauses))
        assert len(listener.bodies) == 3


# Reading


def test_a_refusal_in_words_the_database_cannot_hold_is_told_in_words_it_can():
    refusal = as_json({"type": "a\x00b", "message": "no\x00 \ud800"}, 403)
    with listening(refusal) as listener, pytest.raises(GatewayRefused) as caught:
        charge(gateway_at(f"{listener.url}/v1"))
    assert (caught.value.type, caught.value.message) == ("a\ufffdb", "no\ufffd \ufffd")


def test_an_unknown_payment_is_none(gateway):
    assert gateway.fetch_payment(uuid4()) is None


@pytest.mark.parametrize(
    "answer",
    [
        (404, "text/html", b"<h1>Not Found</h1>"),
        (404, "application/json", b""),
        (200, "text/html", b"<html>"),
        (502, "text/html", b"<html>"),
        (301, "text/html", b""),
        as_json({"id": "x"}),
        as_json({"id": str(uuid4()), "status": "paid", "amount": 100, "currency": "SAR"}),
    ],
)
def test_a_strange_answer_to_a_read_is_a_fault_and_never_no_such_payment(answer):
    with listening(answer) as listener, pytest.raises(GatewayFault):
        gateway_at(f"{listener.url}/v1").fetch_payment(uuid4())


@pytest.mark.parametrize(
    "fault",
    [{"kind": "timeout_after_acting", **SILENT_FOR}]
    + [{"kind": kind} for kind in ("drop", "cut", "malformed", "html")]
    + [{"kind": "status", "status": status} for status in (429, 500, 503)],
    ids=lambda fault: fault["kind"] + str(fault.get("status", "")),
)
def test_a_read_on_a_bad_day_is_a_fault_that_may_pass(gateway, sandbox, fault):
    payment = charge(gateway)
    sandbox.fault(method="GET", count=2, **fault)  # twice: a dropped kept-alive connection is tried afresh

    with pytest.raises(GatewayFault) as caught:
        gateway.fetch_payment(payment.id)

    assert not caught.value.permanent
    sandbox.clear_faults()
    assert gateway.fetch_payment(payment.id) == payment


def test_a_sparse_answer_is_read_and_numbers_in_metadata_become_text():
    payment_id = uuid4()
    body = {
        "id": str(payment_id).upper(),
        "status": "PAID",
        "amount": 100,
        "currency": "sar",
        "fee": None,
        "metadata": {"attempt": 7, "ok": True, "gone": None, "name": "نورة"},
        "source": {
            "number": "4111111111111111",
            "transaction_url": "javascript:alert(1)",
            "message": "a\x00b",
        },
        "created_at": "2026-03-01T10:00:00",
        "updated_at": "yesterday",
        "news": {"unknown": 1},
    }
    with listening(as_json(body)) as listener:
        payment = gateway_at(f"{listener.url}/v1").fetch_payment(payment_id)

    assert (payment.id, payment.status, payment.currency, payment.fee_minor) == (payment_id, "paid", "SAR", 0)
    assert payment.metadata == {"attempt": "7", "ok": "true", "name": "نورة"}
    assert (payment.last_digits, payment.transaction_url, payment.message) == ("1111", None, "a\ufffdb")
    assert payment.created_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert payment.updated_at is None
    assert "4111111111111111" not in json.dumps(payment.raw)


# Listing


@pytest.fixture(scope="module")
def ledger() -> Iterator[tuple[SandboxProcess, list[dict[str, Any]]]]:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        {
            "id": str(uuid4()),
            "amount": 1000 + n,
            "currency": "SAR",
            "status": "refunded" if n % 50 == 0 else "paid",
            "refunded": 1000 + n if n % 50 == 0 else 0,
            "created_at": (start + timedelta(hours=n)).isoformat(),
            "metadata": {"n": n},
            "company": "visa",
            "last_digits": f"{n:04d}",
        }
        for n in range(105)
    ]
    with SandboxProcess() as sandbox:
        assert sandbox.import_payments(rows) == {"received": 105, "imported": 105, "already_known": 0}
        assert sandbox.import_payments(rows) == {"received": 105, "imported": 0, "already_known": 105}
        yield sandbox, rows


def test_every_payment_is_listed_once_newest_first_over_all_pages(ledger):
    sandbox, rows = ledger
    sandbox.reset_calls()

    payments = list(gateway_at(sandbox.base_url).list_payments())

    assert [str(payment.id) for payment in payments] == [row["id"] for row in reversed(rows)]
    assert sandbox.count("GET /payments") == 3
    assert (payments[-1].status, payments[-1].refunded_minor) == ("refunded", 1000)
    assert (payments[0].metadata, payments[0].last_digits) == ({"n": "104"}, "0104")
    assert payments[0].card_company == "visa"


def test_the_list_is_cut_to_a_half_open_span_of_creation(ledger):
    sandbox, rows = ledger
    start = datetime(2026, 3, 1, tzinfo=UTC)

    payments = gateway_at(sandbox.base_url).list_payments(
        created_from=start + timedelta(hours=10), created_to=start + timedelta(hours=60)
    )

    assert [str(payment.id) for payment in payments] == [row["id"] for row in reversed(rows[10:60])]


def test_the_list_finds_what_changed_since(ledger):
    sandbox, rows = ledger
    gateway = gateway_at(sandbox.base_url)
    since = datetime.now(UTC)
    gateway.refund_payment(UUID(rows[7]["id"]), 300)

    assert [str(payment.id) for payment in gateway.list_payments(updated_from=since)] == [rows[7]["id"]]


def test_a_page_that_fails_half_way_is_an_error_and_not_a_shorter_list(ledger):
    sandbox, _ = ledger
    listed = gateway_at(sandbox.base_url).list_payments()
    assert len([next(listed) for _ in range(40)]) == 40
    sandbox.fault("status", method="GET", path="/payments", status=500)
    with pytest.raises(GatewayFault):
        list(listed)


def test_a_payment_that_slides_to_the_next_page_is_given_once():
    first, second = (
        {"id": str(uuid4()), "status": "paid", "amount": 100, "currency": "SAR"} for _ in range(2)
    )
    pages = (
        as_json({"payments": [first], "meta": {"current_page": 1, "next_page": 2}}),
        as_json({"payments": [first, second], "meta": {"current_page": 2, "next_page": None}}),
    )
    with listening(*pages) as listener:
        payments = list(gateway_at(f"{listener.url}/v1").list_payments())
    assert [str(payment.id) for payment in payments] == [first["id"], second["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {"payments": [], "meta": {"next_page": 1}},
        {"payments": [], "meta": {"next_page": "2"}},
        {"payments": [], "meta": {"next_page": 10**9}},
        {"payments": [{}] * 40},
        {"payments": [{"id": "x"}], "meta": {"next_page": None}},
        {"payments": None, "meta": {"next_page": None}},
        {},
    ],
)
def test_a_list_that_cannot_be_trusted_is_a_fault(body):
    with listening(as_json(body)) as listener, pytest.raises(GatewayFault):
        list(gateway_at(f"{listener.url}/v1").list_payments())


# Refunding, voiding, capturing


def test_refunds_run_up_to_what_was_charged_and_no_further(gateway):
    payment = charge(gateway)

    part = gateway.refund_payment(payment.id, 300)
    assert (part.status, part.refunded_minor, part.amount_minor) == ("refunded", 300, 23097)
    with pytest.raises(GatewayRefused) as caught:
        gateway.refund_payment(payment.id, 22798)
    assert (caught.value.status, caught.value.permanent) == (400, True)
    assert gateway.refund_payment(payment.id).refunded_minor == 23097
    with pytest.raises(GatewayRefused):
        gateway.refund_payment(payment.id, 1)


def test_a_gateway_that_takes_one_refund_only_refuses_the_second():
    with SandboxProcess(options=["--single-refund"]) as sandbox:
        gateway = gateway_at(sandbox.base_url)
        payment = charge(gateway)
        gateway.refund_payment(payment.id, 300)
        with pytest.raises(GatewayRefused):
            gateway.refund_payment(payment.id, 300)


def test_a_failed_payment_cannot_be_refunded_and_a_missing_one_is_refused(gateway):
    payment = charge(gateway, "token_declined_1")
    for payment_id in (payment.id, uuid4()):
        with pytest.raises(GatewayRefused):
            gateway.refund_payment(payment_id)


@pytest.mark.parametrize("fault", ANSWER_LOST)
def test_a_refund_whose_answer_is_lost_is_unknown_and_happened_once(gateway, sandbox, fault):
    payment = charge(gateway)
    sandbox.fault(method="POST", path="/payments/*/refund", **fault)

    with pytest.raises(GatewayUnknown):
        gateway.refund_payment(payment.id, 300)

    time.sleep(0.6 if fault["kind"] == "latency" else 0)
    assert gateway.fetch_payment(payment.id).refunded_minor == 300
    assert sandbox.count("POST /payments/{id}/refund") == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(fault.values[0], GatewayUnknown) for fault in NEVER_DONE]
    + [(fault.values[0], GatewayFault) for fault in AT_THE_DOOR],
)
@pytest.mark.parametrize("verb", ["refund", "void", "capture"])
def test_a_change_that_was_not_made_is_never_repeated_by_the_adapter(gateway, sandbox, fault, kind, verb):
    payment = charge(gateway, source={"type": "token", "token": "token_ok", "manual": True})
    assert payment.status == "authorized"
    sandbox.fault(method="POST", path=f"/payments/*/{verb}", **fault)

    with pytest.raises(kind):
        getattr(gateway, f"{verb}_payment")(payment.id)

    assert sandbox.count(f"POST /payments/{{id}}/{verb}") == 1
    assert gateway.fetch_payment(payment.id) == payment


def test_a_hold_is_captured_once_in_part_and_the_rest_is_released(gateway):
    payment = charge(gateway, source={"type": "token", "token": "token_ok", "manual": True})
    with pytest.raises(GatewayRefused):
        gateway.capture_payment(payment.id, 23098)

    captured = gateway.capture_payment(payment.id, 5000)

    assert (captured.status, captured.captured_minor, captured.amount_minor) == ("captured", 5000, 23097)
    with pytest.raises(GatewayRefused):
        gateway.capture_payment(payment.id, 100)
    with pytest.raises(GatewayRefused):
        gateway.refund_payment(payment.id, 5001)
    assert gateway.refund_payment(payment.id).refunded_minor == 5000


def test_a_payment_is_voided_within_two_hours_and_refunded_later():
    with SandboxProcess() as sandbox:
        gateway = gateway_at(sandbox.base_url)
        early, late = charge(gateway), charge(gateway)
        assert gateway.void_payment(early.id).status == "voided"
        sandbox.advance_clock(2 * 3600 + 1)
        with pytest.raises(GatewayRefused):
            gateway.void_payment(late.id)
        assert gateway.refund_payment(late.id).status == "refunded"


@pytest.mark.parametrize("amount", [0, -5, 1.5, True])
def test_a_senseless_amount_is_refused_here(gateway, sandbox, amount):
    with pytest.raises(ValueError):
        gateway.refund_payment(uuid4(), amount)
    assert sandbox.calls()["total"] == 0


def test_errors_carry_no_key_and_no_source(gateway, sandbox):
    sandbox.fault("status", status=500, count=5)
    with pytest.raises(GatewayError) as caught:
        charge(gateway, "token_ok_do_not_tell")
    told = f"{caught.value} {caught.value.__cause__} {gateway!r}"
    assert sandbox.secret_key not in told
    assert "token_ok_do_not_tell" not in told


# Webhooks: reading one


PAYMENT_ID = "2f7d1a52-4a77-4d1f-9a3a-7f9f6f6f0a10"


def event(**changes: Any) -> bytes:
    known = {
        "id": "c8a6ee1b-97a1-4a66-a4ed-5d4b31d0a9e5",
        "type": "payment_paid",
        "created_at": "2026-03-01T10:00:00.000Z",
        "secret_token": SandboxProcess.webhook_secret,
        "account_name": "Sandbox",
        "live": False,
        "data": {"id": PAYMENT_ID, "status": "paid", "source": {"type": "creditcard", "company": "mada"}},
    }
    return json.dumps({k: v for k, v in (known | changes).items() if v != "absent"}).encode()


@pytest.fixture(scope="module")
def reader() -> MoyasarGateway:
    return gateway_at("https://api.moyasar.example/v1")


def test_a_verified_call_is_read_and_its_secret_forgotten(reader):
    call = reader.parse_webhook(event())

    assert (call.event_id, call.type) == ("c8a6ee1b-97a1-4a66-a4ed-5d4b31d0a9e5", "payment_paid")
    assert (call.live, call.payment_id) == (False, UUID(PAYMENT_ID))
    assert call.created_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert call.payload["data"]["status"] == "paid"
    assert SandboxProcess.webhook_secret not in json.dumps(call.payload)


@pytest.mark.parametrize("spelling", ["payment_failed", "payment_faild"])
def test_both_spellings_of_a_failure_mean_the_same(reader, spelling):
    assert reader.parse_webhook(event(type=spelling)).type == "payment_failed"


@pytest.mark.parametrize(
    "token",
    ["absent", None, "", "wrong", SandboxProcess.webhook_secret + " ", 7, True, ["x"], {}, "سر", "\ud800"],
)
def test_a_call_without_the_right_secret_is_not_verified(reader, token):
    with pytest.raises(WebhookUnverified):
        reader.parse_webhook(event(secret_token=token))


@pytest.mark.parametrize("token", ["absent", "", None, "anything"])
def test_an_unset_secret_accepts_nothing(token):
    reader = gateway_at("https://api.moyasar.example/v1", webhook_secret="")
    with pytest.raises(WebhookUnverified):
        reader.parse_webhook(event(secret_token=token))


def test_an_arabic_secret_works():
    reader = gateway_at("https://api.moyasar.example/v1", webhook_secret="كلمة سر")
    assert reader.parse_webhook(event(secret_token="كلمة سر")).type == "payment_paid"


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"null", b"[]", b'"text"', b"\xff", b"{" * 5000, b'{"a":' * 9000, b"7", b'{"a": NaN}'],
)
def test_what_is_not_a_json_object_is_unreadable(reader, body):
    with pytest.raises(WebhookUnreadable):
        reader.parse_webhook(body)


@pytest.mark.parametrize(
    "changes", [{"id": None}, {"id": ""}, {"id": 7}, {"id": "x" * 201}, {"id": "a\x00b"}]
)
@pytest.mark.parametrize("field_name", ["id", "type"])
def test_an_event_that_cannot_be_told_apart_is_unreadable(reader, changes, field_name):
    with pytest.raises(WebhookUnreadable):
        reader.parse_webhook(event(**{field_name: changes["id"]}))


def test_nulls_and_gaps_in_the_rest_are_survived(reader):
    call = reader.parse_webhook(event(created_at=None, live=None, data=None, account_name=None))
    assert (call.created_at, call.live, call.payment_id) == (None, None, None)
    for data in ({}, {"id": None}, {"id": "not a uuid"}, {"id": 7}, [], "absent"):
        assert reader.parse_webhook(event(data=data, live="false", created_at=7)).payment_id is None


def test_an_event_about_something_else_names_no_payment(reader):
    assert reader.parse_webhook(event(type="balance_transferred")).payment_id is None


def test_the_stored_payload_holds_nothing_private_and_nothing_the_database_refuses(reader):
    source = {
        "type": "creditcard",
        "name": "Noura Test",
        "token": "token_abc",
        "number": MADA_OK,
        "message": "a\x00b\ud800",
        "weight": 1,
    }
    data = {"id": PAYMENT_ID, "ip": "10.1.2.3", "source": source, "metadata": {"k": "v"}}
    body = event(data=data).replace(b'"weight": 1', b'"weight": 1e999')

    stored = json.dumps(reader.parse_webhook(body).payload, allow_nan=False)

    assert not any(
        word in stored for word in ("Noura", "token_abc", MADA_OK, "10.1.2.3", "\\u0000", "\\ud800")
    )
    assert '"k": "v"' in stored


def test_the_key_alone_says_whether_money_is_real(reader):
    assert not reader.live
    assert gateway_at("https://api.moyasar.example/v1", secret_key="sk_live_" + "x").live


# Webhooks: the sandbox sends them


def test_each_change_is_announced_once_and_verified_by_the_adapter():
    with listening() as listener, SandboxProcess(webhook_url=f"{listener.url}/hook") as sandbox:
        gateway = gateway_at(sandbox.base_url)
        payment = charge(gateway, "token_3ds_w")
        sandbox.pay(payment.id)
        listener.wait_for(1)
        gateway.refund_payment(payment.id, 300)
        listener.wait_for(2)
        charge(gateway, "token_declined_w")
        listener.wait_for(3)
        sandbox.wait_for_webhooks()

        calls = [gateway.parse_webhook(body) for body in listener.bodies]
        assert [call.type for call in calls] == ["payment_paid", "payment_refunded", "payment_failed"]
        assert [call.payment_id for call in calls[:2]] == [payment.id] * 2
        assert not any(call.live for call in calls)

        sandbox.resend_webhook(payment_id=payment.id, times=2)
        listener.wait_for(7)
        sandbox.wait_for_webhooks()
        assert len({gateway.parse_webhook(body).event_id for body in listener.bodies}) == 3
        log = sandbox.api("GET", "/webhooks/attempts").json()["attempts"]
        assert [attempt["response_code"] for attempt in log] == [200] * 7


def test_an_event_is_tried_six_times_and_then_dropped():
    refusing = [(500, "text/plain", b"no")] * 6
    options = ["--webhook-retry-scale", "0.00002"]
    with (
        listening(*refusing) as listener,
        SandboxProcess(webhook_url=listener.url, options=options) as sandbox,
    ):
        charge(gateway_at(sandbox.base_url))
        listener.wait_for(6)
        sandbox.wait_for_webhooks()
        time.sleep(0.2)
        log = sandbox.api("GET", "/webhooks/attempts").json()["attempts"]
    assert len(listener.bodies) == 6
    assert len(set(listener.bodies)) == 1
    assert [attempt["retry_number"] for attempt in reversed(log)] == [1, 2, 3, 4, 5, 6]


def test_a_sandbox_killed_and_started_again_still_knows_its_payments_and_sends_what_waited():
    with listening() as listener, SandboxProcess(webhook_url=listener.url) as sandbox:
        gateway = gateway_at(sandbox.base_url)
        sandbox.pause_webhooks()
        payment = charge(gateway)
        sandbox.stop(kill=True)
        with pytest.raises(GatewayUnreachable):
            gateway.fetch_payment(payment.id)

        sandbox.start()

        assert gateway.fetch_payment(payment.id) == payment
        assert listener.bodies == []
        sandbox.resume_webhooks()
        (sent,) = listener.wait_for(1)
        assert sent["data"]["id"] == str(payment.id)


def test_a_lost_event_never_comes():
    with listening() as listener, SandboxProcess(webhook_url=listener.url) as sandbox:
        sandbox.pause_webhooks()
        charge(gateway_at(sandbox.base_url))
        sandbox.discard_webhooks()
        sandbox.resume_webhooks()
        sandbox.wait_for_webhooks()
        time.sleep(0.2)
        assert listener.bodies == []


# The sandbox as a program


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"APP_ENV": "production"}, "APP_ENV"),
        ({"MOYASAR_SECRET_KEY": "sk_live_" + "x"}, "MOYASAR_SECRET_KEY is a live key"),
        ({"MOYASAR_PUBLISHABLE_KEY": "pk_live_" + "x"}, "MOYASAR_PUBLISHABLE_KEY is a live key"),
        ({"MOYASAR_SECRET_KEY": ""}, "MOYASAR_SECRET_KEY is not set"),
    ],
)
def test_the_sandbox_refuses_to_stand_in_for_real_money_and_says_why(tmp_path, change, named):
    environment = {**os.environ, "APP_ENV": "local", "MOYASAR_SECRET_KEY": "sk_test_a"}
    environment |= {"MOYASAR_PUBLISHABLE_KEY": "pk_test_a"} | change
    command = [sys.executable, "-m", "backend.payments.sandbox", "--state", str(tmp_path / "state")]

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20)

    assert result.returncode == 2
    assert named in result.stderr
    assert result.stdout == ""
    assert "_live_x" not in result.stderr


def test_the_sandbox_goes_when_its_parent_is_killed(tmp_path):
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; from tests.support.sandbox import SandboxProcess as S\n"
            "s = S(); s.start(); print(s.pid, s.origin, flush=True); time.sleep(60)",
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child, origin = parent.stdout.readline().split()
    assert _answers(origin)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    try:
        while _answers(origin) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _answers(origin)
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)


def _answers(origin: str) -> bool:
    host, port = origin.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def test_the_sandbox_speaks_the_documented_errors_forms_and_guards(sandbox):
    form = {"amount": "5000", "currency": "SAR", "callback_url": CALLBACK, "source[type]": "token"}
    made = sandbox.api("POST", "/payments", data=form | {"source[token]": "token_ok", "metadata[a]": "b"})
    assert (made.status_code, made.json()["metadata"], made.json()["status"]) == (201, {"a": "b"}, "paid")
    path = f"/payments/{made.json()['id']}"
    changed = sandbox.api("PUT", path, json={"description": "d", "metadata": {"a": "", "c": "1"}}).json()
    assert (changed["description"], changed["metadata"]) == ("d", {"c": "1"})

    blocked = sandbox.api("GET", path, headers={"User-Agent": "Python-urllib/3.11"})
    assert (blocked.status_code, blocked.headers["Content-Type"][:9]) == (403, "text/html")
    nobody = sandbox.api("GET", path, key="sk_test_other")
    assert nobody.json() == {
        "type": "authentication_error",
        "message": "Invalid authorization credentials",
        "errors": None,
    }
    by_field = sandbox.api(
        "POST",
        "/payments",
        key="nobody",
        json={
            "publishable_api_key": sandbox.publishable_key,
            "amount": 5000,
            "currency": "SAR",
            "callback_url": CALLBACK,
            "source": card(VISA_FRICTIONLESS),
        },
    )
    assert by_field.status_code == 401  # a wrong header is not saved by the field
    saved = sandbox.create_as_app(
        amount=5000, currency="SAR", callback_url=CALLBACK, source=card(MADA_OK, save_card=True)
    )
    token = saved["source"]["token"]
    assert sandbox.api("GET", f"/tokens/{token}").json()["status"] == "initiated"
    sandbox.pay(saved["id"])
    assert sandbox.api("GET", f"/tokens/{token}").json()["status"] == "active"
    assert charge(gateway_at(sandbox.base_url), token).status == "paid"
    assert MADA_OK.encode() not in sandbox.state.read_bytes()
    assert sandbox.log() == ""
