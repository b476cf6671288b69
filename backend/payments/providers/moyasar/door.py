"""Requests to Moyasar, how each answer is read, and the trace each leaves.

How an answer to a call that changes something is read:

- 2xx with the object it should be: that object.
- 2xx that cannot be read, 5xx, 3xx, 408, silence, a dropped or cut-off answer: GatewayUnknown. The
  documentation calls only 201 and 4xx conclusive, and a 500 may be written after the card was charged.
- 429 and any 4xx that is not a JSON object (the CDN's 403 page): GatewayFault. Turned away at the door.
- any other 4xx: GatewayRefused.

A read changes nothing, so all that goes wrong with it is GatewayUnreachable, GatewayFault or
GatewayRefused. Only a 404 in JSON means "no such thing"; a 404 page from something in between does not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from backend.core.http import BadAnswer, HttpAnswer, HttpClient, OutboundError, UnknownOutcome, Unreachable
from backend.payments.providers import (
    CallMade,
    GatewayError,
    GatewayFault,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
)
from backend.payments.providers.moyasar.reading import Malformed, clean

T = TypeVar("T")
Parse = Callable[[dict[str, Any]], T]
Observe = Callable[[CallMade], None]

NOTE_LENGTH = 200
OUTCOMES: dict[type[GatewayError], str] = {
    GatewayUnreachable: "unreachable",
    GatewayRefused: "refused",
    GatewayFault: "fault",
    GatewayUnknown: "unknown",
}
_SECRETS = re.compile(r"(?:[sp]k_(?:test|live)_|token_)\S+|[0-9][0-9 -]{10,}[0-9]")


class Door:
    """`observe` is told of every request, whatever came of it; `write_timeout` is in seconds."""

    def __init__(self, http: HttpClient, *, write_timeout: float, observe: Observe | None) -> None:
        self.base_url = http.base_url
        self._http = http
        self._write_timeout = write_timeout
        self._observe = observe

    def read(
        self,
        verb: str,
        path: str,
        parse: Parse[T],
        *,
        about: UUID | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> T | None:
        """What is there, or None for a 404 in JSON."""

        def ask(seen: _Trace) -> T | None:
            try:
                answer = self._http.request(
                    "GET", path, params=params, read_timeout=timeout, total_timeout=timeout
                )
            except Unreachable as error:
                raise GatewayUnreachable(str(error)) from error
            except OutboundError as error:
                raise GatewayFault(str(error), status=error.status) from error
            seen.answer = answer
            if answer.status == 404 and _is_json_object(answer):
                seen.note = "not found"
                return None
            if answer.status == 200:
                try:
                    return parse(answer.json_object())
                except (BadAnswer, Malformed) as error:
                    raise GatewayFault(f"unreadable answer: {error}", **_details(answer)) from error
            if 400 <= answer.status < 500:
                _raise_refusal(answer)
            raise GatewayFault(f"answered {answer.status}", **_details(answer))

        return self._traced(verb, about, ask)

    def change(
        self,
        verb: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        parse: Callable[[HttpAnswer], T],
        *,
        about: UUID | None = None,
        params: Mapping[str, str] | None = None,
    ) -> T:
        def ask(seen: _Trace) -> T:
            try:
                answer = self._http.request(
                    method,
                    path,
                    json=body,
                    params=params,
                    read_timeout=self._write_timeout,
                    total_timeout=self._write_timeout,
                )
            except Unreachable as error:
                raise GatewayUnreachable(str(error)) from error
            except (UnknownOutcome, BadAnswer) as error:
                raise GatewayUnknown(str(error), status=error.status) from error
            seen.answer = answer
            if 200 <= answer.status < 300:
                try:
                    return parse(answer)
                except (BadAnswer, Malformed) as error:
                    text = f"unreadable {answer.status}: {error}"
                    raise GatewayUnknown(text, **_details(answer)) from error
            if 400 <= answer.status < 500 and answer.status != 408:
                _raise_refusal(answer)
            raise GatewayUnknown(f"answered {answer.status}", **_details(answer))

        return self._traced(verb, about, ask)

    def _traced(self, verb: str, about: UUID | None, ask: Callable[[_Trace], T]) -> T:
        seen, outcome, began = _Trace(), "ok", time.monotonic()
        try:
            result = ask(seen)
            seen.note = seen.note or str(getattr(result, "status", ""))
            return result
        except GatewayError as error:
            outcome, seen.note = OUTCOMES[type(error)], str(error)
            seen.status = error.status
            raise
        finally:
            if self._observe is not None:
                answer = seen.answer
                self._observe(
                    CallMade(
                        verb=verb,
                        payment_id=about,
                        took_ms=round((time.monotonic() - began) * 1000),
                        status=answer.status if answer is not None else seen.status,
                        outcome=outcome,
                        request_id=_request_id(answer) if answer is not None else "",
                        note=_SECRETS.sub("…", clean(seen.note))[:NOTE_LENGTH],
                    )
                )


class _Trace:
    """What is known of a request by the time it ends."""

    answer: HttpAnswer | None = None
    status: int | None = None
    note = ""


def _raise_refusal(answer: HttpAnswer) -> NoReturn:
    """A 4xx: the gateway's own no, or somebody at the door who would not let us in."""
    details = _details(answer)
    if answer.status == 429 or not _is_json_object(answer):
        raise GatewayFault(f"turned away with {answer.status}", **details)
    text = f"refused with {answer.status} {details['type'] or ''}: {details['message'] or ''}"
    raise GatewayRefused(text, errors=answer.json_object().get("errors"), **details)


def _details(answer: HttpAnswer) -> dict[str, Any]:
    try:
        body = answer.json_object()
    except BadAnswer:
        body = {}
    kind, message = body.get("type"), body.get("message")
    return {
        "status": answer.status,
        "type": clean(kind[:100]) if isinstance(kind, str) else None,
        "message": clean(message[:300]) if isinstance(message, str) else None,
        "request_id": answer.headers.get("x-request-id"),
    }


def _request_id(answer: HttpAnswer) -> str:
    return clean(answer.headers.get("x-request-id") or "")[:80]


def _is_json_object(answer: HttpAnswer) -> bool:
    try:
        answer.json_object()
    except BadAnswer:
        return False
    return True
