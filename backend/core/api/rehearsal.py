"""Refusals on request, so that apps can try each of them: `X-Sandbox-Outcome: slot_unavailable`.

Taken outside production only. Nothing is done and nothing is stored: the refusal comes where the endpoint's own would,
after it is known who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from backend.core.errors import (
    DomainError,
    Invalid,
    TooManyRequests,
    ValidationFailed,
    VersionConflict,
    all_refusals,
)
from backend.core.limits import Limit

HEADER = "X-Sandbox-Outcome"
RETRY_AFTER = 30
REHEARSED = Limit("sandbox", 1, timedelta(seconds=RETRY_AFTER), scaled=False)


class SandboxOutcomeRefused(Invalid):
    code = "sandbox_outcome_refused"
    message = _("X-Sandbox-Outcome names no code of errors.json, or this server does not rehearse refusals.")


def rehearse(headers: Mapping[str, str]) -> None:
    """Raise the refusal that the request asks for, if it asks for one. Raises SandboxOutcomeRefused in production."""
    wanted = headers.get(HEADER)
    if wanted is None:
        return
    kind = None if settings.PRODUCTION else _by_code().get(wanted)
    if kind is None:
        raise SandboxOutcomeRefused
    raise _example(kind)


@cache
def _by_code() -> dict[str, type[DomainError]]:
    return {kind.code: kind for kind in all_refusals()}


def _example(kind: type[DomainError]) -> DomainError:
    """A refusal as an app may meet it, with a number or a word wherever its sentence has one."""
    if issubclass(kind, ValidationFailed):
        return kind([])
    if issubclass(kind, VersionConflict):
        return kind()
    params: dict[str, Any] = _Blanks()
    text = str(kind.message)
    if not text or "%(" in text:  # a lazy plural has no text before it is given its number
        str(kind.message % params)
    if issubclass(kind, TooManyRequests):
        return REHEARSED.refusal(RETRY_AFTER, kind, **params)
    return kind(extra={"retry_after": RETRY_AFTER} if kind.client == "retry" else None, **params)


class _Blanks(dict[str, int]):
    """A value for whatever the sentence asks for."""

    def __missing__(self, name: str) -> int:
        self[name] = RETRY_AFTER
        return RETRY_AFTER
