"""Unifonic SMS and WhatsApp, as their documentation stood in November 2026: two APIs, each with its credentials.

What decides about a text: the HTTP status first, then `success` (a boolean, sometimes the text "true"), then
`errorCode`. The WhatsApp API is documented less: a 2xx with a message id is an acceptance, a 4xx a refusal.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from backend.core.http import BadAnswer, HttpAnswer, HttpClient, OutboundError, Unreachable
from backend.core.time import RIYADH
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

DEFAULT_BASE_URL = "https://el.cloud.unifonic.com"
DEFAULT_WHATSAPP_BASE_URL = "https://apis.unifonic.com"
REPORTS_PATH = "/api/v1/webhooks/unifonic/"
SERVICE_MESSAGE, PROMOTION = "3", "5"
"""Saudi traffic classes: codes and booking messages, and what only an -AD sender may send."""

_STATUS_CLASSES: dict[ErrorClass, tuple[int, ...]] = {
    "configuration": (401, 402, 403, 440, 459, 480),
    "recipient": (410, 422, 450, 481, 482, 483),
    "our_bug": (406, 412, 415, 417, 419, 420, 421, 423, 431, 432, 449, 451, 452, 455, 456, 460),
    "duplicate": (409,),
    "throttled": (429,),
    "provider_fault": (400, 404, 499, 546, 548, 599),
}
_CLASS_OF_STATUS = {status: kind for kind, statuses in _STATUS_CLASSES.items() for status in statuses}
_CLASS_OF_CODE: dict[str, ErrorClass] = {
    "ER-01": "configuration",  # no rate, or the balance is used up
    "ER-02": "recipient",
    "ER-03": "recipient",
    "ER-04": "recipient",
    "ER-05": "no_route",  # unknown number, land line or an operator's fault: another carrier may know better
    "ER-06": "our_bug",
    "ER-07": "provider_fault",  # filtered: another carrier may let it through
    "ER-08": "configuration",  # sender not registered
    "ER-09": "duplicate",
}
_PERMANENT = frozenset({"recipient", "our_bug", "duplicate"})
_REPORTS: dict[str, Report] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    **dict.fromkeys(
        (
            *("undelivered", "undeliverable", "failed", "rejected", "stopped"),
            *("expired", "deleted", "skipped"),
        ),
        "undelivered",
    ),
    # The numbers that stand for them in SMPP.
    **dict.fromkeys(("3", "4", "5", "8", "9"), "undelivered"),
    "2": "delivered",
}
_WHATSAPP_EVENT = re.compile(r"(?:message\.)?(sent|delivered|read|undelivered|failed|rejected)(?:\b|_).*")


def read_report(fields: Mapping[str, Any]) -> DeliveryReport | None:
    """A delivery report's fields in our words; None when it names no message or says nothing of it.

    The names of the current platform are not documented: they are matched without regard to case, the state may be
    called Status or DLR, and WhatsApp's is an event such as `message.sent_successfully_to_provider`.
    """
    named = {str(name).lower(): str(value) for name, value in fields.items() if isinstance(value, str | int)}
    message_id = named.get("messageid", "")
    said = named.get("dlr") or named.get("status") or ""
    event = _WHATSAPP_EVENT.fullmatch(named.get("eventtype", "").lower())
    state = said.lower() or (event[1] if event else "")
    if not message_id or not (state or "eventtype" in named):
        return None
    report = _REPORTS.get(state)
    failed = _CLASS_OF_CODE.get(named.get("errorcode", ""), "provider_fault")
    return DeliveryReport(message_id[:80], report, failed if report == "undelivered" else "")


class UnifonicProvider:
    channels = PHONE_CHANNELS

    @property
    def longest_call(self) -> float:
        return float(settings.PROVIDER_TIMEOUT)

    def needs(self, channel: Channel) -> Mapping[str, bool]:
        if channel == "sms":
            return {"UNIFONIC_APP_SID": bool(settings.UNIFONIC_APP_SID)}
        needed = {
            "UNIFONIC_WHATSAPP_PUBLIC_ID": bool(settings.UNIFONIC_WHATSAPP_PUBLIC_ID),
            "UNIFONIC_WHATSAPP_SECRET": bool(settings.UNIFONIC_WHATSAPP_SECRET),
        }
        if has_approved_names("unifonic"):
            return needed  # codes may go by SMS alone
        return needed | {"UNIFONIC_WHATSAPP_OTP_TEMPLATE": bool(settings.UNIFONIC_WHATSAPP_OTP_TEMPLATE)}

    def address(self, channel: Channel) -> str:
        if channel == "sms":
            return settings.UNIFONIC_BASE_URL or DEFAULT_BASE_URL
        return settings.UNIFONIC_WHATSAPP_BASE_URL or DEFAULT_WHATSAPP_BASE_URL

    def carries(self, channel: Channel, template: Template) -> bool:
        return channel == "sms" or bool(_approved_template(template))

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
        if channel == "whatsapp":
            return self._send_whatsapp(to=to, body=body, template=template)
        form = {
            "AppSid": settings.UNIFONIC_APP_SID,
            "Recipient": to.removeprefix("+"),
            "Body": body,
            "responseType": "JSON",
            "CorrelationID": reference,
        }
        if settings.UNIFONIC_MESSAGE_TYPE:
            form["MessageType"] = PROMOTION if promotional else SERVICE_MESSAGE
        if sender := _promotion_sender() if promotional else settings.UNIFONIC_SENDER_ID:
            form["SenderID"] = sender
        if settings.UNIFONIC_CALLBACK_SECRET and settings.PUBLIC_BASE_URL.startswith("https://"):
            form["statusCallback"] = (
                f"{settings.PUBLIC_BASE_URL}{REPORTS_PATH}{settings.UNIFONIC_CALLBACK_SECRET}"
                f"?{urlencode({'reference': reference, 'channel': channel})}"
            )
        answer = self._post("sms", "/rest/SMS/messages", form=form)
        envelope = _envelope(answer)
        if answer.status == 200 and _says(envelope, "true") and envelope.get("errorCode") == "ER-00":
            told = envelope.get("data")
            message_id = told.get("MessageID") if isinstance(told, Mapping) else None
            if message_id not in (None, "") and not isinstance(message_id, bool):
                return str(message_id)
        raise _refusal(answer, envelope)

    def _send_whatsapp(self, *, to: str, body: str, template: Template | None) -> str:
        answer = self._post(
            "whatsapp",
            "/v1/messages",
            json={
                "recipient": {"contact": to, "channel": "whatsapp"},
                "content": {"type": "text", "text": body} if template is None else _content(template),
            },
            headers={
                "PublicId": settings.UNIFONIC_WHATSAPP_PUBLIC_ID,
                "Secret": settings.UNIFONIC_WHATSAPP_SECRET,
            },
        )
        if 200 <= answer.status < 300:
            envelope = _envelope(answer)
            for name in ("messageId", "id"):  # which of them is not certain
                if envelope.get(name) and isinstance(envelope[name], str | int):
                    return str(envelope[name])
        raise _refusal(answer, {})

    def find(self, *, reference: str, to: str, body: str, since: datetime) -> str | None:
        form = {
            "AppSid": settings.UNIFONIC_APP_SID,
            "responseType": "JSON",
            "CorrelationID": reference,
            # Their days are the account's; one day of slack on both sides.
            "dateFrom": (since.astimezone(RIYADH) - timedelta(days=1)).date().isoformat(),
            "dateTo": (since.astimezone(RIYADH) + timedelta(days=2)).date().isoformat(),
            "Limit": "50",
        }
        answer = self._post("sms", "/rest/SMS/Messages/GetMessagesDetails", form=form)
        envelope = _envelope(answer)
        rows = _rows(envelope.get("data")) if answer.status == 200 and _says(envelope, "true") else None
        if rows is None or any("CorrelationID" not in row for row in rows):
            raise ProviderError(
                f"no usable list of messages ({answer.status})", outcome="unknown", error_class="unknown"
            )
        for row in rows:
            if row["CorrelationID"] == reference and row.get("MessageID"):
                return str(row["MessageID"])
        return None

    def _post(
        self,
        channel: Channel,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        # The body, never the query string: proxies log query strings, and AppSid is the credential.
        basic = (settings.UNIFONIC_BASIC_USER, settings.UNIFONIC_BASIC_PASSWORD)
        client = _client(
            self.address(channel),
            basic if channel == "sms" and basic[0] else None,
            self.longest_call,
        )
        try:
            return client.request("POST", path, form=form, json=json, headers=headers)
        except Unreachable as error:
            raise ProviderError(str(error), outcome="unreachable", error_class="provider_fault") from error
        except OutboundError as error:
            raise ProviderError(str(error), outcome="unknown", error_class="unknown") from error


@functools.lru_cache(maxsize=8)
def _client(base_url: str, basic: tuple[str, str] | None, timeout: float) -> HttpClient:
    return HttpClient(
        base_url,
        auth=basic,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=timeout,
        total_timeout=timeout,
    )


def _promotion_sender() -> str:
    if not settings.UNIFONIC_PROMOTION_SENDER_ID:
        raise ProviderError(
            "UNIFONIC_PROMOTION_SENDER_ID is missing", outcome="refused", error_class="configuration"
        )
    return str(settings.UNIFONIC_PROMOTION_SENDER_ID)


def _approved_template(template: Template) -> str | None:
    if template.name == "otp":
        return settings.UNIFONIC_WHATSAPP_OTP_TEMPLATE or None
    return approved_name("unifonic", template)


def _content(template: Template) -> dict[str, Any]:
    name = _approved_template(template)
    if not name:
        raise ProviderError(
            f"no template for {template.name} in {template.language}",
            outcome="refused",
            error_class="configuration",
        )
    values = [{"type": "text", "text": value} for value in template.values]
    components: list[dict[str, Any]] = [{"type": "body", "parameters": values}]
    # An approved wording for codes has a button that copies the code. How Unifonic wants it is not documented.
    button = settings.UNIFONIC_WHATSAPP_OTP_BUTTON if template.name == "otp" else "none"
    if button == "options":
        components.append({"type": "options", "parameters": values})
    elif button == "button":
        components.append({"type": "button", "sub_type": "url", "index": "0", "parameters": values})
    return {
        "type": "template",
        "name": name,
        "language": {"code": template.language},
        "components": components,
    }


def _envelope(answer: HttpAnswer) -> dict[str, Any]:
    """The JSON object of the answer; empty when it is anything else."""
    try:
        return answer.json_object()
    except BadAnswer:
        return {}


def _says(envelope: Mapping[str, Any], success: str) -> bool:
    return str(envelope.get("success")).lower() == success


def _refusal(answer: HttpAnswer, envelope: Mapping[str, Any]) -> ProviderError:
    """What an answer that is not an acceptance means.

    A parsed envelope with `success` false is a clear refusal, and so is a 4xx status, whose line carries the
    reason. Everything else (HTML with 200, an empty 200, 5xx of a proxy) may hide an acceptance.
    """
    code = str(envelope.get("errorCode") or "")
    what = f"answer {answer.status} {code}".rstrip()
    clear = _says(envelope, "false") and code != "ER-00"
    by_status = 400 <= answer.status < 499 and answer.status != 408 and not _says(envelope, "true")
    if not (clear or by_status):
        return ProviderError(what, outcome="unknown", error_class="unknown")
    kind = _CLASS_OF_STATUS.get(answer.status) or _CLASS_OF_CODE.get(code) or "provider_fault"
    return ProviderError(what, outcome="refused", error_class=kind, permanent=kind in _PERMANENT)


def _rows(data: Any) -> list[Mapping[str, Any]] | None:
    """The messages in an answer of GetMessagesDetails, in any of the shapes seen in print."""
    if isinstance(data, Mapping) and "MessageID" in data:
        data = [data]
    elif isinstance(data, Mapping):
        data = next((value for name, value in data.items() if name.lower() == "messages"), None)
    if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in data):
        return None
    return data
