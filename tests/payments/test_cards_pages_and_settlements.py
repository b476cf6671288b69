"""Saved cards, hosted pages, settlements and one-time codes: the adapter against the sandbox as a process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.payments.providers import CallMade, GatewayFault, GatewayRefused, GatewayUnknown, SettlementLine
from backend.payments.providers.moyasar import MoyasarGateway
from tests.payments.test_moyasar_client import (
    CALLBACK,
    MADA_OK,
    SILENT_FOR,
    Pauses,
    as_json,
    card,
    charge,
    gateway_at,
    listening,
)
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxProcess]:
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: SandboxProcess) -> SandboxProcess:
    running.clear_faults()
    running.reset_calls()
    running.single_refund(False)
    return running


@pytest.fixture
def calls() -> list[CallMade]:
    return []


@pytest.fixture
def gateway(sandbox: SandboxProcess, calls: list[CallMade]) -> MoyasarGateway:
    return gateway_at(sandbox.base_url, sleep=Pauses(), observe=calls.append)


# Describing a payment


def test_a_description_and_metadata_are_changed_and_the_rest_is_left(gateway: MoyasarGateway) -> None:
    payment = charge(gateway)

    changed = gateway.update_payment(payment.id, description="Moved", metadata={"room": "2"})

    assert changed.metadata == {"booking": "7K2M", "room": "2"}
    assert changed.raw["description"] == "Moved"
    assert (changed.amount_minor, changed.status) == (payment.amount_minor, payment.status)


def test_a_change_answered_with_nothing_is_read_again() -> None:
    payment_id = uuid4()
    whole = {"id": str(payment_id), "status": "paid", "amount": 100, "currency": "SAR"}
    with listening((200, "application/json", b""), as_json(whole)) as listener:
        changed = gateway_at(f"{listener.url}/v1").update_payment(payment_id, description="Moved")
    assert changed.amount_minor == 100


# STC Pay


@pytest.mark.parametrize(("otp", "status"), [("123456", "paid"), ("111111", "failed"), ("999999", "failed")])
def test_the_code_of_an_stc_payment_is_handed_on(gateway: MoyasarGateway, otp: str, status: str) -> None:
    payment = charge(gateway, source={"type": "stcpay", "mobile": "0512345678"}, callback_url=None)
    assert payment.status == "initiated"
    assert payment.transaction_url

    assert gateway.submit_otp(payment.id, page_url=payment.transaction_url, otp=otp).status == status


def test_a_code_goes_to_the_gateway_and_nowhere_else(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    payment = charge(gateway, source={"type": "stcpay", "mobile": "0512345678"}, callback_url=None)
    page = str(payment.transaction_url).replace(sandbox.origin, "https://elsewhere.example")

    assert gateway.submit_otp(payment.id, page_url=page, otp="123456").status == "paid"
    with pytest.raises(ValueError, match="not a page"):
        gateway.submit_otp(payment.id, page_url="https://elsewhere.example/steal?x=1", otp="123456")


# Saved cards


def saved(sandbox: SandboxProcess) -> str:
    """A card the payer asked to have saved while paying on the phone."""
    payment_id = str(uuid4())
    answer = sandbox.create_as_app(
        given_id=payment_id,
        amount=5000,
        currency="SAR",
        callback_url=CALLBACK,
        source=card(MADA_OK, save_card=True),
    )
    sandbox.pay(payment_id)
    return str(answer["source"]["token"])


def test_a_card_saved_while_paying_is_named_by_the_payment_read_and_forgotten(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    token_id = saved(sandbox)

    token = gateway.fetch_token(token_id)

    assert token is not None
    assert (token.status, token.brand, token.last_four) == ("active", "mada", "1010")
    assert token.month == 12
    assert token.year
    assert token_id not in repr(token)
    charged = charge(gateway, token_id)
    assert charged.status == "paid"
    assert charged.token == token_id
    assert token_id not in repr(charged)

    gateway.delete_token(token_id)
    gateway.delete_token(token_id)

    assert gateway.fetch_token(token_id) is None
    with pytest.raises(GatewayRefused):
        charge(gateway, token_id)


def test_removing_a_card_on_a_bad_day_may_be_repeated(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    token_id = saved(sandbox)
    sandbox.fault("timeout_after_acting", method="DELETE", **SILENT_FOR)

    with pytest.raises(GatewayUnknown):
        gateway.delete_token(token_id)
    gateway.delete_token(token_id)

    assert gateway.fetch_token(token_id) is None


@pytest.mark.parametrize(
    "token_id", ["", "card_1", "token_", "token_../payments", "token_a?b=c", "token_" + "x" * 130]
)
def test_what_is_no_card_is_never_asked_for(
    gateway: MoyasarGateway, calls: list[CallMade], token_id: str
) -> None:
    for ask in (gateway.fetch_token, gateway.delete_token):
        with pytest.raises(ValueError, match="saved card"):
            ask(token_id)
    assert calls == []


# The hosted page


def invoice(gateway: MoyasarGateway, attempt_id: UUID, **changes: Any) -> Any:
    wanted: dict[str, Any] = {
        "amount_minor": 5000,
        "currency": "SAR",
        "description": "Booking 7K2M",
        "metadata": {"booking_id": "7K2M"},
        "success_url": "https://salon.example/done",
    }
    return gateway.create_invoice(attempt_id=attempt_id, **(wanted | changes))


def test_a_hosted_page_takes_a_second_card_after_a_declined_one(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    asked = invoice(gateway, uuid4())
    page = sandbox.open_page(asked.url)
    assert page.status_code == 200
    assert "50.00 SAR" in page.text

    declined = sandbox.press(asked.url, "DECLINE")
    assert declined.status_code == 200
    assert gateway.fetch_invoice(asked.id).status == "initiated"  # type: ignore[union-attr]
    paid = sandbox.press(asked.url, "PAY")

    assert paid.headers["Location"].startswith("https://salon.example/done?")
    found = gateway.fetch_invoice(asked.id)
    assert found is not None
    assert found.status == "paid"
    assert [payment.status for payment in found.payments] == ["failed", "paid"]
    settled = gateway.fetch_payment(found.payments[1].id)
    assert settled is not None
    assert settled.metadata["booking_id"] == "7K2M"
    with pytest.raises(GatewayRefused):
        gateway.cancel_invoice(asked.id)


def test_asking_twice_for_a_page_gives_the_same_one_while_it_can_be_paid(gateway: MoyasarGateway) -> None:
    attempt_id = uuid4()
    first = invoice(gateway, attempt_id)

    assert invoice(gateway, attempt_id).id == first.id
    assert invoice(gateway, uuid4()).id != first.id
    assert gateway.cancel_invoice(first.id).status == "canceled"
    assert invoice(gateway, attempt_id).id != first.id


def test_a_page_whose_answer_is_lost_is_found_by_its_attempt(
    gateway: MoyasarGateway, sandbox: SandboxProcess, calls: list[CallMade]
) -> None:
    attempt_id = uuid4()
    sandbox.fault("timeout_after_acting", method="POST", path="/invoices", **SILENT_FOR)

    asked = invoice(gateway, attempt_id)

    assert [found.id for found in gateway.list_invoices(metadata={"attempt_id": str(attempt_id)})] == [
        asked.id
    ]
    assert sandbox.count("POST /invoices") == 1
    assert [(call.verb, call.outcome) for call in calls[:3]] == [
        ("invoice_list", "ok"),
        ("invoice_create", "unknown"),
        ("invoice_list", "ok"),
    ]


def test_a_page_that_was_not_made_is_unknown_and_absent(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    sandbox.fault("drop", method="POST", path="/invoices")

    with pytest.raises(GatewayUnknown) as caught:
        invoice(gateway, uuid4())

    assert caught.value.absent


def test_a_page_for_less_than_a_riyal_is_refused(gateway: MoyasarGateway) -> None:
    with pytest.raises(GatewayRefused):
        invoice(gateway, uuid4(), amount_minor=99)


# Settlements


def test_a_settlement_holds_all_that_moved_once_and_adds_up(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    with SandboxProcess() as own:
        till = gateway_at(own.base_url, sleep=Pauses())
        kept, returned, voided, disputed = (charge(till, amount_minor=10_000) for _ in range(4))
        held = charge(till, source={"type": "token", "token": "token_ok_1", "manual": True})
        declined = charge(till, "token_declined_1")
        till.refund_payment(returned.id, 4_000)
        till.void_payment(voided.id)
        own.advance_clock(1)
        own.settle(chargebacks=[disputed.id])

        (settlement,) = till.list_settlements()
        assert till.fetch_settlement(settlement.id) == settlement
        lines = list(till.settlement_lines(settlement.id))

        def of(payment: Any) -> list[SettlementLine]:
            return [line for line in lines if line.payment_id == payment.id]

        assert [(line.type, line.payment_amount_minor) for line in of(kept)] == [("payment", 10_000)]
        assert [line.type for line in of(returned)] == ["payment", "refund"]
        assert of(returned)[1].amount_minor == -4_000
        assert sum(line.amount_minor for line in of(voided)) == 0
        assert sorted(line.type for line in of(disputed)) == ["chargeback", "chargeback_penalty", "payment"]
        assert of(held) == of(declined) == []
        for line in lines:
            assert line.amount_minor == line.payment_amount_minor - line.fee_minor
            assert line.tax_minor == line.fee_minor - (200 * line.fee_minor + 115) // 230
        assert settlement.amount_minor == sum(line.amount_minor for line in lines)
        assert settlement.line_count == len(lines)
        assert of(kept)[0].fee_minor > 0
        assert of(kept)[0].metadata == {"booking": "7K2M"}

        till.refund_payment(returned.id, 1_000)
        own.advance_clock(1)
        own.settle()
        newest, _older = till.list_settlements()
        assert [(line.type, line.amount_minor) for line in till.settlement_lines(newest.id)] == [
            ("refund", -1_000)
        ]


def test_every_line_of_a_long_settlement_is_read(sandbox: SandboxProcess) -> None:
    with SandboxProcess() as own:
        rows = [{"id": str(uuid4()), "amount": 1000 + n, "status": "paid"} for n in range(95)]
        own.import_payments(rows)
        own.advance_clock(1)
        doc = own.settle()
        till = gateway_at(own.base_url)

        lines = list(till.settlement_lines(doc["id"]))

        assert {str(line.payment_id) for line in lines} == {row["id"] for row in rows}
        assert len(lines) == 95
        own.fault("html", path="/settlements/*/lines")
        with pytest.raises(GatewayFault):
            list(till.settlement_lines(doc["id"]))


def test_lines_in_fractions_are_not_believed() -> None:
    row = {"type": "payment", "currency": "SAR", "amount": 10.5, "payment_id": str(uuid4())}
    with listening(as_json({"lines": [row], "meta": {"next_page": None}})) as listener:
        till = gateway_at(f"{listener.url}/v1")
        with pytest.raises(GatewayFault):
            list(till.settlement_lines("0b6c5bd2-5d5e-4c3a-9f2e-0a1b2c3d4e5f"))


# What the sandbox does on demand


def test_a_second_refund_is_taken_or_refused_as_ordered(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    payment = charge(gateway)
    gateway.refund_payment(payment.id, 100)
    assert gateway.refund_payment(payment.id, 100).refunded_minor == 200

    sandbox.single_refund(True)
    with pytest.raises(GatewayRefused):
        gateway.refund_payment(payment.id, 100)


def test_a_hold_that_lapsed_still_says_authorized_and_cannot_be_captured(
    gateway: MoyasarGateway, sandbox: SandboxProcess
) -> None:
    held = charge(gateway, source={"type": "token", "token": "token_ok_1", "manual": True})
    sandbox.lapse(held.id)

    with pytest.raises(GatewayRefused):
        gateway.capture_payment(held.id)

    found = gateway.fetch_payment(held.id)
    assert found is not None
    assert found.status == "authorized"


def test_webhooks_that_waited_are_sent_backwards_when_asked() -> None:
    with listening() as listener, SandboxProcess(webhook_url=listener.url) as own:
        own.pause_webhooks()
        till = gateway_at(own.base_url)
        payment = charge(till, source={"type": "token", "token": "token_ok_1", "manual": True})
        till.capture_payment(payment.id)
        till.refund_payment(payment.id)

        own.resume_webhooks("reversed")

        types = [event["type"] for event in listener.wait_for(3)]
        assert types == ["payment_refunded", "payment_captured", "payment_authorized"]


# The trace


def test_every_request_leaves_a_trace_without_secrets(
    gateway: MoyasarGateway, sandbox: SandboxProcess, calls: list[CallMade]
) -> None:
    token_id = saved(sandbox)
    payment = charge(gateway, token_id)
    gateway.fetch_payment(payment.id)
    gateway.fetch_payment(uuid4())
    sandbox.fault("status", path="/payments/*/refund", status=500)
    with pytest.raises(GatewayUnknown):
        gateway.refund_payment(payment.id)
    with pytest.raises(GatewayRefused):
        gateway.capture_payment(payment.id)

    assert [(call.verb, call.outcome, call.status, call.note) for call in calls[:3]] == [
        ("create", "ok", 201, "paid"),
        ("fetch", "ok", 200, "paid"),
        ("fetch", "ok", 404, "not found"),
    ]
    assert [(call.verb, call.outcome, call.status) for call in calls[3:]] == [
        ("refund", "unknown", 500),
        ("capture", "refused", 400),
    ]
    assert all(call.payment_id == payment.id for call in calls if call.verb != "fetch")
    assert all(re.fullmatch("[0-9a-f-]{36}", call.request_id) for call in calls)
    assert token_id not in str(calls)


def test_words_of_the_gateway_are_kept_without_keys_tokens_and_card_numbers(calls: list[CallMade]) -> None:
    said = "sk_test_abc may not use token_xyz of 4201 3201 1111 1010, 4111111111111111\x00" + "!" * 400
    with (
        listening(as_json({"type": "api_error", "message": said}, 403)) as listener,
        pytest.raises(GatewayRefused),
    ):
        gateway_at(f"{listener.url}/v1", observe=calls.append).refund_payment(uuid4())

    (call,) = calls
    assert len(call.note) <= 200
    assert not re.search(r"sk_test|token_x|1010|1111|\x00", call.note)
