"""Proof by comparison: planted faults are found, each in one class, and nothing is invented."""

from __future__ import annotations

import io
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from backend.core.time import RIYADH
from backend.payments.models import Payment, Reconciliation
from tests.factories import FinanceFactory, UserFactory
from tests.payments.conftest import Payer
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db


def today() -> date:
    return timezone.now().astimezone(RIYADH).date()


def run_command(**options: Any) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command(
            "reconcile",
            from_date=str(today() - timedelta(days=1)),
            to_date=str(today()),
            stdout=out,
            **options,
        )
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def kinds(run: Reconciliation, *payments: dict[str, Any]) -> list[str]:
    ids = [p["id"] for p in payments]
    return sorted(run.differences.filter(payment_id__in=ids).values_list("kind", flat=True))


def test_a_day_that_agrees_shows_no_difference_for_it(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    run_command()
    assert kinds(Reconciliation.objects.get(), payment) == []


def test_a_paid_payment_nobody_reported_is_found_and_healed(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    _, report = run_command(report_only=True)
    assert f"status {payment['id']} OPEN" in report
    assert payer.booking.state == "held"
    _, report = run_command()
    assert f"status {payment['id']} healed" in report
    assert payer.booking.state == "requested"
    _, report = run_command()
    assert payment["id"] not in report


def test_every_planted_fault_is_in_its_class(payer: Payer) -> None:
    sandbox = payer.sandbox
    stranger = {"id": str(uuid.uuid4())}
    sandbox.import_payments(
        [{"id": stranger["id"], "amount": 5000, "currency": "SAR", "status": "paid", "created_at": _now()}]
    )
    vanished = payer.begin()
    Payment.objects.filter(pk=vanished["id"]).update(state="captured", captured_minor=2300, gateway_seen=True)
    dearer = payer.begin()
    payer.pay(dearer, amount_minor=2400)
    returned = payer.begin()
    payer.pay(returned)
    ok(payer.webhook(returned))
    sandbox.api("POST", f"/payments/{returned['id']}/refund", json={"amount": 300})
    code, report = run_command(report_only=True)
    assert code == 1
    assert "OPEN" in report
    run = Reconciliation.objects.get()
    found = {str(d.payment_id): d.kind for d in run.differences.all()}
    assert found[stranger["id"]] == "missing_here"
    assert found[vanished["id"]] == "missing_there"
    assert found[dearer["id"]] == "amount"
    assert found[returned["id"]] == "refunded"
    assert run.differences.filter(payment_id=returned["id"]).count() == 1


def test_an_attempt_the_gateway_never_saw_is_no_difference(payer: Payer) -> None:
    payment = payer.begin()
    run_command()
    assert kinds(Reconciliation.objects.get(), payment) == []


def test_finance_runs_the_proof_through_the_api_and_nobody_else_may(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    finance = Api(FinanceFactory.create(), language="en")
    days = {"from": str(today()), "to": str(today())}
    run = ok(finance.post("finance/reconciliations", days), 201)
    assert run["from"] == str(today())
    assert payment["id"] in str(ok(finance.get(f"finance/reconciliations/{run['id']}/differences", limit=50)))
    assert ok(finance.get("finance/reconciliations"))["items"][0]["id"] == run["id"]
    [row] = [p for p in ok(finance.get("finance/payments"))["items"] if p["id"] == payment["id"]]
    assert (row["state"], row["captured"]["amount_minor"]) == ("captured", 2300)
    wrong = refused(
        finance.post("finance/reconciliations", {"from": "2026-11-20", "to": "2026-11-19"}),
        400,
        "validation_failed",
    )
    assert wrong["errors"][0]["pointer"] == "/to"
    for stranger in (Api(UserFactory.create()), payer.phone):
        refused(stranger.get("finance/payments"), 403, "permission_denied")
        refused(stranger.get("finance/reconciliations"), 403, "permission_denied")
        refused(stranger.post("finance/reconciliations", days), 403, "permission_denied")
    refused(Api().get("finance/payments"), 401, "auth_required")


def test_half_a_list_proves_nothing(payer: Payer) -> None:
    payer.sandbox.fault("status", status=503, method="GET", path="/payments", count=5)
    finance = Api(FinanceFactory.create())
    refused(
        finance.post("finance/reconciliations", {"from": str(today()), "to": str(today())}),
        503,
        "payments_unavailable",
    )
    payer.sandbox.clear_faults()


def _now() -> str:
    return timezone.now().isoformat().replace("+00:00", "Z")
