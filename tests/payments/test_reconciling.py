"""Proof by comparison: planted faults are found, each in one class, and nothing is invented."""

from __future__ import annotations

import io
import uuid
from contextlib import nullcontext
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError
from django.utils import timezone

from backend.core.time import RIYADH
from backend.payments.models import Difference, Payment, Reconciliation
from backend.payments.operations import reconcile
from backend.payments.refusals import ReconciliationRunning
from tests.factories import FinanceFactory, UserFactory
from tests.payments.conftest import Payer
from tests.support.api import Api, ok, refused
from tests.support.race import race
from tests.support.sandbox import SandboxProcess

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
    code, _ = run_command(report_only=True)
    row = Difference.objects.get(payment_id=payment["id"])
    assert (code, row.kind, row.state) == (1, "status", "open")
    assert payer.booking.state == "held"
    run_command()
    row.refresh_from_db()
    assert (row.state, payer.booking.state) == ("healed", "requested")
    run_command()
    assert kinds(Reconciliation.objects.latest("started_at"), payment) == []


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
    found = ok(finance.get(f"finance/reconciliations/{run['id']}/differences", kind="status", limit=50))
    assert payment["id"] in str(found)
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


def test_finance_takes_notes_and_answers_for_a_difference(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment, amount_minor=2400)
    person = FinanceFactory.create(name="نوف")
    finance = Api(person, language="en")
    run = ok(finance.post("finance/reconciliations", {"from": str(today()), "to": str(today())}), 201)
    listed = finance.get(
        f"finance/reconciliations/{run['id']}/differences", kind="amount", state="open", limit=50
    )
    [row] = [row for row in ok(listed)["items"] if row["payment_id"] == payment["id"]]
    assert (row["theirs"]["amount_minor"], row["owner"], row["version"]) == (2400, None, 1)
    path = f"finance/differences/{row['id']}"
    taken = ok(finance.post(f"{path}/take", {"version": 1}))
    assert (taken["owner"]["name"], taken["version"]) == ("نوف", 2)
    assert ok(finance.post(f"{path}/take", {"version": 1}))["version"] == 2, "a repeat changes nothing"
    late = refused(finance.post(f"{path}/notes", {"version": 1, "note": "late"}), 409, "version_conflict")
    assert late["current"]["version"] == 2
    ok(finance.post(f"{path}/notes", {"version": 2, "note": "Asked the gateway"}))
    answer = {"version": 3, "resolution": "claimed", "note": "Case 17"}
    refused(finance.post(f"{path}/resolve", answer | {"note": ""}), 400, "validation_failed")
    refused(finance.post(f"{path}/resolve", answer | {"resolution": "forgotten"}), 400, "validation_failed")
    done = ok(finance.post(f"{path}/resolve", answer))
    assert (done["state"], done["resolution"], done["resolved_by"]["name"]) == ("resolved", "claimed", "نوف")
    assert [event["act"] for event in done["history"]] == ["opened", "taken", "noted", "resolved"]
    refused(finance.post(f"{path}/resolve", answer | {"version": 4}), 409, "difference_closed")
    assert ok(finance.get(path)) == done
    assert ok(finance.get(f"finance/reconciliations/{run['id']}"))["id"] == run["id"]
    assert row["id"] in str(ok(finance.get("finance/differences", state="resolved", limit=50)))
    assert row["id"] not in str(ok(finance.get("finance/differences", state="open", limit=50)))
    refused(finance.get(f"finance/differences/{uuid.uuid4()}"), 404, "not_found")
    refused(payer.phone.post(f"{path}/resolve", answer), 403, "permission_denied")
    assert row["title"] == "Other amount"


def test_a_difference_that_is_gone_is_closed_by_the_run_that_no_longer_finds_it(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    Payment.objects.filter(pk=payment["id"]).update(amount_minor=2200)
    run_command(report_only=True)
    row = Difference.objects.get(payment_id=payment["id"])
    Payment.objects.filter(pk=payment["id"]).update(amount_minor=2300)
    run_command(report_only=True)
    row.refresh_from_db()
    assert row.state == "gone"
    assert Reconciliation.objects.latest("started_at", "id").gone_count >= 1
    Payment.objects.filter(pk=payment["id"]).update(amount_minor=2200)
    run_command(report_only=True)
    row.refresh_from_db()
    assert [row.state, *row.events.order_by("id").values_list("act", flat=True)] == [
        "open",
        *("opened", "gone", "reopened"),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_of_two_runs_at_once_one_is_told_to_wait(
    sandbox: SandboxProcess, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The witness without the lock has both of them at work, and only the database in between."""
    payer = Payer(sandbox)
    payment = payer.begin()
    payer.pay(payment, amount_minor=2400)
    if not guarded:
        monkeypatch.setattr("backend.payments.operations.reconciling.running.alone", nullcontext)
    sandbox.fault("latency", method="GET", path="/payments", count=2, seconds=1.0)

    def compare() -> str:
        try:
            return reconcile(from_date=today(), to_date=today(), now=timezone.now(), heal=False).fingerprint
        except IntegrityError:
            return "collided"

    outcomes = race(compare, compare)
    sandbox.clear_faults()
    refusals = [outcome for outcome in outcomes if isinstance(outcome, ReconciliationRunning)]
    assert len(refusals) == (1 if guarded else 0), outcomes
    assert Difference.objects.filter(payment_id=payment["id"]).count() == 1


def _now() -> str:
    return timezone.now().isoformat().replace("+00:00", "Z")
