"""`manage.py demo`, which `make demo` runs: everything from an empty database to a finished journey and a new salon."""

from __future__ import annotations

import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from backend.demo import loading
from backend.demo.diary import Diary
from backend.demo.gathering import Gathering
from backend.demo.journey import SALON, Journey
from backend.demo.machine import Machine, folder, only_one
from backend.demo.opening import Opening
from backend.demo.people import DEMO_PEOPLE
from backend.demo.phones import Inbox, JourneyFailed
from backend.demo.renting import Renting
from backend.demo.standing import Standing
from backend.demo.supervisor import (
    HOST,
    DemoFailed,
    Stopped,
    Supervisor,
    choose_port,
    forget_gateway_state,
    import_payments,
    messages_file,
    settle_payments,
    stop_on_signals,
)
from backend.demo.waiting import Waiting

SETTLED_UNTIL = timedelta(days=2)
"""Before this, what the demo's gateway holds has been sent to the bank."""


class Command(BaseCommand):
    help = "Load the demo, serve it beside a sandbox gateway, walk a customer's and an owner's way, keep serving."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--exit-after-journey",
            action="store_true",
            help="stop everything after the walk; the exit code says whether every step went well",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("APP_ENV is production: the demo is for a machine of your own")
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
        stay = not options["exit_after_journey"]
        self.complete = False
        with only_one() as alone:
            if not alone:
                raise CommandError(f"a demo is running on {folder()} already; stop it first, or set VAR_DIR")
            try:
                with stop_on_signals(), Supervisor(Machine.recall()) as supervisor:
                    try:
                        self.run(supervisor, stay=stay)
                    except Stopped:
                        self.say("\nStopping …")
            except Stopped:  # before anything was begun
                pass
            except DemoFailed as error:
                raise CommandError(str(error)) from error
        self.say("Everything is stopped; the data stays for the next time.")
        if not self.complete:
            raise SystemExit(1)

    def run(self, supervisor: Supervisor, *, stay: bool) -> None:
        machine = supervisor.machine
        where = "the server of DATABASE_URL" if settings.DATABASE_URL else "the embedded PostgreSQL"
        self.say(f"Database: {where}")
        call_command("migrate", interactive=False, verbosity=1)
        if not loading.is_loaded():
            forget_gateway_state()
        call_command("demo_data")

        choose_port(machine)
        base_url = f"http://{HOST}:{machine.port}"
        if machine.port != settings.PORT:
            self.say(f"Port {settings.PORT} is taken, so this is on {machine.port}.")
        gateway = supervisor.start_gateway(webhook_url=f"{base_url}/api/v1/webhooks/moyasar")
        told: list[int] = []
        import_payments(gateway, told=told)
        if told[1]:
            settle_payments(gateway, until=timezone.now() - SETTLED_UNTIL)
        self.say(f"Sandbox gateway: {gateway}, told of {told[0]} payments, {told[1]} of them new to it")
        connections.close_all()

        environment = machine.environment(base_url=base_url, gateway_url=gateway)
        env_file = machine.write_environment(environment)
        inbox = Inbox(messages_file())
        supervisor.start_server(environment)
        self.say(f"Serving at {base_url}")
        opening = Opening(base_url=base_url, machine=machine, inbox=inbox, say=self.say)
        standing = Standing(base_url=base_url, machine=machine, inbox=inbox, say=self.say)
        diary = Diary(base_url=base_url, machine=machine, inbox=inbox, say=self.say)
        waiting = Waiting(base_url=base_url, machine=machine, inbox=inbox, say=self.say)
        renting = Renting(base_url=base_url, machine=machine, inbox=inbox, say=self.say)
        gathering = Gathering(base_url=base_url, machine=machine, inbox=inbox, say=self.say)
        journey = Journey(base_url=base_url, gateway=gateway, machine=machine, inbox=inbox, say=self.say)
        try:
            journey.walk()
            waiting.steps = journey.steps
            waiting.walk(SALON)
            renting.steps = waiting.steps
            renting.walk(SALON)
            gathering.steps = renting.steps
            gathering.walk(SALON)
            diary.steps = gathering.steps
            diary.walk(SALON)
            opening.steps = diary.steps
            opening.walk()
            standing.steps = opening.steps
            standing.walk(opening.owner, opening.id)
        except (JourneyFailed, requests.RequestException) as error:
            self.say(f"\nJOURNEY FAILED: {error}")
        else:
            self.complete = True
            self.say("\njourney complete · اكتملت الرحلة")
        if stay:
            self.say(banner(base_url, gateway, env_file))
            supervisor.watch()

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def banner(base_url: str, gateway: str, env_file: Path) -> str:
    people = "\n".join(
        f"    0{person.phone.removeprefix('+966')}   {person.role}"
        + ("  (salon lamsa)" if person.role in ("owner", "receptionist") else "")
        for person in DEMO_PEOPLE
    )
    return f"""
  Docs page   {base_url}/docs
  API         {base_url}/api/v1/      (salons with slug lamsa and noura are made for trying)
  Gateway     {gateway}   (what happened there: {gateway.removesuffix("/v1")}/sandbox)
  Codes and messages appear in this terminal and in {messages_file()}
  Sign in as
{people}
    any other Saudi mobile number becomes a new customer
  Commands in another terminal:  set -a; . {shlex.quote(str(env_file))}; set +a
  Stop with Ctrl-C; the data stays.
"""
