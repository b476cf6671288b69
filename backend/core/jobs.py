"""What `manage.py tick` runs when it is due: each app registers its own jobs, the command knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Job = Callable[[datetime], int]
"""Takes now, returns how many rows it finished. Safe on many machines at once; commits as it goes."""

_jobs: dict[str, Job] = {}
_prompt: set[str] = set()


def register(name: str, job: Job, *, prompt: bool = False) -> None:
    """Called from an AppConfig's `ready`; names are unique and run in order of registration.

    A `prompt` job has work that is due within seconds, and asks for it with next to nothing: `tick` runs it between
    its other runs as well.
    """
    _jobs[name] = job
    (_prompt.add if prompt else _prompt.discard)(name)


def registered() -> dict[str, Job]:
    return dict(_jobs)


def prompt() -> dict[str, Job]:
    return {name: job for name, job in _jobs.items() if name in _prompt}
