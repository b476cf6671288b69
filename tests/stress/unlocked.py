"""The server as it would be if nobody locked calendars: what the storm must notice."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

from django.db.backends.signals import connection_created

LOCK = "FOR NO KEY UPDATE"


def unlock(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    if isinstance(sql, str) and "bookings_calendar" in sql and LOCK in sql:
        sql = sql.replace(LOCK, "")
    return execute(sql, params, many, context)


def on_connection(connection: Any, **_: Any) -> None:
    connection.execute_wrappers.append(unlock)


connection_created.connect(on_connection)

from backend.config.wsgi import application  # noqa: E402

__all__ = ["application"]


def main() -> None:
    from backend.core.lifeline import VARIABLE
    from backend.core.management.commands import serve

    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int)
    parser.add_argument("--no-migrate", action="store_true")
    parser.add_argument("--no-tick", action="store_true")
    options = parser.parse_args()
    os.environ[VARIABLE] = str(os.getpid())
    serve.APPLICATION = "tests.stress.unlocked:application"
    serve.serve("127.0.0.1", int(os.environ["PORT"]), workers=options.workers)


if __name__ == "__main__":
    main()
