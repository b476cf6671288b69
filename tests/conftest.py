from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.core.api import pace
from backend.core.postgres.base import DatabaseOperations


@pytest.fixture(autouse=True)
def own_surroundings(settings: Any, tmp_path: Path) -> None:
    """Each test has its own message file and photos, and talks to no real company."""
    settings.CONSOLE_MESSAGES_FILE = tmp_path / "messages.log"
    settings.OTP_PROVIDER = ["console"]
    settings.SMS_PROVIDER = ["console"]
    settings.MOYASAR_SECRET_KEY = ""
    photos = settings.STORAGES["photos"] | {"OPTIONS": {"location": tmp_path / "media"}}
    settings.STORAGES = settings.STORAGES | {"photos": photos}


@pytest.fixture(autouse=True)
def everybody_may_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person does in a second here what takes a day. Programs that tests start have the true limits."""
    for name, true in (("READS", pace.READS), ("WRITES", pace.WRITES)):
        monkeypatch.setattr(pace, name, pace.Pace(replace(true.limit, most=1_000_000)))


@pytest.fixture(scope="session", autouse=True)
def emptying_is_for_tests() -> Iterator[None]:
    """Tests that commit have all tables emptied behind them, and the books refuse that of anybody else."""
    empty = DatabaseOperations.execute_sql_flush

    def empty_all(operations: Any, statements: Any) -> None:
        triggers_off = "SET LOCAL session_replication_role = replica"
        empty(operations, [triggers_off, *statements])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", empty_all)
        yield


@pytest.fixture
def sent(settings: Any) -> Any:
    """The texts sent so far: a function, optionally only those to one number."""

    def read(to: str | None = None) -> list[str]:
        path = Path(settings.CONSOLE_MESSAGES_FILE)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [m["body"] for m in found if to is None or m["to"] == to]

    return read
