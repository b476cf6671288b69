"""`manage.py serve`: migrate, then serve the API and run the minute loop beside it, until told to stop.

With MESSAGE_DELIVERY=worker a worker that delivers messages runs beside it, too.

This process supervises: Granian's workers and the loop are its children, and all of them hold on to it by the
lifeline, so that even kill -9 of it leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from backend.core.lifeline import VARIABLE

APPLICATION = "backend.config.wsgi:application"
BLOCKING_THREADS = 8
"""Of one worker, each with a connection to the database: a silent carrier holds one for as long as its timeout."""
TICK_SECONDS = 60
STOP_SECONDS = 5
RESTART_SECONDS = 5.0
LOGGING: dict[str, Any] = {
    # Granian's own lines; its requests are logged by the application.
    "formatters": {"server": {"format": "%(asctime)s %(levelname)-7s granian %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "server"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}


class Command(BaseCommand):
    help = "Migrate and serve with the environment as given; PORT, or --port, says where."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on, by default loopback only"
        )
        parser.add_argument("--port", type=int, help="by default PORT")
        parser.add_argument(
            "--workers", type=int, default=1, help=f"processes of {BLOCKING_THREADS} threads each"
        )
        parser.add_argument("--no-migrate", action="store_true", help="the database is up to date")
        parser.add_argument(
            "--no-tick", action="store_true", help="the minute loop and the message worker run somewhere else"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"] or settings.PORT
        if options["workers"] < 1:
            raise CommandError("--workers is at least 1")
        refuse_taken_port(host, port)
        # Until Granian listens to it; the first process of a container has no default for it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        if not options["no_migrate"]:
            call_command("migrate", interactive=False, verbosity=min(options["verbosity"], 1))
        connections.close_all()
        os.environ[VARIABLE] = str(os.getpid())
        beside = [] if options["no_tick"] else [Beside("tick", "--every", str(TICK_SECONDS))]
        if beside and settings.MESSAGE_DELIVERY == "worker":
            beside.append(Beside("deliver", "--forever"))
        for child in beside:
            child.start()
        try:
            serve(host, port, workers=options["workers"], quiet=options["verbosity"] == 0)
        finally:
            for child in beside:
                child.stop()


def serve(host: str, port: int, *, workers: int, quiet: bool = False) -> None:
    """Run Granian in this process until SIGTERM or SIGINT; its workers are new processes of their own."""
    import multiprocessing

    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    # A fork would copy this process's threads' locks and its database sockets.
    multiprocessing.set_start_method("spawn", force=True)
    Granian(
        APPLICATION,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=BLOCKING_THREADS,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.warning if quiet else LogLevels.info,
        log_dictconfig=LOGGING,
    ).serve(target_loader=load_application)


def load_application(target: str) -> Any:
    """What a worker does first. It leaves the terminal's process group: Ctrl-C is for the supervisor, and a worker that
    got both its SIGINT and the supervisor's SIGTERM was seen to hang until killed (Granian 2.8)."""
    with suppress(PermissionError):
        os.setsid()
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def refuse_taken_port(host: str, port: int) -> None:
    """Raise CommandError when somebody listens there: Granian itself would share the port in silence."""
    if (error := why_port_is_taken(host, port)) is not None:
        raise CommandError(
            f"PORT: {port} on {host} cannot be used ({error}). Set PORT or --port to another one."
        )


def why_port_is_taken(host: str, port: int) -> str | None:
    """None when a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return "it is already in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
    return None


class Beside:
    """A command of `manage.py` as a child, started again should it ever end by itself."""

    def __init__(self, *command: str) -> None:
        self._command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *command]
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name=f"beside-{command[0]}", daemon=True)

    def start(self) -> None:
        self._keeper.start()

    def stop(self) -> None:
        self._stopping.set()
        child = self._child
        if child is None:
            return
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()  # every job commits as it goes; the next run goes on
            child.wait()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            # A session of its own: Ctrl-C is for the supervisor, which stops its children in order.
            self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, start_new_session=True)
            if self._stopping.is_set():
                self._child.terminate()
            self._child.wait()
            if self._stopping.wait(RESTART_SECONDS):
                return
