"""Saved cards: kept on their owner's wish, charged by their owner alone, forgotten everywhere."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.core.models import Alarm
from backend.payments.models import Payment, SavedCard
from backend.payments.operations import finish_cards
from tests.accounts.privacy import notice_in_force
from tests.factories import UserFactory
from tests.payments.conftest import CARD, Payer
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

SAVING = CARD | {"save_card": True}
WISH = {"source": {"type": "client"}, "save_card": True}


def pay_and_save(payer: Payer, *, wish: bool = True, result: str = "AUTHENTICATED") -> dict[str, Any]:
    body = WISH if wish else {"source": {"type": "client"}}
    payment: dict[str, Any] = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", body), 201)
    payer.pay(payment, result, card=SAVING)
    ok(payer.webhook(payment))
    return payment


def cards(phone: Api) -> list[dict[str, Any]]:
    return list(ok(phone.get("me/cards"))["items"])


def pay_with(payer: Payer, card_id: str, **more: Any) -> Any:
    body = {"source": {"type": "saved_card", "card_id": card_id}} | more.pop("body", {})
    return payer.phone.post(f"bookings/{payer.booking_id}/payments", body, **more)


def test_a_card_is_saved_once_paid_with_and_wished(payer: Payer) -> None:
    payment = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", WISH), 201)
    assert payment["client_payment"]["save_card"] is True
    payer.at_the_bank(payment, card=SAVING)
    payer.read(payment)
    assert not SavedCard.objects.exists(), "nothing is kept before the payment is settled"
    payer.sandbox.pay(payment["id"])
    for _ in range(2):
        ok(payer.webhook(payment))
    [card] = cards(payer.phone)
    assert card == {
        "id": card["id"],
        "brand": "mada",
        "last_four": "1010",
        "month": 12,
        "year": 2031,
        "is_expired": False,
    }
    assert "token" not in card
    assert cards(Api(UserFactory.create())) == []


def test_without_the_wish_nothing_is_kept_whatever_the_app_told_the_gateway(payer: Payer) -> None:
    payment = pay_and_save(payer, wish=False)
    assert payment["client_payment"]["save_card"] is False
    assert payer.read(payment)["state"] == "captured"
    assert not SavedCard.objects.exists()


def test_a_payment_that_failed_saves_no_card(payer: Payer) -> None:
    pay_and_save(payer, result="UNAUTHENTICATED")
    assert not SavedCard.objects.exists()


@pytest.mark.parametrize("kind", ["token", "applepay", "stcpay", "saved_card"])
def test_only_what_the_app_charges_can_be_saved(payer: Payer, kind: str) -> None:
    given = {"token": "token_ok", "mobile": "0512345678", "card_id": str(uuid.uuid4())}
    field = {"token": "token", "applepay": "token", "stcpay": "mobile", "saved_card": "card_id"}[kind]
    body = {"source": {"type": kind, field: given[field]}, "save_card": True}
    answer = payer.phone.post(f"bookings/{payer.booking_id}/payments", body)
    [error] = refused(answer, 400, "validation_failed")["errors"]
    assert (error["pointer"], error["code"]) == ("/save_card", "invalid_choice")


def test_a_saved_card_pays_from_our_side_once_for_one_key(payer: Payer) -> None:
    pay_and_save(payer)
    [card] = cards(payer.phone)
    payer.booking_id = payer.book(payer.phone)
    payer.sandbox.reset_calls()
    key = uuid.uuid4()
    first = ok(pay_with(payer, card["id"], key=key), 201)
    again = ok(pay_with(payer, card["id"], key=key), 201)
    assert (first["state"], again["id"]) == ("captured", first["id"])
    assert payer.sandbox.count("POST /payments") == 1
    assert payer.booking.state == "requested"


def test_a_balance_is_paid_with_a_saved_card(payer: Payer) -> None:
    pay_and_save(payer)
    [card] = cards(payer.phone)
    paid = ok(pay_with(payer, card["id"], body={"purpose": "balance"}), 201)
    assert (paid["state"], paid["amount"]["amount_minor"]) == ("captured", 9200)


def test_a_bank_that_still_asks_opens_its_page(payer: Payer) -> None:
    card = SavedCard.objects.create(
        customer=payer.user,
        token="token_3ds_sara",
        status="active",
        brand="mada",
        last_four="1010",
        month=12,
        year=2031,
        created_at=timezone.now(),
        next_attempt_at=timezone.now(),
    )
    payment = ok(pay_with(payer, str(card.pk)), 201)
    assert (payment["state"], payment["next_action"]["type"]) == ("initiated", "redirect")
    assert payment["notice"]["code"] == "waiting_for_payer"
    payer.sandbox.pay(payment["id"])
    ok(payer.webhook(payment))
    assert payer.read(payment)["state"] == "captured"


def test_nobody_pays_with_somebody_elses_card(payer: Payer) -> None:
    pay_and_save(payer)
    [card] = cards(payer.phone)
    thief = Payer(payer.sandbox)
    [error] = refused(pay_with(thief, card["id"]), 400, "validation_failed")["errors"]
    assert (error["pointer"], error["code"]) == ("/source/card_id", "not_found")
    refused(thief.phone.send("DELETE", f"me/cards/{card['id']}"), 404, "not_found")
    assert not Payment.objects.filter(booking__customer=thief.user).exists()


def test_a_removed_card_is_gone_here_and_at_the_gateway(payer: Payer) -> None:
    pay_and_save(payer)
    [card] = cards(payer.phone)
    token = SavedCard.objects.get().token
    assert payer.sandbox.api("GET", f"/tokens/{token}").status_code == 200
    ok(payer.phone.send("DELETE", f"me/cards/{card['id']}"), 204)
    assert cards(payer.phone) == []
    assert payer.sandbox.api("GET", f"/tokens/{token}").status_code == 404
    assert not SavedCard.objects.exists()
    refused(payer.phone.send("DELETE", f"me/cards/{card['id']}"), 404, "not_found")
    refused(pay_with(payer, card["id"]), 400, "validation_failed")


def test_a_gateway_that_is_down_forgets_a_removed_card_later(payer: Payer) -> None:
    pay_and_save(payer)
    [card] = cards(payer.phone)
    payer.sandbox.fault("status", status=503, method="DELETE", path="/tokens/*", count=1)
    ok(payer.phone.send("DELETE", f"me/cards/{card['id']}"), 204)
    assert cards(payer.phone) == []
    left = SavedCard.objects.get()
    assert (left.status, left.customer_id) == ("removing", None)
    assert finish_cards(timezone.now()) == 0, "not before its time"
    assert finish_cards(timezone.now() + timedelta(minutes=6)) == 1
    assert not SavedCard.objects.exists()


def test_a_gateway_that_will_not_forget_a_card_raises_an_alarm_and_holds_up_no_other(payer: Payer) -> None:
    for name in ("token_one", "token_two"):
        SavedCard.objects.create(
            token=name, status="removing", created_at=timezone.now(), next_attempt_at=timezone.now()
        )
    payer.sandbox.fault(
        "status",
        status=403,
        method="DELETE",
        path="/tokens/*",
        count=1,
        body={"type": "api_error", "message": "no"},
    )
    assert finish_cards(timezone.now()) == 1
    assert SavedCard.objects.get().token == "token_one"
    assert Alarm.objects.get().kind == "card_needs_a_person"


def test_details_that_could_not_be_read_are_read_later(payer: Payer) -> None:
    payer.sandbox.fault("status", status=503, method="GET", path="/tokens/*", count=1)
    pay_and_save(payer)
    assert cards(payer.phone) == []
    assert finish_cards(timezone.now() + timedelta(minutes=6)) == 1
    assert [card["last_four"] for card in cards(payer.phone)] == ["1010"]


def test_a_token_the_gateway_does_not_know_is_let_go(payer: Payer) -> None:
    now = timezone.now()
    SavedCard.objects.create(
        customer=payer.user, token="token_nobody_knows", created_at=now, next_attempt_at=now
    )
    finish_cards(now)
    finish_cards(now + timedelta(minutes=6))
    assert not SavedCard.objects.exists()


def test_the_same_card_saved_twice_is_one_card(payer: Payer) -> None:
    pay_and_save(payer)
    old = SavedCard.objects.get().token
    payer.booking_id = payer.book(payer.phone)
    pay_and_save(payer)
    assert len(cards(payer.phone)) == 1
    assert SavedCard.objects.get().token != old
    assert payer.sandbox.api("GET", f"/tokens/{old}").status_code == 404


def test_a_removed_card_does_not_come_back_with_a_late_webhook(payer: Payer) -> None:
    payment = pay_and_save(payer)
    [card] = cards(payer.phone)
    ok(payer.phone.send("DELETE", f"me/cards/{card['id']}"), 204)
    ok(payer.webhook(payment))
    assert not SavedCard.objects.exists()


def test_cards_are_exported_without_tokens_and_go_with_the_account(payer: Payer) -> None:
    notice_in_force()
    pay_and_save(payer)
    token = SavedCard.objects.get().token
    export = ok(payer.phone.get("me/export"))
    assert "1010" in str(export)
    assert token not in str(export)
    body = ok(payer.phone.send("DELETE", "me"))
    assert {row["what"]: row["count"] for row in body["erased"]}["cards"] == 1
    assert not SavedCard.objects.exists()
    assert payer.sandbox.api("GET", f"/tokens/{token}").status_code == 404


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"status": "lost"}, "card_status_known"),
        ({"last_four": "10"}, "card_in_use_is_known"),
        ({"month": 13}, "card_in_use_is_known"),
        ({"status": "removing"}, "card_removed_is_nobodys"),
        ({"token": ""}, "card_has_a_token"),
    ],
)
def test_the_database_keeps_cards_whole(payer: Payer, change: dict[str, Any], constraint: str) -> None:
    pay_and_save(payer)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        SavedCard.objects.update(**change)


@pytest.mark.parametrize(
    "hidden",
    [
        {"source": {"type": "client", "card": {"number": "1"}}},
        {"source": {"type": "client"}, "extra": [{"deep": [{"cvc": "123"}]}]},
        {"source": {"type": "client"}, "extra": {"CVV": 1}},
        {"source": {"type": "token", "token": "٤٢٠١٣٢٠١١١١١١٠١٠"}},
        {"source": {"type": "token", "token": "٤٢٠١-٣٢٠١-١١١١-١٠١٠"}},
        {"source": {"type": "saved_card", "card_id": "۴۲۰۱۳۲۰۱۱۱۱۱۱۰۱۰"}},
        {"source": {"type": "applepay", "token": '{"data": {"pan": "1"}}'}},
        {"source": {"type": "client"}, "purpose": 4201320111111010},
    ],
)
def test_card_data_is_refused_in_every_depth_and_every_digit(payer: Payer, hidden: dict[str, Any]) -> None:
    refused(payer.phone.post(f"bookings/{payer.booking_id}/payments", hidden), 422, "card_data_refused")
    assert not Payment.objects.exists()
