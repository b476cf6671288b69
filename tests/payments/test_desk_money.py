"""Money at the salon's desk and in finance's hands: who may, how much, and whose name stands beside it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.payments.models import DeskReceipt, Payment, Refund, Resolution
from backend.payments.operations import send_due_refunds
from backend.salons.models import Membership
from tests.factories import FinanceFactory, UserFactory, employ
from tests.payments.conftest import CARD, Payer
from tests.support.api import Api, ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def payer(sandbox: SandboxProcess) -> Payer:
    """A confirmed booking of 115.00 whose deposit of 23.00 is paid."""
    payer = Payer(sandbox, auto_confirm=True, free_cancel_hours=1)
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    return payer


class Till:
    """Somebody at the desk of the payer's salon."""

    def __init__(self, payer: Payer, role: str = "receptionist") -> None:
        self.user = employ(payer.salon, role, UserFactory.create(name=f"{role} of the house"))
        self.api = Api(self.user, language="en")
        self.path = f"manage/bookings/{payer.booking_id}"

    def take(self, amount: int, tip: int = 0, **more: Any) -> Any:
        body = {"method": "cash", "amount_minor": amount, "tip_minor": tip} | more.pop("body", {})
        return self.api.post(f"{self.path}/receipts", body, **more)

    def void(self, receipt: dict[str, Any], reason: str = "Typed twice") -> Any:
        return self.api.post(f"{self.path}/receipts/{receipt['id']}/void", {"reason": reason})

    def money(self) -> dict[str, Any]:
        body: dict[str, Any] = ok(self.api.get(f"{self.path}/money"))
        return body


def due(till: Till) -> int:
    return int(till.money()["balance"]["due"]["amount_minor"])


def test_cash_and_terminal_are_written_down_with_a_name_and_lower_what_is_due(payer: Payer) -> None:
    till = Till(payer)
    cash = ok(till.take(4000, body={"note": "two notes of twenty"}), 201)
    card = ok(till.take(5200, body={"method": "terminal"}), 201)
    shown = till.money()
    assert [row["id"] for row in shown["receipts"]] == [card["id"], cash["id"]]
    assert cash["taken_by"] == {"id": str(till.user.pk), "name": till.user.name}
    assert (cash["voided_at"], cash["voided_by"], cash["void_reason"]) == (None, None, None)
    assert (shown["price"]["amount_minor"], shown["deposit"]["amount_minor"]) == (11500, 2300)
    assert [(row["purpose"], row["captured"]["amount_minor"]) for row in shown["payments"]] == [
        ("deposit", 2300)
    ]
    assert due(till) == 0
    listed = ok(till.api.get(f"{till.path}/receipts"))
    assert [row["id"] for row in listed["items"]] == [card["id"], cash["id"]]


def test_no_more_is_taken_than_is_due_and_the_refusal_says_how_much_that_is(payer: Payer) -> None:
    till = Till(payer)
    problem = refused(till.take(9201), 422, "more_than_due")
    assert problem["detail"] == "No more than SAR 92.00 is left to pay for this booking."
    ok(till.take(9200), 201)
    refused(till.take(1), 422, "more_than_due")


def test_a_tip_stands_apart_from_price_and_balance(payer: Payer) -> None:
    till = Till(payer)
    ok(till.take(9200, tip=1500), 201)
    alone = ok(till.take(0, tip=500), 201)
    assert (alone["amount"]["amount_minor"], alone["tip"]["amount_minor"]) == (0, 500)
    balance = till.money()["balance"]
    assert (balance["total"]["amount_minor"], balance["paid"]["amount_minor"]) == (11500, 11500)


def test_a_repeated_tap_writes_one_receipt(payer: Payer) -> None:
    till, key = Till(payer), uuid.uuid4()
    first = ok(till.take(1000, key=key), 201)
    again = till.take(1000, key=key)
    assert ok(again, 201)["id"] == first["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert DeskReceipt.objects.count() == 1
    headers = {"Idempotency-Key": ""}
    body = {"method": "cash", "amount_minor": 1}
    answer = till.api.send("POST", f"{till.path}/receipts", body=body, headers=headers)
    refused(answer, 400, "idempotency_key_required")


def test_a_void_keeps_the_receipt_and_names_both(payer: Payer) -> None:
    till, manager = Till(payer), Till(payer, "manager")
    receipt = ok(till.take(9200, tip=300), 201)
    refused(till.void(receipt), 403, "permission_denied")
    voided = ok(manager.void(receipt))
    assert voided["taken_by"]["id"] == str(till.user.pk)
    assert voided["voided_by"] == {"id": str(manager.user.pk), "name": manager.user.name}
    assert voided["void_reason"] == "Typed twice"
    assert due(till) == 9200
    again = ok(Till(payer, "owner").void(receipt, "Another reason"))
    assert again == voided
    assert DeskReceipt.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"amount_minor": 0}, "/amount_minor", "too_small"),
        ({"amount_minor": -1}, "/amount_minor", "too_small"),
        ({"amount_minor": "100"}, "/amount_minor", "wrong_type"),
        ({"amount_minor": 100, "method": "cheque"}, "/method", "invalid_choice"),
        ({"amount_minor": 100, "tip_minor": -5}, "/tip_minor", "too_small"),
        ({"amount_minor": 100, "note": "x" * 201}, "/note", "too_long"),
    ],
)
def test_a_receipt_that_makes_no_sense_is_refused_by_field(
    payer: Payer, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = Till(payer).take(1, body=body)
    errors = refused(answer, 400, "validation_failed")["errors"]
    assert (errors[0]["pointer"], errors[0]["code"]) == (pointer, code)


@pytest.mark.parametrize(
    "body",
    [
        {"note": "4201320111111010"},
        {"note": "٤٢٠١ ٣٢٠١ ١١١١ ١٠١٠"},
        {"cvc": "123"},
        {"note": '{"card": {"number": "1"}}'},
    ],
)
def test_card_details_never_reach_the_till(payer: Payer, body: dict[str, Any]) -> None:
    refused(Till(payer).take(100, body=body), 422, "card_data_refused")
    assert not DeskReceipt.objects.exists()


def test_money_is_taken_only_while_the_booking_owes_any(payer: Payer) -> None:
    till = Till(payer)
    receipt = ok(till.take(5000), 201)
    cancel = {"version": payer.booking.version, "reason": "Closed today"}
    ok(till.api.post(f"{till.path}/cancel", cancel))
    refused(till.take(100), 409, "cannot_change_status")
    shown = till.money()
    assert shown["balance"]["due"]["amount_minor"] == 0
    assert shown["return_at_desk"]["amount_minor"] == 5000
    ok(Till(payer, "owner").void(receipt, "Handed back"))
    assert till.money()["return_at_desk"]["amount_minor"] == 0


def test_a_walk_in_pays_at_the_desk(payer: Payer) -> None:
    till = Till(payer)
    guest = {
        "items": [{"service_id": str(payer.service.id)}],
        "starts_at": payer.first_free(),
        "guest": {"name": "ريم", "phone": None},
    }
    walk_in = ok(till.api.post(f"manage/salons/{payer.salon.slug}/bookings", guest), 201)
    till.path = f"manage/bookings/{walk_in['id']}"
    assert due(till) == 11500
    ok(till.take(11500), 201)
    assert due(till) == 0


def test_the_customer_sees_the_receipts_without_the_names_of_staff(payer: Payer) -> None:
    till = Till(payer)
    receipt = ok(till.take(4000, tip=700, body={"note": "talked about football"}), 201)
    ok(Till(payer, "owner").void(receipt))
    [shown] = ok(payer.phone.get(f"bookings/{payer.booking_id}/payments"))["receipts"]
    assert shown.keys() == {"id", "method", "amount", "tip", "taken_at", "voided_at"}
    assert shown["voided_at"]


def test_only_who_may_take_money_sees_the_till(payer: Payer) -> None:
    staff = Till(payer, "staff")
    for path in ("money", "receipts"):
        refused(staff.api.get(f"{staff.path}/{path}"), 403, "permission_denied")
    refused(staff.take(100), 403, "permission_denied")
    stranger = Api(UserFactory.create())
    refused(stranger.get(f"{staff.path}/money"), 404, "not_found")
    till = Till(payer)
    Membership.objects.filter(user=till.user).delete()
    refused(till.take(100), 404, "not_found")


def test_a_receipt_of_another_booking_is_unknown_here(payer: Payer) -> None:
    till = Till(payer, "owner")
    refused(till.void({"id": str(uuid.uuid4())}), 404, "not_found")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"amount_minor": 0, "tip_minor": 0}, "receipt_amounts_positive"),
        ({"method": "cheque"}, "receipt_method_known"),
        ({"void_reason": "half a void"}, "receipt_voided_whole_or_not"),
        ({"voided_at": "2026-11-21T12:00:00Z"}, "receipt_voided_whole_or_not"),
    ],
)
def test_the_database_keeps_receipts_whole(payer: Payer, change: dict[str, Any], constraint: str) -> None:
    ok(Till(payer).take(100), 201)
    written = DeskReceipt.objects.get()
    whole = {field.attname: getattr(written, field.attname) for field in DeskReceipt._meta.concrete_fields}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        DeskReceipt.objects.create(**whole | {"id": uuid.uuid4()} | change)


def test_the_database_lets_nobody_change_a_receipt_but_to_void_it(payer: Payer) -> None:
    till = Till(payer, "owner")
    receipt = ok(till.take(100), 201)
    ok(till.void(receipt))
    for change in ({"amount_minor": 1}, {"taken_by": payer.user}, {"voided_at": timezone.now()}):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            DeskReceipt.objects.update(**change)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        DeskReceipt.objects.all()._raw_delete("default")
    assert DeskReceipt.objects.update(note="", void_reason="-") == 1, "words about somebody who left may go"


# Finance's manual tasks


def finance() -> Api:
    return Api(FinanceFactory.create(name="Huda of Finance"), language="en")


def refund_that_needs_a_person(payer: Payer) -> Refund:
    """The gateway refuses: somebody sent the money back at its own desk."""
    payment = Payment.objects.get()
    refund = Refund.objects.create(
        payment=payment,
        amount_minor=2300,
        reason="test",
        created_at=timezone.now(),
        next_attempt_at=timezone.now(),
    )
    payer.sandbox.api("POST", f"/payments/{payment.pk}/refund", json={"amount": 1000})
    send_due_refunds(timezone.now())
    refund.refresh_from_db()
    assert refund.state == "manual"
    return refund


def quarantined(payer: Payer) -> dict[str, Any]:
    payer.booking_id = payer.book(payer.phone)
    payment = payer.begin()
    payer.pay(payment, amount_minor=200)
    ok(payer.webhook(payment))
    return payment


def test_what_needs_a_person_is_one_list_in_pages_oldest_first(payer: Payer) -> None:
    refund, odd = refund_that_needs_a_person(payer), quarantined(payer)
    api = finance()
    first = ok(api.get("finance/tasks", limit=1))
    [task] = first["items"]
    assert (task["id"], task["kind"], task["amount"]["amount_minor"]) == (str(refund.pk), "refund", 2300)
    assert task["why"]
    second = ok(api.get("finance/tasks", limit=1, cursor=first["next_cursor"]))
    [task] = second["items"]
    assert (task["id"], task["kind"], task["why"]) == (odd["id"], "quarantine", "amount")
    assert second["next_cursor"] is None
    refused(api.get("finance/tasks", cursor="forged"), 400, "validation_failed")


def test_a_deposit_the_bank_let_go_is_a_task_and_can_be_charged_again(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox, authorise_first=True)
    payment = payer.begin()
    assert payment["client_payment"]["manual"] is True
    payer.pay(payment, card=CARD | {"manual": True})
    ok(payer.webhook(payment, "payment_authorized"))
    assert payer.booking.state == "requested"
    refusal = {"type": "invalid_request_error", "message": "cannot be captured", "errors": None}
    sandbox.fault("status", status=400, method="POST", path="/payments/*/capture", count=9, body=refusal)
    till, api = Till(payer), finance()
    ok(till.api.post(f"{till.path}/confirm", {"version": payer.booking.version}))
    assert payer.read(payment)["failure"]["code"] == "hold_lapsed"
    assert due(till) == 11500
    [task] = ok(api.get("finance/tasks"))["items"]
    assert (task["id"], task["kind"]) == (payment["id"], "capture")
    sandbox.clear_faults()
    body = {"outcome": "retry", "note": "The bank says that it is still held"}
    ok(api.post(f"finance/tasks/{payment['id']}/resolve", body))
    assert payer.read(payment)["state"] == "captured"
    assert ok(api.get("finance/tasks"))["items"] == []
    assert due(till) == 9200


def test_an_answer_carries_a_name_and_closes_the_task_once(payer: Payer) -> None:
    refund, api = refund_that_needs_a_person(payer), finance()
    path = f"finance/tasks/{refund.pk}/resolve"
    answer = ok(api.post(path, {"outcome": "refunded_outside", "note": "Bank transfer of 21 November"}))
    assert answer["resolved_by"]["name"] == "Huda of Finance"
    assert (answer["outcome"], answer["task_id"]) == ("refunded_outside", str(refund.pk))
    refund.refresh_from_db()
    assert refund.state == "done"
    assert ok(api.get("finance/tasks"))["items"] == []
    refused(api.post(path, {"outcome": "accepted", "note": "once more"}), 409, "task_resolved")
    assert Resolution.objects.count() == 1


def test_an_accepted_refund_stays_as_it_is_and_is_never_owed_again(payer: Payer) -> None:
    refund, api = refund_that_needs_a_person(payer), finance()
    ok(
        api.post(
            f"finance/tasks/{refund.pk}/resolve", {"outcome": "accepted", "note": "Agreed with the guest"}
        )
    )
    refund.refresh_from_db()
    assert refund.state == "manual"
    assert ok(api.get("finance/tasks"))["items"] == []


def test_a_retried_refund_is_sent_again_and_comes_back_if_it_fails_again(payer: Payer) -> None:
    refund, api = refund_that_needs_a_person(payer), finance()
    path = f"finance/tasks/{refund.pk}/resolve"
    ok(api.post(path, {"outcome": "retry", "note": "Moyasar was asked"}))
    assert [task["id"] for task in ok(api.get("finance/tasks"))["items"]] == [str(refund.pk)]
    Refund.objects.filter(pk=refund.pk).update(amount_minor=1300)
    ok(api.post(path, {"outcome": "retry", "note": "What is left of it"}))
    refund.refresh_from_db()
    assert refund.state == "done"
    assert ok(api.get("finance/tasks"))["items"] == []
    assert Resolution.objects.count() == 2


def test_a_retry_is_not_fooled_by_another_refund_that_went_through(payer: Payer) -> None:
    """The total seen before the refused call is old: counted from there, another refund would pass for this one."""
    refund = refund_that_needs_a_person(payer)
    Refund.objects.filter(pk=refund.pk).update(amount_minor=600, refunded_before_minor=0)
    ok(finance().post(f"finance/tasks/{refund.pk}/resolve", {"outcome": "retry", "note": "again"}))
    payment = payer.sandbox.api("GET", f"/payments/{refund.payment_id}").json()
    assert payment["refunded"] == 1600


def test_a_quarantined_payment_is_asked_about_again(payer: Payer) -> None:
    odd = quarantined(payer)
    api = finance()
    ok(api.post(f"finance/tasks/{odd['id']}/resolve", {"outcome": "retry", "note": "looked at it"}))
    assert [task["id"] for task in ok(api.get("finance/tasks"))["items"]] == [odd["id"]]
    ok(api.post(f"finance/tasks/{odd['id']}/resolve", {"outcome": "refunded_outside", "note": "by hand"}))
    assert ok(api.get("finance/tasks"))["items"] == []
    refused(
        api.post(f"finance/tasks/{odd['id']}/resolve", {"outcome": "retry", "note": "late"}),
        409,
        "task_resolved",
    )


def test_tasks_are_finances_alone_and_an_unknown_one_is_not_found(payer: Payer) -> None:
    refund = refund_that_needs_a_person(payer)
    body = {"outcome": "accepted", "note": "mine"}
    for person in (payer.phone, Till(payer, "owner").api):
        refused(person.get("finance/tasks"), 403, "permission_denied")
        refused(person.post(f"finance/tasks/{refund.pk}/resolve", body), 403, "permission_denied")
    api = finance()
    refused(api.post(f"finance/tasks/{uuid.uuid4()}/resolve", body), 404, "not_found")
    refused(api.post(f"finance/tasks/{refund.payment_id}/resolve", body), 404, "not_found")
    refused(api.post(f"finance/tasks/{refund.pk}/resolve", {"outcome": "accepted"}), 400, "validation_failed")


def test_the_list_of_tasks_asks_a_fixed_number_of_questions(
    payer: Payer, django_assert_max_num_queries: Any
) -> None:
    api = finance()
    for _ in range(3):
        quarantined(payer)
    refund_of = Payment.objects.filter(quarantined_because="").first()
    assert refund_of is not None
    for reason in ("one", "two", "three"):
        Refund.objects.create(
            payment=refund_of,
            amount_minor=100,
            reason=reason,
            state="manual",
            created_at=timezone.now() - timedelta(days=1),
            next_attempt_at=timezone.now(),
        )
    with django_assert_max_num_queries(9):
        assert len(ok(api.get("finance/tasks"))["items"]) == 6
