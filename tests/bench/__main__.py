"""Measurements, printed as medians of interleaved rounds and as ratios, which carry over to other machines.

    python -m tests.bench [PART] [--rounds N] [--seconds S] [--scale F]

Parts: engine, claims, endpoint, search, token, growth, booking, webhook, all. `engine` is computation alone, `claims`
PostgreSQL alone. The others ask a server of their own over HTTP: one process on one core, eight threads, persistent
connections, a database of its own (on the server DATABASE_URL names, else an embedded one) that is dropped at the end.
Beside each answer stands a bare Django view that reads one row, from the same server in the same rounds. Nothing is
judged by the clock.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from backend.core.lifeline import end_with_parent
from tests.bench import engine, server

STAGES = (("webhook", "endpoint", "search", "token", "growth"), ("booking",))
"""Parts over HTTP, by the databases they share: `growth` and `booking` each begin with few bookings."""
OVER_HTTP = tuple(part for stage in STAGES for part in stage)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "part", nargs="?", default="all", choices=("engine", *OVER_HTTP, "claims", "reconcile", "all")
    )
    parser.add_argument("--rounds", type=int, default=5, help="in which all cases take turns; default 5")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one case in one round; default 1")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="of the crowds: 1 means 10 thousand salons, a million bookings",
    )
    options = parser.parse_args()
    if options.rounds < 1 or not 0 < options.seconds <= 60 or not 0 < options.scale <= 10:
        parser.error("--rounds is at least 1, --seconds at most 60, --scale at most 10")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    end_with_parent()
    if options.part in ("engine", "all"):
        engine.run(3 * options.rounds)
    if options.part == "engine":
        return
    set_up()
    if options.part in ("claims", "all"):
        from tests.bench import claims

        claims.run(rounds=options.rounds, seconds=options.seconds, scale=options.scale)
    if options.part == "claims":
        return
    from tests.bench import databases

    with databases.migrated() as template:
        if options.part in ("reconcile", "all"):
            from tests.bench import reconcile

            reconcile.run(scale=options.scale, template=template)
        if wanted := [part for part in OVER_HTTP if options.part in (part, "all")]:
            over_http(
                wanted, rounds=options.rounds, seconds=options.seconds, scale=options.scale, template=template
            )


def set_up() -> None:
    server.keep_off_the_servers_core()  # before an embedded database starts, which stays where this process is
    # An embedded server of the bench's own: one that is running already may sit on the core that is measured.
    os.environ["VAR_DIR"] = str(Path(os.environ.get("VAR_DIR", server.ROOT / "var")) / "bench")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    import django

    django.setup()


def over_http(wanted: list[str], *, rounds: int, seconds: float, scale: float, template: str) -> None:
    from tests.bench import parts

    for together in STAGES:
        if mine := [part for part in together if part in wanted]:
            with parts.stage(rounds=rounds, seconds=seconds, scale=scale, template=template) as at:
                for part in mine:
                    parts.PARTS[part](at)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
