"""Which request the current thread is serving: its id goes into answers and log lines, its notes end with it."""

import re
import secrets
from contextvars import ContextVar

_SAFE = re.compile(r"[A-Za-z0-9_\-.]{8,64}")
current_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
request_notes: ContextVar[dict[str, float] | None] = ContextVar("request_notes", default=None)
"""What is shared by everything one request does, such as a limit of time; None outside a request."""


def request_id_from(header: str | None) -> str:
    """The caller's `X-Request-Id` when it is 8 to 64 safe characters, a new one otherwise."""
    return header if header and _SAFE.fullmatch(header) else secrets.token_hex(8)
