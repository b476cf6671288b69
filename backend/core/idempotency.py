"""`Idempotency-Key`: a repeated tap or retry gets the first answer and changes nothing.

The key's row lives in the transaction of the business act. A twin waits on the unique index: when the first commits
it is answered from the row, when the first rolls back it acts itself, when the first dawdles it is told so.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from backend.core.errors import Conflict, Invalid, Refused
from backend.core.models import IdempotencyRecord
from backend.core.postgres.base import Later, later

KEPT_FOR = timedelta(hours=24)
LOCK_NOT_AVAILABLE = "55P03"

Act = Callable[[], tuple[int, bytes]]
"""What is done once. It returns the status of the answer and its JSON."""


class IdempotencyKeyRequired(Invalid):
    code = "idempotency_key_required"
    message = _("This request needs an Idempotency-Key header with a UUID.")


class IdempotencyKeyReused(Refused):
    code = "idempotency_key_reused"
    message = _("This request key was already used for a different request.")
    client = "fix"


class RequestInProgress(Conflict):
    code = "request_in_progress"
    message = _("The same request is still being processed.")
    client = "retry"


@dataclass(frozen=True)
class Outcome:
    status: int
    body: bytes
    """JSON, the same to the last byte however often it is asked for."""
    replayed: bool


def read_key(header: str | None, *, required: bool) -> uuid.UUID | None:
    """The UUID of the header, bare or quoted (the IETF draft quotes it). Raises IdempotencyKeyRequired."""
    if header is None and not required:
        return None
    found = re.fullmatch(r'"?([0-9A-Fa-f-]{32,36})"?', (header or "").strip())
    if found is None:
        raise IdempotencyKeyRequired
    try:
        return uuid.UUID(found.group(1))
    except ValueError as error:
        raise IdempotencyKeyRequired from error


def fingerprint(path: str, body: Any) -> str:
    """SHA-256 of path and canonical body: the same request in another key order is the same request."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(f"{path}\n{canonical}".encode("utf-8", "surrogatepass")).hexdigest()


def once(
    *, user_id: uuid.UUID, operation: str, key: uuid.UUID, fingerprint: str, act: Act, now: datetime
) -> Outcome:
    """Run `act` once for (person, operation, key). An exception keeps nothing, so a retry runs again.

    The key is held from the first thing that `act` asks of the database.
    Raises IdempotencyKeyReused for another body or path, RequestInProgress when the twin takes over 2 s.
    """
    kept: Later | None = None
    try:
        with transaction.atomic():
            values = [user_id, operation, key, fingerprint, now, now - KEPT_FOR]
            kept = later(_KEEP, values, arrives=_go_on)  # with the first statement of `act`, and before it
            status, body = act()
            [(record,)] = (row[:1] for row in kept.fetchall())
            # Stored as text and given back as text: PostgreSQL's jsonb would reorder the keys of the first answer.
            later(
                "UPDATE core_idempotencyrecord SET status = %s, answer = %s WHERE id = %s",
                [status, body.decode(), record],
            )
            return Outcome(status=status, body=body, replayed=False)
    except _Known:
        return _replay(user_id=user_id, operation=operation, key=key, fingerprint=fingerprint)
    except OperationalError as error:
        waited = getattr(error.__cause__, "sqlstate", None) == LOCK_NOT_AVAILABLE
        if waited and (kept is None or kept.rows is None):
            raise RequestInProgress(extra={"retry_after": 2}) from error
        raise


class _Known(Exception):
    """The key is known: what was done meanwhile is given up."""


def _go_on(rows: list[Any]) -> None:
    if not rows:
        raise _Known


_KEEP = """
    WITH patience AS MATERIALIZED (
        SELECT current_setting('lock_timeout') AS usual, set_config('lock_timeout', '2s', true))
    INSERT INTO core_idempotencyrecord AS kept
           (user_id, operation, key, fingerprint, status, answer, created_at)
    SELECT %s::uuid, %s, %s::uuid, %s, 0, '', %s::timestamptz FROM patience
    ON CONFLICT (user_id, operation, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, status = 0, answer = '', created_at = excluded.created_at
     WHERE kept.created_at < %s::timestamptz
    RETURNING id, set_config('lock_timeout', (SELECT usual FROM patience), true)
"""
"""A twin is waited for, for a while; a key older than its keeping time is taken over."""


def _replay(*, user_id: uuid.UUID, operation: str, key: uuid.UUID, fingerprint: str) -> Outcome:
    kept = IdempotencyRecord.objects.get(user_id=user_id, operation=operation, key=key)
    if kept.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return Outcome(status=kept.status, body=kept.answer.encode(), replayed=True)
