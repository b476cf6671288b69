"""Push through Firebase Cloud Messaging's HTTP v1 API, as its documentation stood in November 2026.

Written against `core.http` and not with Google's library, which repeats a POST after a slow answer and sleeps through
`Retry-After` inside the request. A repeat of ours is harmless: the message's reference collapses it with the first.
"""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import jwt
from django.conf import settings

from backend.core.http import BadAnswer, HttpAnswer, HttpClient, OutboundError, Unreachable
from backend.core.patience import patience
from backend.notifications.addressbook import PushTarget, addressbook
from backend.notifications.providers import (
    CONNECT_TIMEOUT,
    Channel,
    ErrorClass,
    Outcome,
    ProviderError,
    Template,
)

DEFAULT_BASE_URL = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEYS = ("client_email", "private_key", "token_uri")
"""What a service account's JSON must hold."""
LARGEST = 4096  # bytes of what reaches the app
LONGEST_LIFE = timedelta(weeks=4)
EARLIER = 300.0
"""Seconds before its end at which an access token is not used any more."""

_CLASS_OF_CODE: dict[str, ErrorClass] = {
    "UNREGISTERED": "recipient",
    # One target of another project is an old app; many are wrong credentials of ours.
    "SENDER_ID_MISMATCH": "configuration",
    "THIRD_PARTY_AUTH_ERROR": "configuration",
    "QUOTA_EXCEEDED": "throttled",
    "UNAVAILABLE": "provider_fault",
    "INTERNAL": "provider_fault",
}
_DEAD = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})
_CLASS_OF_STATUS: dict[int, ErrorClass] = {
    400: "our_bug",
    401: "configuration",
    403: "configuration",
    404: "configuration",
    429: "throttled",
}
_RESERVED = ("from", "message_type", "google", "gcm")


class FcmProvider:
    channels: tuple[Channel, ...] = ("push",)

    @property
    def longest_call(self) -> float:
        return float(settings.PROVIDER_TIMEOUT)

    def needs(self, channel: Channel) -> Mapping[str, bool]:
        return {
            "FCM_SERVICE_ACCOUNT": all(settings.FCM_SERVICE_ACCOUNT.get(key) for key in KEYS),
            "FCM_PROJECT_ID": bool(settings.FCM_PROJECT_ID),
        }

    def address(self, channel: Channel) -> str:
        return settings.FCM_BASE_URL or DEFAULT_BASE_URL

    def carries(self, channel: Channel, template: Template) -> bool:
        return True

    def send(
        self,
        *,
        channel: Channel,
        to: str,
        body: str,
        reference: str,
        template: Template | None = None,
        valid_for: timedelta | None = None,
        title: str = "",
        data: Mapping[str, str] | None = None,
        promotional: bool = False,
    ) -> str:
        """To all devices of the person; taken over when at least one of them took it. Dead targets are forgotten."""
        message = _message(title=title, body=body, data=data or {}, reference=reference, valid_for=valid_for)
        taken: list[str] = []
        refusals: list[ProviderError] = []
        with patience(self.longest_call):
            for target in addressbook().push_targets(UUID(to)):
                try:
                    taken.append(self._send_to(target, message))
                except ProviderError as error:
                    refusals.append(error)
        if taken:
            return taken[0].rpartition("/")[2]
        raise _worst(refusals)

    def find(self, *, reference: str, to: str, body: str, since: datetime) -> None:
        """Never finds one: a second copy collapses with the first, so it may always be sent again."""

    def _send_to(self, target: PushTarget, message: Mapping[str, Any]) -> str:
        kind = "fid" if target.kind == "fid" else "token"
        answer = self._post({"message": {kind: target.token, **message}})
        if 200 <= answer.status < 300:
            name = _object(answer).get("name")
            if isinstance(name, str) and name:
                return name
        raise _refusal(answer, target)

    def _post(self, body: Mapping[str, Any]) -> HttpAnswer:
        path = f"/v1/projects/{settings.FCM_PROJECT_ID}/messages:send"
        for attempt in (1, 2):
            token = _access_token()
            try:
                answer = _client(self.address("push"), self.longest_call).request(
                    "POST", path, json=body, headers={"Authorization": f"Bearer {token}"}
                )
            except Unreachable as error:
                raise ProviderError(
                    str(error), outcome="unreachable", error_class="provider_fault"
                ) from error
            except OutboundError as error:
                raise ProviderError(str(error), outcome="unknown", error_class="unknown") from error
            if attempt == 2 or answer.status != 401 or _precise_code(_error(answer)):
                break
            _forget(token)  # withdrawn before its time
        return answer


def _message(
    *, title: str, body: str, data: Mapping[str, str], reference: str, valid_for: timedelta | None
) -> dict[str, Any]:
    """What every device gets; the reference makes a later copy replace an earlier one, on its way or on the screen."""
    if any(key in _RESERVED[:2] or key.startswith(_RESERVED[2:]) for key in data):
        raise _refused("a data key that FCM keeps for itself", "our_bug", permanent=True)
    notification = {"title": title, **({"body": body} if body else {})}
    if len(json.dumps([notification, dict(data)], ensure_ascii=False).encode()) > LARGEST:
        raise _refused("larger than 4096 bytes", "our_bug", permanent=True)
    android: dict[str, Any] = {
        "priority": "high",
        "collapse_key": reference,
        "notification": {"tag": reference},
    }
    headers = {"apns-priority": "10", "apns-push-type": "alert", "apns-collapse-id": reference}
    if valid_for is not None:
        seconds = max(int(min(valid_for, LONGEST_LIFE).total_seconds()), 0)
        android["ttl"] = f"{seconds}s"
        headers["apns-expiration"] = str(int(time.time()) + seconds)
    return {
        "notification": notification,
        "data": dict(data),
        "android": android,
        "apns": {"headers": headers, "payload": {"aps": {"sound": "default"}}},
    }


# What answers mean ------------------------------------------------------------------------------


def _refusal(answer: HttpAnswer, target: PushTarget) -> ProviderError:
    """What an answer that is not an acceptance means. A dead target is forgotten here.

    Google's own error object is a clear refusal with any status, and so is a 4xx. Everything else (a proxy's page,
    a 200 without a name) may hide an acceptance.
    """
    error = _error(answer)
    code = _precise_code(error)
    what = f"answer {answer.status} {code or error.get('status', '')}".rstrip()
    if not (400 <= answer.status < 500 and answer.status != 408) and not (error and answer.status >= 400):
        return ProviderError(what, outcome="unknown", error_class="unknown")
    # A wrong token and a wrong payload share this code; the payload's comes with the fields that are wrong.
    wrong_target = code == "INVALID_ARGUMENT" and not _has_detail(error, "google.rpc.BadRequest")
    if code in _DEAD or wrong_target:
        addressbook().forget_push_target(target.token)
    if wrong_target:
        return _refused(what, "recipient", permanent=True)
    kind = _CLASS_OF_CODE.get(code) or _CLASS_OF_STATUS.get(answer.status, "provider_fault")
    retry_after = (
        _seconds(answer.headers.get("Retry-After")) if kind in ("throttled", "provider_fault") else None
    )
    return _refused(what, kind, permanent=kind in ("recipient", "our_bug"), retry_after=retry_after)


def _worst(refusals: list[ProviderError]) -> ProviderError:
    """What became of a message that no device is known to have taken: unknown if one of them may have."""
    for error in refusals:
        if error.outcome == "unknown":
            return error
    for error in refusals:
        if error.error_class != "recipient":
            return error
    return _refused("no device of this person takes a push", "recipient", permanent=True)


def _refused(
    what: str,
    kind: ErrorClass,
    *,
    outcome: Outcome = "refused",
    permanent: bool = False,
    retry_after: timedelta | None = None,
) -> ProviderError:
    return ProviderError(
        what, outcome=outcome, error_class=kind, permanent=permanent, retry_after=retry_after
    )


def _object(answer: HttpAnswer) -> dict[str, Any]:
    """The JSON object of the answer; empty when it is anything else."""
    try:
        return answer.json_object()
    except BadAnswer:
        return {}


def _error(answer: HttpAnswer) -> dict[str, Any]:
    error = _object(answer).get("error")
    return error if isinstance(error, dict) else {}


def _details(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = error.get("details")
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


def _has_detail(error: Mapping[str, Any], name: str) -> bool:
    return any(str(one.get("@type", "")).endswith(name) for one in _details(error))


def _precise_code(error: Mapping[str, Any]) -> str:
    """FCM's own code, which is finer than the status beside it; empty when there is none."""
    for one in _details(error):
        if str(one.get("@type", "")).endswith("google.firebase.fcm.v1.FcmError"):
            return str(one.get("errorCode", ""))
    return ""


def _seconds(value: str | None) -> timedelta | None:
    return timedelta(seconds=int(value)) if value and value.isascii() and value.isdigit() else None


# Credentials ------------------------------------------------------------------------------------

_tokens: dict[tuple[str, ...], tuple[str, float]] = {}
_lock = threading.Lock()


def _access_token() -> str:
    """The token all threads of this process share, fetched anew shortly before its end. Raises ProviderError."""
    account = settings.FCM_SERVICE_ACCOUNT
    missing = [key for key in KEYS if not account.get(key)]
    if missing:
        raise _refused(f"FCM_SERVICE_ACCOUNT has no {missing[0]}", "configuration")
    key = tuple(str(account[name]) for name in KEYS)
    with _lock:
        token, ends = _tokens.get(key, ("", 0.0))
        if time.monotonic() >= ends:
            token, lives = _exchange(account)
            _tokens[key] = token, time.monotonic() + lives - EARLIER
        return token


def _forget(token: str) -> None:
    with _lock:
        for key in [key for key, kept in _tokens.items() if kept[0] == token]:
            del _tokens[key]


def _exchange(account: Mapping[str, Any]) -> tuple[str, float]:
    """(access token, seconds it lives). Whatever goes wrong here, no message has left."""
    parts = urlsplit(str(account["token_uri"]))
    now = int(time.time())
    claims = {
        "iss": account["client_email"],
        "scope": SCOPE,
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + 3600,
    }
    try:
        assertion = jwt.encode(
            claims, account["private_key"], algorithm="RS256", headers={"kid": account.get("private_key_id")}
        )
        client = _client(f"{parts.scheme}://{parts.netloc}", float(settings.PROVIDER_TIMEOUT))
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise _refused(
            f"FCM_SERVICE_ACCOUNT is not usable: {type(error).__name__}", "configuration"
        ) from None
    try:
        answer = client.request("POST", parts.path or "/", form={"grant_type": GRANT, "assertion": assertion})
    except OutboundError as error:
        raise _refused(f"access token: {error}", "provider_fault", outcome="unreachable") from error
    what = f"access token: answer {answer.status}"
    if 400 <= answer.status < 500 and answer.status not in (408, 429):
        raise _refused(what, "configuration")
    granted = _object(answer)
    token, lives = granted.get("access_token"), granted.get("expires_in")
    if answer.status != 200 or not isinstance(token, str) or not token or not isinstance(lives, int | float):
        raise _refused(what, "provider_fault", outcome="unreachable")
    return token, float(lives)


@functools.lru_cache(maxsize=8)
def _client(base_url: str, timeout: float) -> HttpClient:
    return HttpClient(base_url, connect_timeout=CONNECT_TIMEOUT, read_timeout=timeout, total_timeout=timeout)
