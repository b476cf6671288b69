"""Twilio SMS and WhatsApp through Twilio's own library (9.13), as its documentation stood in November 2026.

The library writes the requests and reads the answers; `core.http` carries them. The library's own transport has
no limit for a whole call (only between two bytes), cannot tell a connection that was never made from one that
broke, and takes proxies from the environment.

Twilio knows no idempotency key for messages. A text whose fate nobody saw is therefore never sent again; it is
looked for among the latest messages to its number, and found or left alone.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import HttpClient as TwilioTransport
from twilio.http.response import Response
from twilio.rest import Client

from backend.core.http import HttpClient, OutboundError, Unreachable
from backend.notifications.providers import (
    CONNECT_TIMEOUT,
    PHONE_CHANNELS,
    Channel,
    DeliveryReport,
    ErrorClass,
    ProviderError,
    Report,
    Template,
    approved_name,
    has_approved_names,
)

DEFAULT_BASE_URL = "https://api.twilio.com"
REPORTS_PATH = "/api/v1/webhooks/twilio/messages"
LONGEST_VALIDITY = 36_000  # seconds
CLOCKS_DIFFER = timedelta(minutes=2)
LATEST = 50
"""How many messages to one number are looked through for a lost one."""

_CODES: dict[ErrorClass, tuple[int, ...]] = {
    "configuration": (20003, 20404, 21212, 21408, 21606, 30004, 30007, 63007),
    "recipient": (21211, 21614, 30005, 30006),
    "opted_out": (21610,),
    "no_route": (21612, 30003),
    "throttled": (20429, 21611),
    "our_bug": (21602, 21603, 21604, 21617, 21655, 21656, 63016),
    "blocked": (30450, 60202, 60203, 60410, 60605),
    "provider_fault": (30008,),
}
_CLASS_OF_CODE = {code: kind for kind, codes in _CODES.items() for code in codes}
# Codes may change (the library's own notes say so), so an unknown one is judged by its status.
_CLASS_OF_STATUS: dict[int, ErrorClass] = {
    401: "configuration",
    403: "configuration",
    404: "configuration",
    429: "throttled",
}
_PERMANENT_CLASSES = frozenset({"recipient", "opted_out", "our_bug", "blocked"})
_PERMANENT_CODES = frozenset({21408})  # a country that is switched off stays off
_NOT_TAKEN = frozenset({"failed", "undelivered", "canceled"})
_REPORTS: dict[str, Report] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    **dict.fromkeys(_NOT_TAKEN, "undelivered"),
}
# What the library lets through when an answer is not what it expects, besides its own exceptions.
_UNREADABLE = (
    OutboundError,
    requests.RequestException,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    RecursionError,
)


def error_class(code: int, *, status: int = 0) -> ErrorClass:
    """What an error number of Twilio's means to us, in an answer (with its status) or in a later report."""
    return _CLASS_OF_CODE.get(code) or _CLASS_OF_STATUS.get(status, "provider_fault")


def read_report(fields: Mapping[str, str]) -> DeliveryReport | None:
    """A status callback's fields in our words; None when it names no message."""
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    report = _REPORTS.get((fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower())
    code = fields.get("ErrorCode", "")
    known = int(code) if code.isascii() and code.isdigit() and len(code) < 9 else 0
    failed = error_class(known) if report == "undelivered" else ""
    return DeliveryReport(sid, report, failed) if sid else None


class TwilioProvider:
    channels = PHONE_CHANNELS

    @property
    def longest_call(self) -> float:
        return float(settings.PROVIDER_TIMEOUT)

    def needs(self, channel: Channel) -> Mapping[str, bool]:
        needed = {
            "TWILIO_ACCOUNT_SID": bool(settings.TWILIO_ACCOUNT_SID),
            "TWILIO_AUTH_TOKEN": bool(settings.TWILIO_AUTH_TOKEN),
        }
        if channel == "sms":
            sender = settings.TWILIO_MESSAGING_SERVICE_SID or settings.TWILIO_FROM
            return needed | {"TWILIO_FROM (or TWILIO_MESSAGING_SERVICE_SID)": bool(sender)}
        needed |= {"TWILIO_WHATSAPP_FROM": bool(settings.TWILIO_WHATSAPP_FROM)}
        codes = settings.TWILIO_WHATSAPP_OTP_CONTENT_SID
        if has_approved_names("twilio") and not any(codes.values()):
            return needed  # bookings by WhatsApp, codes by SMS alone
        return needed | {
            f"TWILIO_WHATSAPP_OTP_CONTENT_SID_{language.upper()}": bool(sid)
            for language, sid in codes.items()
        }

    def address(self, channel: Channel) -> str:
        return settings.TWILIO_BASE_URL or DEFAULT_BASE_URL

    def carries(self, channel: Channel, template: Template) -> bool:
        return channel == "sms" or bool(_content_sid(template))

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
        fields: dict[str, Any] = {"to": _address(channel, to)}
        if channel == "whatsapp":
            fields["from_"] = _address(channel, settings.TWILIO_WHATSAPP_FROM)
        elif promotional:
            fields["from_"] = _promotion_sender()
        elif settings.TWILIO_MESSAGING_SERVICE_SID:
            fields["messaging_service_sid"] = settings.TWILIO_MESSAGING_SERVICE_SID
        else:
            fields["from_"] = settings.TWILIO_FROM
        if channel == "whatsapp" and template is not None:
            # Given through `body`, an approved wording is refused (63016).
            fields["content_sid"] = _approved(template)
            numbered = {str(number): value for number, value in enumerate(template.values, start=1)}
            fields["content_variables"] = json.dumps(numbered)
        else:
            fields["body"] = body
        if valid_for is not None:
            fields["validity_period"] = min(max(int(valid_for.total_seconds()), 1), LONGEST_VALIDITY)
        if settings.PUBLIC_BASE_URL.startswith("https://"):
            # Our own name for it: a report may come before the answer that says what Twilio calls it.
            fields["status_callback"] = (
                f"{settings.PUBLIC_BASE_URL}{REPORTS_PATH}?{urlencode({'reference': reference, 'channel': channel})}"
            )
        try:
            message = _client().messages.create(**fields)
        except TwilioException as error:
            raise _refusal(error) from None  # its text quotes the number
        except Unreachable as error:
            raise ProviderError(str(error), outcome="unreachable", error_class="provider_fault") from error
        except _UNREADABLE as error:
            raise _unknown(error) from None
        if str(message.status) in _NOT_TAKEN:
            code = message.error_code if isinstance(message.error_code, int) else 0
            raise _refused(f"{message.status} at once, code {code}", code=code)
        if not message.sid or not isinstance(message.sid, str):
            raise ProviderError("an answer without a sid", outcome="unknown", error_class="unknown")
        return str(message.sid)

    def find(self, *, reference: str, to: str, body: str, since: datetime) -> str | None:
        """Never None: a text that is not in the list may be missing from it for other reasons."""
        try:
            for message in _client().messages.list(to=to, limit=LATEST, page_size=LATEST):
                same = (message.body or "").strip() == body.strip()
                if same and message.sid and message.date_created >= since - CLOCKS_DIFFER:
                    return str(message.sid)
        except (TwilioException, *_UNREADABLE) as error:
            raise _unknown(error) from None
        raise ProviderError("not among the latest messages", outcome="unknown", error_class="unknown")


def _address(channel: Channel, number: str) -> str:
    return f"whatsapp:{number.removeprefix('whatsapp:')}" if channel == "whatsapp" else number


def _content_sid(template: Template) -> str | None:
    if template.name == "otp":
        return settings.TWILIO_WHATSAPP_OTP_CONTENT_SID.get(template.language) or None
    return approved_name("twilio", template)


def _approved(template: Template) -> str:
    sid = _content_sid(template)
    if not sid:
        raise ProviderError(
            f"no content sid for {template.name} in {template.language}",
            outcome="refused",
            error_class="configuration",
        )
    return sid


def _promotion_sender() -> str:
    if not settings.TWILIO_PROMOTION_FROM:
        raise ProviderError(
            "TWILIO_PROMOTION_FROM is missing", outcome="refused", error_class="configuration"
        )
    return str(settings.TWILIO_PROMOTION_FROM)


def _refusal(error: TwilioException) -> ProviderError:
    """What an error answer means. The status and the number decide; the sentences are not read.

    A 4xx status, or Twilio's own error object with any status, is a clear refusal. Everything else (a proxy's
    page with 502, a redirect) may hide an acceptance.
    """
    if not isinstance(error, TwilioRestException | TwilioServiceException):
        return _unknown(error)
    status = error.status if isinstance(error.status, int) else 0
    code = error.code if isinstance(error.code, int) else 0
    what = f"answer {status} code {code}"
    its_own = code not in (0, status)  # without a number of its own the library repeats the status
    by_status = 400 <= status < 500 and status != 408
    if not (its_own or by_status):
        return ProviderError(what, outcome="unknown", error_class="unknown")
    return _refused(what, code=code, status=status)


def _refused(what: str, *, code: int, status: int = 0) -> ProviderError:
    kind = error_class(code, status=status)
    permanent = kind in _PERMANENT_CLASSES or code in _PERMANENT_CODES
    return ProviderError(what, outcome="refused", error_class=kind, permanent=permanent)


def _unknown(error: Exception) -> ProviderError:
    what = str(error) if isinstance(error, OutboundError) else f"unreadable answer: {type(error).__name__}"
    return ProviderError(what, outcome="unknown", error_class="unknown")


# The wire ---------------------------------------------------------------------------------------


def _client() -> Client:
    missing = [name for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN") if not getattr(settings, name)]
    if missing:
        raise ProviderError(f"{missing[0]} is missing", outcome="refused", error_class="configuration")
    return _client_of(
        settings.TWILIO_BASE_URL or DEFAULT_BASE_URL,
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_AUTH_TOKEN,
        float(settings.PROVIDER_TIMEOUT),
    )


@functools.lru_cache(maxsize=4)
def _client_of(base_url: str, account_sid: str, auth_token: str, timeout: float) -> Client:
    wire = _Wire(
        HttpClient(
            base_url,
            auth=(account_sid, auth_token),
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=timeout,
            total_timeout=timeout,
        ),
        timeout=timeout,
    )
    # Some environment of its own, or the library would read TWILIO_EDGE and TWILIO_REGION from ours.
    client = Client(account_sid, auth_token, http_client=wire, environment={"TWILIO_EDGE": ""})
    client.api.base_url = base_url
    return client


class _Wire(TwilioTransport):  # type: ignore[misc]  # the library is not typed
    """The library's requests over our HTTP door: one limit for the whole call, no proxies, nothing retried."""

    def __init__(self, http: HttpClient, *, timeout: float) -> None:
        super().__init__(logging.getLogger("twilio"), False, timeout)
        self._http = http

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Raises OutboundError. A successful answer that is not a JSON object does not reach the library."""
        parts = urlsplit(uri)
        answer = self._http.request(
            method,
            parts.path.removeprefix(urlsplit(self._http.base_url).path),
            form=data,
            params=dict(parse_qsl(parts.query)) | dict(params or {}),
            headers=headers,
        )
        if 200 <= answer.status < 300:
            answer.json_object()
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)
