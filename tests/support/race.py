"""Things that happen at the same moment: one thread and one database connection each, released together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from backend.core.errors import DomainError


def race(*runners: Callable[[], Any], timeout: float = 60) -> list[Any]:
    """What each runner returned, or which refusal it met, in their order. Any other exception is raised."""
    barrier = threading.Barrier(len(runners))
    outcomes: list[Any] = [None] * len(runners)

    def run(index: int, runner: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout)
            outcomes[index] = runner()
        except BaseException as error:
            outcomes[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a runner is stuck"
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
            raise outcome
    return outcomes


def wait_until_somebody_waits_for_us(unless_over: threading.Thread | None = None) -> None:
    """Return once another connection waits for a lock that this one holds, or the thread has come to its end."""
    for _ in range(1000):
        if unless_over is not None and not unless_over.is_alive():
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT EXISTS(
                    SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
                )
                """
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody came")
