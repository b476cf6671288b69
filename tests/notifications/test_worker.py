"""MESSAGE_DELIVERY=worker for real: a server that only writes, and a process that delivers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from backend.notifications.models import DeliveryAttempt, Message
from tests.stress import scene
from tests.stress.messages_customer import book
from tests.stress.processes import children
from tests.stress.server import ROOT, Server
from tests.support.server import ServerProcess, database_url, free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server]

PATIENCE = 40


class Answers(list):
    put = list.append


def until(happened):
    deadline = time.monotonic() + PATIENCE
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.05)
    return happened()


def start_worker(environment):
    return subprocess.Popen(
        [sys.executable, "manage.py", "deliver", "--forever"],
        cwd=ROOT,
        env=os.environ | environment | {"DIE_WITH_PARENT": str(os.getpid())},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_worker_delivers_what_requests_owe(unifonic, tmp_path):
    environment = {
        **{name: str(value) for name, value in unifonic.settings().items()},
        "DATABASE_URL": database_url(),
        "MESSAGE_DELIVERY": "worker",
        "SMS_PROVIDER": "unifonic",
        "VAR_DIR": str(tmp_path),
    }
    port = free_port()
    environment |= {"PORT": str(port), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}
    [token] = scene.customers(1)
    slots = scene.one_slot_at_a_time(2)
    answers = Answers()

    def ask(slot):
        book(port, token, [slot], answers, float("inf"))
        assert answers[-1].status == 201, answers[-1]

    server = Server(port=port, workers=1, environment=environment)
    with server:
        ask(slots[0])
        message = Message.objects.get()
        time.sleep(1)
        message.refresh_from_db()
        assert (message.state, unifonic.sent) == ("pending", [])

        worker = start_worker(environment)
        try:
            assert until(lambda: len(unifonic.sent) == 1), "what was owed before is not delivered"
            ask(slots[1])
            assert until(lambda: len(unifonic.sent) == 2)
            assert until(lambda: set(Message.objects.values_list("state", flat=True)) == {"sent"})
        finally:
            worker.send_signal(signal.SIGTERM)
            said, _ = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, said.strip()) == (0, "deliver: 2")
    references = {form["CorrelationID"] for form in unifonic.sent}
    assert references == {message.reference for message in Message.objects.all()}
    assert DeliveryAttempt.objects.count() == 2


@pytest.mark.parametrize(("setting", "runs"), [("worker", True), ("request", False)])
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found through /proc")
def test_the_setting_decides_whether_a_worker_runs_beside_the_server(setting, runs):
    def beside():
        return [command for command in children(server._process.pid).values() if "manage.py" in command]

    with ServerProcess(MESSAGE_DELIVERY=setting) as server:
        assert until(lambda: any("tick --every" in command for command in beside()))
        assert any("deliver --forever" in command for command in beside()) == runs


def test_without_the_setting_there_is_nothing_for_a_worker_to_do(capsys):
    call_command("deliver", "--forever")
    assert "requests deliver their own messages" in capsys.readouterr().out


def test_a_worker_survives_the_end_of_its_connection(unifonic, tmp_path):
    environment = {
        **{name: str(value) for name, value in unifonic.settings().items()},
        "DATABASE_URL": database_url(),
        "MESSAGE_DELIVERY": "worker",
        "SMS_PROVIDER": "unifonic",
        "VAR_DIR": str(tmp_path),
    }
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    worker = start_worker(environment)
    try:
        assert until(lambda: asked(f"SELECT pid {others}"))
        time.sleep(1)
        assert asked(f"SELECT pg_terminate_backend(pid) {others}")
        now = timezone.now()
        Message.objects.create(
            to_phone="+966512345678",
            language="ar",
            kind="booking_confirmed",
            audience="customer",
            body="نص",
            event_key="1",
            created_at=now,
            next_attempt_at=now,
        )
        assert until(lambda: Message.objects.get().state == "sent")
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0


def asked(question):
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()
