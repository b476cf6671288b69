"""`python -m backend.payments.sandbox`: start the stand-in, say where it listens, stop when told to."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from typing import NoReturn

from backend.core.lifeline import end_with_parent
from backend.payments.sandbox.server import Sandbox
from backend.payments.sandbox.store import Store


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    _refuse_unless_safe(options)
    end_with_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(options.state)
    try:
        sandbox = Sandbox(
            options.port,
            store=store,
            secret_key=options.secret_key,
            publishable_key=options.publishable_key,
            retry_scale=options.webhook_retry_scale,
            webhook_timeout=options.webhook_timeout,
            public_url=options.public_url,
            single_refund=options.single_refund,
            verbose=options.verbose,
        )
    except OSError as error:
        _refuse(f"port {options.port} cannot be used: {error.strerror}")
    sandbox.webhooks.use_endpoints(options.webhook_url, options.webhook_secret)
    sandbox.webhooks.start()
    threading.Thread(target=sandbox.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    sys.stdout.write(json.dumps({"listening": f"{sandbox.origin}/v1"}) + "\n")
    sys.stdout.flush()
    stop.wait()
    sandbox.stopping.set()
    sandbox.webhooks.stop()
    sandbox.shutdown()
    store.close()  # waits for a change that is being written
    os._exit(0)  # the rest are threads waiting for somebody else


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend.payments.sandbox",
        description="A stand-in for Moyasar on loopback. Keys may also come from the environment.",
    )
    environment = os.environ.get
    add = parser.add_argument
    add("--port", type=int, default=0, help="0, the default, picks a free one")
    add("--state", required=True, metavar="FILE", help="SQLite file that keeps the payments")
    add("--secret-key", default=environment("MOYASAR_SECRET_KEY", ""), help="or MOYASAR_SECRET_KEY")
    add(
        "--publishable-key",
        default=environment("MOYASAR_PUBLISHABLE_KEY", ""),
        help="or MOYASAR_PUBLISHABLE_KEY",
    )
    add(
        "--webhook-secret",
        default=environment("MOYASAR_WEBHOOK_SECRET", ""),
        help="or MOYASAR_WEBHOOK_SECRET",
    )
    add("--webhook-url", action="append", default=[], metavar="URL", help="where events go; may be repeated")
    add(
        "--webhook-retry-scale",
        type=float,
        default=1 / 60,
        metavar="N",
        help="1 is Moyasar's schedule of minutes and hours; the default waits 1, 10, 30, 60 and 120 seconds",
    )
    add("--webhook-timeout", type=float, default=5.0, metavar="SECONDS", help="how long an endpoint may take")
    add("--public-url", metavar="URL", help="where a payer's browser finds this server, if not on loopback")
    add("--single-refund", action="store_true", help="refuse a second refund of one payment")
    add("--verbose", action="store_true", help="write one line per request to standard error")
    return parser


def _refuse_unless_safe(options: argparse.Namespace) -> None:
    if os.environ.get("APP_ENV", "").strip().lower() == "production":
        _refuse("APP_ENV is production: a sandbox would take bookings as paid without any money")
    for name in ("secret_key", "publishable_key"):
        key, shown = getattr(options, name), f"MOYASAR_{name.upper()}"
        if not key:
            _refuse(f"{shown} is not set")
        if key.lower().startswith(("sk_live", "pk_live")):
            _refuse(f"{shown} is a live key: it belongs to real money, not here")
    if options.secret_key == options.publishable_key:
        _refuse("MOYASAR_SECRET_KEY and MOYASAR_PUBLISHABLE_KEY are the same")
    if options.webhook_url and not options.webhook_secret:
        _refuse("MOYASAR_WEBHOOK_SECRET is not set, and events without it would be refused")
    if options.webhook_retry_scale < 0 or options.webhook_timeout <= 0 or len(options.webhook_url) > 10:
        _refuse("--webhook-retry-scale, --webhook-timeout or the number of --webhook-url is out of range")


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"sandbox gateway not started: {reason}\n")
    raise SystemExit(2)


if __name__ == "__main__":
    sys.exit(main())
