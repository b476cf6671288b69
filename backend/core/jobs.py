"""What `manage.py tick` runs when it is due: each app registers its own jobs, the command knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Job = Callable[[datetime], int]
"""Takes now, returns how many rows it finished. Safe on many machines at once; commits as it goes."""

_jobs: dict[str, Job] = {}


def register(name: str, job: Job) -> None:
    """Called from an AppConfig's `ready`; names are unique and run in order of registration."""
    _jobs[name] = job


def registered() -> dict[str, Job]:
    return dict(_jobs)
