"""`manage.py providers`: which message providers are set up and reachable, and how they did today."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from backend.core.http import HttpClient, OutboundError, Unreachable
from backend.core.time import RIYADH, rfc3339
from backend.notifications import tallies
from backend.notifications.providers import PROVIDERS, Channel, message_provider
from backend.notifications.tallies import Tally

REACH_TIMEOUT = 3.0
USED_FOR: dict[Channel, tuple[tuple[str, str], ...]] = {
    "sms": (("OTP_PROVIDER", "codes"), ("SMS_PROVIDER", "texts")),
    "whatsapp": (("OTP_PROVIDER", "codes"), ("SMS_PROVIDER", "texts")),
    "push": (("PUSH_PROVIDER", "pushes"),),
    "email": (("EMAIL_PROVIDER", "e-mails"),),
}
"""The settings that name a channel's providers, and for what."""


@dataclass
class Reach:
    ok: bool
    detail: str


@dataclass
class Line:
    """One provider on one channel."""

    provider: str
    channel: Channel
    used_for: list[str]
    missing: list[str]
    optional: bool
    """Nothing that is used needs this channel: it may be left out altogether."""
    address: str | None
    reach: Reach | None = None
    today: dict[str, Tally] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return not self.missing

    @property
    def total(self) -> Tally:
        return _sum(self.provider, self.channel, self.today.values())

    @property
    def wrong(self) -> bool:
        if not self.used_for or (self.optional and not self.ready):
            return False
        return not self.ready or (self.reach is not None and not self.reach.ok)


class Command(BaseCommand):
    help = (
        "Show which message providers are set up, reachable (asked without sending anything), and how they did "
        "today, Riyadh time. Exits with 1 when one in use is not set up or cannot be reached."
    )
    requires_system_checks: list[str] = []  # they stop at what this shows

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--offline", action="store_true", help="call nobody")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        lines = [_line(name, channel) for name in PROVIDERS for channel in message_provider(name).channels]
        if not options["offline"]:
            _reach_all(lines)
        midnight = now.astimezone(RIYADH).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            _count_all(lines, midnight)
        except DatabaseError as error:  # how they are set up is worth knowing all the same
            self.stderr.write(f"Nothing could be counted: {type(error).__name__}.")
        self.stdout.write(_as_json(lines, midnight) if options["json"] else _as_table(lines))
        if any(line.wrong for line in lines):
            raise SystemExit(1)


def _line(name: str, channel: Channel) -> Line:
    provider = message_provider(name)
    used_for = [
        f"{what} {names.index(name) + 1}"
        for variable, what in USED_FOR[channel]
        if name in (names := list(getattr(settings, variable)))
    ]
    return Line(
        provider=name,
        channel=channel,
        used_for=used_for,
        missing=[variable for variable, present in provider.needs(channel).items() if not present],
        optional=channel == "whatsapp",
        address=provider.address(channel),
    )


# Reaching them ----------------------------------------------------------------------------------


def _reach_all(lines: list[Line]) -> None:
    """Ask every address that is set up once, all at the same time, and wait no longer than one may take."""
    addresses = {line.address for line in lines if line.ready and line.address}
    found: dict[str, Reach] = {}
    threads = [
        threading.Thread(target=lambda a=address: found.update({a: _reach(a)}), daemon=True)
        for address in addresses
    ]
    deadline = time.monotonic() + REACH_TIMEOUT + 1
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for line in lines:
        if line.ready and line.address:
            line.reach = found.get(line.address, Reach(False, "no answer in time"))


def _reach(address: str) -> Reach:
    """Whether an HTTP server answers there, be it with a refusal. No credential and no message is sent."""
    client = HttpClient(
        address,
        connect_timeout=REACH_TIMEOUT,
        read_timeout=REACH_TIMEOUT,
        total_timeout=REACH_TIMEOUT,
    )
    began = time.monotonic()
    try:
        client.request("HEAD", "/")
    except Unreachable as error:
        return Reach(False, str(error).rpartition(": ")[2])
    except OutboundError:
        return Reach(False, "connected, but no answer")
    finally:
        client.close()
    return Reach(True, f"{(time.monotonic() - began) * 1000:.0f} ms")


# Counting ---------------------------------------------------------------------------------------


def _count_all(lines: list[Line], midnight: datetime) -> None:
    for kind, counted in tallies.since(midnight).items():
        for line in lines:
            mine = [t for t in counted if (t.provider, t.channel) == (line.provider, line.channel)]
            if mine:
                line.today[kind] = _sum(line.provider, line.channel, mine)


def _sum(provider: str, channel: str, counted: Iterable[Tally]) -> Tally:
    total = Tally(provider=provider, channel=channel)
    for one in counted:
        confirmed = [n for n in (total.confirmed, one.confirmed) if n is not None]
        total = replace(
            total,
            accepted=total.accepted + one.accepted,
            refused=total.refused + one.refused,
            unknown=total.unknown + one.unknown,
            confirmed=sum(confirmed) if confirmed else None,
        )
        if one.last_error_at and (total.last_error_at is None or one.last_error_at > total.last_error_at):
            total = replace(total, last_error_at=one.last_error_at, last_error_class=one.last_error_class)
    return total


def _rate(tally: Tally) -> float | None:
    """The share of what was handed over that was surely taken."""
    handed = tally.accepted + tally.refused + tally.unknown
    return round(tally.accepted / handed, 4) if handed else None


# Showing ----------------------------------------------------------------------------------------


HEADS = (
    "",
    "PROVIDER",
    "CHANNEL",
    "USED FOR",
    "SET UP",
    "REACHABLE",
    "TAKEN TODAY",
    "CODES USED",
    "LAST ERROR",
)


def _as_table(lines: list[Line]) -> str:
    rows = [HEADS, *(_row(line) for line in lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    missing = [
        f"{line.provider} {line.channel}: set {', '.join(line.missing)}"
        for line in lines
        if line.used_for and line.missing
    ]
    return "\n".join(line.rstrip() for line in [*table, *([""] if missing else []), *missing])


def _row(line: Line) -> tuple[str, ...]:
    total, rate, codes = line.total, _rate(line.total), line.today.get("codes")
    handed = total.accepted + total.refused + total.unknown
    if line.ready:
        reach = "on this machine" if line.provider == "console" else "not asked"
        if line.reach is not None:
            reach = line.reach.detail if line.reach.ok else f"NO: {line.reach.detail}"
    else:
        reach = "-"
    error = "-"
    if total.last_error_at is not None:
        error = f"{total.last_error_class} {total.last_error_at.astimezone(RIYADH):%H:%M}"
    return (
        "!" if line.wrong else " ",
        line.provider,
        line.channel,
        ", ".join(line.used_for) or "-",
        "yes" if line.ready else ("off" if line.optional or not line.used_for else "NO"),
        reach,
        f"{total.accepted} of {handed} ({rate:.1%})" if rate is not None else "-",
        f"{codes.confirmed} of {codes.accepted}" if codes and codes.confirmed is not None else "-",
        error,
    )


def _as_json(lines: list[Line], midnight: datetime) -> str:
    def counts(tally: Tally) -> dict[str, Any]:
        return {
            "accepted": tally.accepted,
            "refused": tally.refused,
            "unknown": tally.unknown,
            "confirmed": tally.confirmed,
            "success_rate": _rate(tally),
            "last_error_class": tally.last_error_class or None,
            "last_error_at": rfc3339(tally.last_error_at) if tally.last_error_at else None,
        }

    found = {
        "since": rfc3339(midnight),
        "well": not any(line.wrong for line in lines),
        "providers": [
            {
                "provider": line.provider,
                "channel": line.channel,
                "used_for": line.used_for,
                "configured": line.ready,
                "missing": line.missing,
                "reach": asdict(line.reach) if line.reach else None,
                "today": counts(line.total),
                "by_kind": {kind: counts(tally) for kind, tally in line.today.items()},
            }
            for line in lines
        ],
    }
    return json.dumps(found, indent=2)
