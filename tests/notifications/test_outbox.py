"""The outbox: what is owed is delivered once, whatever breaks in between, and whoever delivers it."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from backend.accounts.models import User
from backend.core import jobs
from backend.core.api.middleware import RequestIdMiddleware
from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations import carrying, claiming, writing
from tests.notifications.conftest import PATIENCE
from tests.support.race import race

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
TEXT = "تم تأكيد حجزك في صالون روز"

pytestmark = pytest.mark.django_db(transaction=True)


class Worker:
    """Step by step what `deliver --forever` does, by the test's clock: hear of a message, deliver what is due."""

    def __init__(self):
        self.away = False
        self._wire = psycopg.connect(**connection.get_connection_params(), autocommit=True)
        self._wire.execute(f"LISTEN {operations.WAKE_UP}")

    def work(self, now):
        if not self.away:
            assert next(self._wire.notifies(timeout=10, stop_after=1), None), "nobody told the worker"
            operations.deliver_due(now=now)

    def close(self):
        self._wire.close()


_worker: Worker | None = None


@pytest.fixture(params=["request", "worker"], autouse=True)
def delivery(request, settings):
    """Every test of this module runs under both settings."""
    global _worker
    settings.MESSAGE_DELIVERY = request.param
    if request.param == "request":
        yield request.param
        return
    _worker = Worker()
    yield request.param
    _worker.close()
    _worker = None


@pytest.fixture
def nobody_delivers(monkeypatch):
    """Neither requests, which have no time left, nor a worker."""
    monkeypatch.setattr(writing, "REQUEST_BUDGET", 0.0)
    if _worker is not None:
        _worker.away = True


@contextmanager
def one_transaction(now=NOW):
    """Commits; a worker, if there is one, then does its work."""
    with transaction.atomic():
        yield
    if _worker is not None:
        _worker.work(now)


def enqueue(key="booking:1:v1:confirmed:customer", now=NOW, body=TEXT, **changes):
    values = {
        "recipient": None,
        "to_phone": "+966512345678",
        "language": "ar",
        "kind": "booking_confirmed",
        "audience": "customer",
    }
    words = operations.Words(text=body)
    message = operations.enqueue(operations.draft(**(values | changes), words=words, event_key=key, now=now))
    if message is not None and _worker is not None and not connection.in_atomic_block:
        _worker.work(now)
    return message


def only():
    return Message.objects.get()


def attempts():
    rows = DeliveryAttempt.objects.order_by("message__created_at", "number")
    return [(row.provider, row.outcome, row.error_class) for row in rows]


def crash_after_claim(at=NOW):
    """A message whose worker died between its claim and its record."""
    message = Message.objects.create(
        to_phone="+966512345678",
        language="ar",
        kind="booking_confirmed",
        audience="customer",
        body=TEXT,
        event_key="booking:1:v1:confirmed:customer",
        state="sending",
        attempts=1,
        claimed_until=at + operations.LEASE,
        created_at=at,
        next_attempt_at=at,
    )
    provider = "unifonic"
    DeliveryAttempt.objects.create(message=message, number=1, provider=provider, started_at=at, units=1)
    return message


# Writing and leaving


def test_a_text_leaves_after_the_commit(inbox):
    person = User.objects.create_user("+966512345678")
    with one_transaction():
        enqueue(recipient=person)
        assert inbox.all() == []
    [text] = inbox.all()
    message = only()
    assert (text["to"], text["body"], text["reference"]) == ("+966512345678", TEXT, message.id.hex)
    assert (message.state, message.attempts, message.recipient) == ("sent", 1, person)
    attempt = message.delivery_attempts.get()
    assert (attempt.number, attempt.provider, attempt.outcome, attempt.units) == (1, "console", "accepted", 1)
    assert attempt.provider_message_id == f"console-{message.id.hex}"


def test_what_is_rolled_back_is_not_told(inbox):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        enqueue()
        raise ZeroDivisionError
    with one_transaction():
        enqueue("kept")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            enqueue("dropped")
            raise ZeroDivisionError
    assert [message.event_key for message in Message.objects.all()] == ["kept"]
    assert len(inbox.all()) == 1


def test_one_fact_is_told_once(inbox):
    assert enqueue() is not None
    assert enqueue() is None
    assert enqueue("booking:1:v2:confirmed:customer") is not None
    assert len(inbox.all()) == Message.objects.count() == 2


def test_one_fact_told_at_the_same_moment(inbox):
    def tell():
        with transaction.atomic():
            return enqueue()

    with one_transaction():
        outcomes = race(*[tell] * 5)
    assert sorted(outcome is not None for outcome in outcomes) == [False] * 4 + [True]
    assert len(inbox.all()) == 1


def test_a_broken_provider_does_not_break_the_caller(inbox, settings, monkeypatch, caplog):
    def explode(*args, **kwargs):
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("backend.notifications.providers.console.ConsoleProvider.send", explode)
    with one_transaction():
        enqueue()
    assert only().state == "sending"
    assert re.search("delivery (after commit )?failed", caplog.text)
    monkeypatch.undo()
    # Nobody knows what the bug did: the console is asked, does not know the text, and prints it.
    assert operations.deliver_due(now=NOW + operations.LEASE + timedelta(seconds=5)) == 1
    assert only().state == "sent"


def test_the_provider_is_called_outside_every_transaction(inbox, monkeypatch):
    from backend.notifications.providers.console import ConsoleProvider

    seen = []
    send = ConsoleProvider.send
    monkeypatch.setattr(
        ConsoleProvider, "send", lambda self, **k: seen.append(connection.in_atomic_block) or send(self, **k)
    )
    with one_transaction():
        enqueue()
    assert seen == [False]


@pytest.mark.parametrize("delivery", ["request"], indirect=True)
def test_a_request_spends_its_budget_and_leaves_the_rest(unifonic, monkeypatch):
    monkeypatch.setattr(writing, "REQUEST_BUDGET", 2.4 * PATIENCE)
    unifonic.answers("hang", "accept")
    began = time.monotonic()
    with transaction.atomic():
        for number in range(4):
            enqueue(str(number))
    assert time.monotonic() - began < 4 * PATIENCE
    states = [message.state for message in Message.objects.order_by("created_at", "id")]
    assert states[0] == "unknown"
    assert "sent" in states

    monkeypatch.setattr(writing, "REQUEST_BUDGET", 0.0)
    with transaction.atomic():
        enqueue("late")
    assert Message.objects.get(event_key="late").state == "pending"
    operations.deliver_due(now=NOW)
    assert Message.objects.get(event_key="late").state == "sent"


@pytest.mark.parametrize("delivery", ["request"], indirect=True)
def test_the_budget_begins_anew_with_the_next_transaction(inbox, monkeypatch):
    monkeypatch.setattr(writing, "REQUEST_BUDGET", 2.0)
    with transaction.atomic():
        enqueue("1")
    time.sleep(2.1)
    with transaction.atomic():
        enqueue("2")
    assert len(inbox.all()) == 2


@pytest.mark.parametrize("delivery", ["request"], indirect=True)
def test_the_transactions_of_one_request_share_its_budget(inbox, monkeypatch):
    monkeypatch.setattr(writing, "REQUEST_BUDGET", 2.0)

    def view(request):
        with transaction.atomic():
            enqueue(request.GET["name"] + "1")
        time.sleep(2.1)
        with transaction.atomic():
            enqueue(request.GET["name"] + "2")
        return HttpResponse()

    # A caller that names every request alike has a budget for each, too.
    for name in "ab":
        RequestIdMiddleware(view)(
            RequestFactory().get("/", {"name": name}, headers={"X-Request-Id": "same-name"})
        )
    states = dict(Message.objects.values_list("event_key", "state"))
    assert states == {"a1": "sent", "a2": "pending", "b1": "sent", "b2": "pending"}


# Refusals


def test_a_provider_that_is_down_is_tried_again_later(unifonic, settings):
    up = settings.UNIFONIC_BASE_URL
    settings.UNIFONIC_BASE_URL = "http://127.0.0.1:9"
    enqueue()
    assert (only().state, only().next_attempt_at.replace(microsecond=0)) == (
        "pending",
        NOW + timedelta(seconds=10),
    )
    assert operations.deliver_due(now=NOW + timedelta(seconds=9)) == 0
    settings.UNIFONIC_BASE_URL = up
    assert operations.deliver_due(now=NOW + timedelta(seconds=11)) == 1
    assert only().state == "sent"
    assert attempts() == [("unifonic", "unreachable", "provider_fault"), ("unifonic", "accepted", "")]
    assert len(unifonic.sent) == 1


def test_delays_grow_and_end(unifonic):
    unifonic.answers(429)
    enqueue()
    now, waits = NOW, []
    while only().state == "pending":
        waits.append(round((only().next_attempt_at - now).total_seconds()))
        now = only().next_attempt_at
        operations.deliver_due(now=now)
    assert waits == [10, 60, 300, 1800, 7200]
    assert (only().state, only().attempts, len(unifonic.sent)) == ("failed", 6, 6)
    assert operations.deliver_due(now=now + timedelta(days=1)) == 0


def test_a_number_that_is_none_is_given_up_race(unifonic):
    unifonic.answers(482)
    enqueue()
    assert (only().state, only().attempts) == ("failed", 1)
    assert attempts() == [("unifonic", "refused", "recipient")]


def test_a_wrong_credential_is_an_alarm_and_no_loss(unifonic, caplog):
    unifonic.answers(401, "accept")
    enqueue()
    assert only().state == "pending"
    assert [record.levelname for record in caplog.records if record.name == "mawid.messages"] == ["ERROR"]
    operations.deliver_due(now=NOW + timedelta(minutes=1))
    assert only().state == "sent"


def test_the_next_provider_takes_over_after_a_refusal(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    unifonic.answers(480)
    enqueue()
    assert only().state == "sent"
    assert attempts() == [("unifonic", "refused", "configuration"), ("console", "accepted", "")]
    assert (only().attempts, len(inbox.all())) == (1, 1)


def test_a_duplicate_has_been_read(unifonic):
    unifonic.answers(409)
    enqueue()
    assert only().state == "sent"
    assert attempts() == [("unifonic", "accepted", "duplicate")]


# Nobody knows


@pytest.mark.parametrize("fault", ["hang", "drop", "html", "empty", 502])
def test_a_text_that_may_have_gone_out_is_never_sent_on_a_guess(unifonic, settings, inbox, fault):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    unifonic.details = "missing"
    unifonic.answers(fault)
    enqueue()
    assert only().state == "unknown"
    now = NOW
    for _ in range(10):
        now += timedelta(hours=3)
        operations.deliver_due(now=now)
    assert (only().state, only().next_attempt_at) == ("unknown", None)
    assert len(unifonic.sent) == 1
    assert inbox.all() == []
    assert attempts() == [("unifonic", "unknown", "unknown")]


def test_a_text_that_did_go_out_is_found(unifonic):
    unifonic.answers("hang")
    enqueue()
    assert only().state == "unknown"
    assert operations.deliver_due(now=NOW + timedelta(minutes=1)) == 0
    assert operations.deliver_due(now=NOW + timedelta(minutes=3)) == 1
    assert only().state == "sent"
    assert DeliveryAttempt.objects.get().provider_message_id == "3200017889310"
    assert len(unifonic.sent) == 1


def test_a_text_that_surely_did_not_go_out_is_sent(unifonic):
    unifonic.answers("lost", "accept")
    enqueue()
    assert only().state == "unknown"
    operations.deliver_due(now=NOW + timedelta(minutes=3))
    assert only().state == "sent"
    assert attempts() == [("unifonic", "unreachable", "lost"), ("unifonic", "accepted", "")]
    assert len(unifonic.kept) == 1


# Crashes


def test_a_crash_after_the_claim_waits_for_the_lease(unifonic):
    crash_after_claim()
    assert operations.deliver_due(now=NOW + operations.LEASE - timedelta(seconds=1)) == 0
    assert unifonic.requests == []


def test_a_crash_before_the_call_is_made_good(unifonic):
    crash_after_claim()
    assert operations.deliver_due(now=NOW + operations.LEASE) == 1
    assert (only().state, len(unifonic.sent)) == ("sent", 1)


def test_a_crash_after_the_call_does_not_send_twice(unifonic):
    message = crash_after_claim()
    unifonic.kept[message.reference] = 77
    assert operations.deliver_due(now=NOW + operations.LEASE) == 1
    assert (only().state, unifonic.sent) == ("sent", [])
    assert DeliveryAttempt.objects.get().provider_message_id == "77"


def test_a_crash_nobody_can_tell_about_stays_unknown(unifonic):
    crash_after_claim()
    unifonic.details = "missing"
    for hours in range(1, 30):
        operations.deliver_due(now=NOW + timedelta(hours=hours))
    assert (only().state, unifonic.sent) == ("unknown", [])


def test_a_worker_that_overslept_changes_nothing_but_a_success(unifonic, monkeypatch):
    """The first worker is suspended after its claim; meanwhile another one takes the message up and sends it."""
    clock = claiming.Clock(NOW)
    message = crash_after_claim()
    sleeping = claiming.Claim(message=message, attempt=message.delivery_attempts.get(), ask=False)
    operations.deliver_due(now=NOW + operations.LEASE)
    assert only().state == "sent"
    unifonic.answers(429)
    carrying.carry(sleeping, clock=clock)
    assert only().state == "sent"
    assert attempts() == [("unifonic", "unreachable", "lost"), ("unifonic", "accepted", "")]


# Workers


def test_parallel_workers_send_each_text_once(unifonic, nobody_delivers):
    for number in range(25):
        enqueue(str(number))
    taken = race(*[lambda: operations.deliver_due(now=NOW)] * 4)
    assert sum(taken) == 25
    assert len(unifonic.sent) == len({form["CorrelationID"] for form in unifonic.sent}) == 25
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


def test_without_the_claim_parallel_workers_would_send_twice(unifonic, nobody_delivers):
    """The witness: two workers that carry what they merely found both send it."""
    enqueue()
    message = only()
    unifonic.answers("latency")

    def send(number):
        def carry():
            attempt = DeliveryAttempt.objects.create(
                message=message, number=number, provider="unifonic", started_at=NOW, units=1
            )
            carrying.carry(claiming.Claim(message=message, attempt=attempt), clock=claiming.Clock(NOW))

        return carry

    race(send(1), send(2))
    assert [form["CorrelationID"] for form in unifonic.sent] == [message.reference] * 2


def test_a_worker_does_not_wait_for_what_another_has_locked(unifonic, nobody_delivers):
    first, second = enqueue("1"), enqueue("2")
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT 1 FROM notifications_message WHERE id = %s FOR NO KEY UPDATE", [first.pk])
        assert operations.deliver_due(now=NOW) == 1
        states = dict(Message.objects.values_list("pk", "state"))
        assert (states[first.pk], states[second.pk]) == ("pending", "sent")
        other.rollback()
    assert operations.deliver_due(now=NOW) == 1


def test_the_command_delivers_what_is_due_and_says_how_much(inbox, nobody_delivers, capsys):
    for number in range(3):
        enqueue(str(number))
    call_command("deliver")
    assert capsys.readouterr().out.splitlines()[-1] == "deliver: 3"
    assert len(inbox.all()) == 3
    assert jobs.registered()["deliver"](NOW) == 0


@pytest.mark.server
def test_sigterm_finishes_the_text_in_hand(unifonic, nobody_delivers):
    for number in range(5):
        enqueue(str(number))
    unifonic.answers("slow")
    database = connection.get_connection_params()
    at = {
        name: quote(str(database.get(name) or ""), safe="")
        for name in ("user", "password", "dbname", "host", "port")
    }
    url = f"postgresql://{at['user']}:{at['password']}@/{at['dbname']}?host={at['host']}&port={at['port'] or 5432}"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "deliver"],
        env=os.environ
        | {
            "DATABASE_URL": url,
            "SMS_PROVIDER": "unifonic",
            "UNIFONIC_APP_SID": "sid-1",
            "UNIFONIC_SENDER_ID": "Mawid",
            "UNIFONIC_BASE_URL": unifonic.base_url,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not unifonic.sent and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out.strip()) == (0, "deliver: 1")
    states = sorted(Message.objects.values_list("state", flat=True))
    assert states == ["pending"] * 4 + ["sent"]


def test_a_run_of_tick_takes_up_nothing_more_when_its_time_is_over(unifonic, nobody_delivers):
    for number in range(3):
        enqueue(str(number))
    unifonic.answers("slow")
    assert operations.deliver_due(now=NOW, seconds=0.5) == 1
    assert operations.deliver_due(now=NOW, seconds=0.0) == 0
    assert Message.objects.filter(state="pending").count() == 2


def test_a_kind_nobody_knows_any_more_starves_nobody(inbox, nobody_delivers):
    enqueue("1")
    Message.objects.update(kind="of_an_older_release")
    enqueue("2")
    assert operations.deliver_due(now=NOW) == 2
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


# Truth


def test_half_a_state_cannot_be_stored(inbox):
    message = crash_after_claim()
    for wrong in (
        {"state": "sent"},
        {"state": "pending"},
        {"state": "failed", "finished_at": NOW},
        {"state": "asleep"},
        {"to_phone": "0512345678"},
        {"body": ""},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Message.objects.filter(pk=message.pk).update(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        DeliveryAttempt.objects.update(outcome="accepted")
