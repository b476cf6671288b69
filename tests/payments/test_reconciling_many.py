"""Ten thousand payments with three hundred faults among them: all are found, each in its kind, and none is invented."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backend.core.time import RIYADH
from backend.payments.models import Difference, Entry, Reconciliation, Settlement, SettlementLine
from backend.payments.operations import reconcile
from backend.payments.sandbox.store import Store
from tests.payments.conftest import Payer
from tests.payments.many import DAYS, KINDS, Planted, plant
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db
PAYMENTS, FAULTS = 10_000, 300


@pytest.fixture
def gateway_with_many(settings: Any) -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        settings.MOYASAR_SECRET_KEY = process.secret_key
        settings.MOYASAR_PUBLISHABLE_KEY = process.publishable_key
        settings.MOYASAR_WEBHOOK_SECRET = process.webhook_secret
        settings.MOYASAR_BASE_URL = process.base_url
        yield process


def planted_in(process: SandboxProcess, *, count: int, faults: int) -> Planted:
    booking = Payer(process).booking
    store = Store(str(process.state))
    try:
        return plant(store, booking, count=count, faults=faults)
    finally:
        store.close()


def run(**options: Any) -> Reconciliation:
    today = timezone.now().astimezone(RIYADH).date()
    return reconcile(from_date=today - timedelta(days=DAYS + 1), to_date=today, now=timezone.now(), **options)


def found_by(run: Reconciliation) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in run.differences.select_related("settlement"):
        subject = (
            row.settlement.gateway_id if row.kind == "settlement_total" and row.settlement else row.payment_id
        )
        assert str(subject) not in found[row.kind], f"{row.kind} {subject} was found twice"
        found[row.kind].add(str(subject))
    return dict(found)


def test_all_of_three_hundred_faults_are_found_each_in_its_kind_and_none_is_invented(
    gateway_with_many: SandboxProcess,
) -> None:
    planted = planted_in(gateway_with_many, count=PAYMENTS, faults=FAULTS)
    assert sum(len(subjects) for subjects in planted.faults.values()) == FAULTS
    assert planted.faults.keys() == set(KINDS)
    first = run(heal=False)
    assert found_by(first) == planted.faults
    assert first.captured_minor == planted.captured_minor
    assert first.refunded_minor == planted.refunded_minor
    assert first.finished_at is not None
    second = run(heal=False)
    assert second.fingerprint == first.fingerprint
    assert (second.found_count, second.gone_count) == (FAULTS, 0)
    assert Difference.objects.count() == FAULTS, "the same differences are the same tasks"
    assert Settlement.objects.count() == len(planted.faults["settlement_total"]) + PAYMENTS // 2_000
    assert (
        Entry.objects.filter(kind="settled").count()
        == SettlementLine.objects.count() + Settlement.objects.count()
    )


def test_nothing_is_found_where_nothing_was_planted(gateway_with_many: SandboxProcess) -> None:
    planted = planted_in(gateway_with_many, count=500, faults=0)
    clean = run()
    assert found_by(clean) == planted.faults == {}
    assert clean.captured_minor == clean.theirs_captured_minor == planted.captured_minor
    assert clean.refunded_minor == clean.theirs_refunded_minor
