"""What message companies call: delivery reports, and what people write back. Who is speaking is settled first."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from twilio.request_validator import RequestValidator

from backend.core.api.bodies import Query
from backend.core.api.views import Webhook
from backend.core.errors import NotFound, PermissionDenied, ValidationFailed
from backend.core.phone import E164_PATTERN
from backend.notifications import operations
from backend.notifications.operations import inbound
from backend.notifications.providers import DeliveryReport, twilio, unifonic

ANSWER: dict[str, Any] = {"status": 200, "headers": {"Cache-Control": "no-store"}}


class ReportQuery(Query):
    """What we ourselves wrote into the address that a company calls."""

    reference = serializers.CharField(required=False, default="", max_length=80)
    channel = serializers.ChoiceField(choices=["sms", "whatsapp"], required=False, default="")
    bodySHA256 = serializers.CharField(required=False, max_length=80)


class TwilioReports(Webhook):
    """Status callbacks, signed with the account's token over the address that Twilio called."""

    queries = {"POST": ReportQuery}

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        fields = _signed_by_twilio(request)
        report = twilio.read_report(fields)
        if report is None:
            raise ValidationFailed.at("/MessageSid", "field_required")
        _record("twilio", report, self.query)
        return Response(**ANSWER)


class TwilioInbound(Webhook):
    """What people write to our WhatsApp number. Anything else that comes is taken note of by nobody."""

    queries = {"POST": ReportQuery}

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        fields = _signed_by_twilio(request)
        sid = fields.get("MessageSid", "")
        if not sid:
            raise ValidationFailed.at("/MessageSid", "field_required")
        channel, _colon, number = fields.get("From", "").partition(":")
        if channel == "whatsapp" and re.fullmatch(E164_PATTERN, number):
            inbound.receive(
                provider="twilio",
                provider_message_id=sid[:80],
                from_phone=number,
                texts=tuple(fields.get(name, "") for name in ("ButtonPayload", "ButtonText", "Body")),
                answers=fields.get("OriginalRepliedMessageSid", ""),
                now=timezone.now(),
            )
        return Response(**ANSWER)


class UnifonicReports(Webhook):
    """Delivery reports. Nothing signs them: the secret in the address is all, and all they do is move a state on."""

    queries = {"POST": ReportQuery}

    @extend_schema(exclude=True)
    def post(self, request: Request, secret: str) -> Response:
        known = settings.UNIFONIC_CALLBACK_SECRET
        if not known or not hmac.compare_digest(secret.encode(), known.encode()):
            raise NotFound
        report = unifonic.read_report(_fields(request))
        if report is None:
            raise ValidationFailed.at("", "invalid_format")
        _record("unifonic", report, self.query)
        return Response(**ANSWER)


def _record(provider: str, report: DeliveryReport, query: Mapping[str, str]) -> None:
    """A message that we do not know is nobody's fault: a one-time code, or one that was erased."""
    if report.report is not None:
        operations.record_report(
            provider=provider,
            provider_message_id=report.provider_message_id,
            reference=query["reference"],
            channel=query["channel"],
            report=report.report,
            error_class=report.error_class,
            now=timezone.now(),
        )


def _signed_by_twilio(request: Request) -> Mapping[str, str]:
    """The fields of a call that Twilio signed. Raises PermissionDenied for any other.

    The address is our public one with the path and query as they came: behind a proxy, what the server sees of
    itself is not what Twilio called. A JSON body is covered by its hash in the query, which the signature covers.
    """
    token = settings.TWILIO_AUTH_TOKEN
    raw = request._request
    signature = raw.headers.get("X-Twilio-Signature", "")
    signed: QueryDict | str = _form(request)
    if _is_json(request):
        if "bodySHA256" not in raw.GET:
            raise PermissionDenied
        signed = raw.body.decode("utf-8", "replace")
    address = f"{settings.PUBLIC_BASE_URL}{raw.get_full_path()}"
    if not token or not RequestValidator(token).validate(address, signed, signature):
        raise PermissionDenied
    return {name: str(value) for name, value in _fields(request).items() if isinstance(value, str | int)}


def _is_json(request: Request) -> bool:
    return "json" in (request._request.content_type or "")


def _form(request: Request) -> QueryDict:
    try:
        return request._request.POST
    except MultiPartParserError:
        raise ValidationFailed.at("", "invalid_format") from None


def _fields(request: Request) -> Mapping[str, Any]:
    """The body's fields, from JSON or a form. Raises ValidationFailed for anything else."""
    fields: Any = None
    with suppress(ValueError, RecursionError):
        fields = json.loads(request._request.body) if _is_json(request) else _form(request).dict()
    if not isinstance(fields, dict) or not all(map(_is_storable, fields.values())):
        raise ValidationFailed.at("", "invalid_format")
    return fields


def _is_storable(value: Any) -> bool:
    """PostgreSQL holds no NUL, and no half of a pair of surrogates has bytes."""
    if not isinstance(value, str):
        return True
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
