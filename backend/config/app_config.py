"""`GET app-config`: what an app asks when it starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.operations.codes import CODE_LENGTH
from backend.accounts.operations.limits import RESEND_WAIT
from backend.core import clients
from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.api.shapes import Shape
from backend.core.api.views import PublicEndpoint
from backend.core.money import CURRENCY
from backend.core.time import RIYADH, rfc3339

FOR_FIVE_MINUTES = {"Cache-Control": "public, max-age=300"}


class ConfigQuery(Query):
    platform = fields.Choice(choices=clients.PLATFORMS, required=False)
    version = serializers.CharField(max_length=20, required=False, help_text="As in `2.3.1`")

    def validate_version(self, value: str) -> tuple[int, int, int]:
        try:
            return clients.version_of(value)
        except ValueError:
            raise serializers.ValidationError("", code="invalid_format") from None


class UpdateShape(Shape):
    policy = serializers.ChoiceField(choices=["none", "recommended", "required"])
    minimum = serializers.CharField(allow_null=True)
    latest = serializers.CharField(allow_null=True)
    store_url = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True, help_text="For showing, when there is something to do")


class MaintenanceShape(Shape):
    until = fields.Moment()
    message = serializers.CharField()


class LocaleShape(Shape):
    default = serializers.CharField()
    supported = serializers.ListField(child=serializers.CharField())
    first_day_of_week = serializers.CharField()
    timezone = serializers.CharField()
    currency = serializers.CharField()
    currency_exponent = serializers.IntegerField()


class OtpShape(Shape):
    length = serializers.IntegerField()
    resend_seconds = serializers.IntegerField()


class SupportShape(Shape):
    phone = serializers.CharField(allow_null=True, help_text="E.164")


class AppConfigShape(Shape):
    update = UpdateShape()  # type: ignore[assignment]  # shapes are never written through
    maintenance = MaintenanceShape(allow_null=True)
    features = serializers.DictField(
        child=serializers.BooleanField(),
        help_text="What is switched on; absent means off, unknown means nothing",
    )
    locale = LocaleShape()
    otp = OtpShape()
    support = SupportShape()


class AppConfig(PublicEndpoint):
    """Answers also an app that is too old, and while the service is closed: how else would it know?"""

    gated = False
    queries = {"GET": ConfigQuery}

    @extend_schema(
        operation_id="getAppConfig",
        summary="What an app asks when it starts",
        description="Update policy, maintenance, features. When it cannot be had, the app goes on with its last copy.",
        tags=["system"],
        parameters=[ConfigQuery],
        responses={200: AppConfigShape},
    )
    def get(self, request: Request) -> Response:
        return Response(
            {
                "update": _update(self.query.get("platform"), self.query.get("version")),
                "maintenance": _maintenance(),
                "features": dict.fromkeys(settings.APP_FEATURES, True),
                "locale": {
                    "default": settings.LANGUAGE_CODE,
                    "supported": [code for code, _name in settings.LANGUAGES],
                    "first_day_of_week": "sunday",
                    "timezone": str(RIYADH),
                    "currency": CURRENCY,
                    "currency_exponent": 2,
                },
                "otp": {"length": CODE_LENGTH, "resend_seconds": int(RESEND_WAIT.total_seconds())},
                "support": {"phone": settings.SUPPORT_PHONE or None},
            },
            headers=FOR_FIVE_MINUTES,
        )


def _update(platform: str | None, version: tuple[int, int, int] | None) -> dict[str, Any]:
    known = settings.APP_VERSIONS.get(platform or "", {})
    client = clients.Client(platform, version) if platform and version else None
    policy = clients.update_policy(client)
    messages = {
        "none": None,
        "recommended": _("A new version of the app is available."),
        "required": str(clients.AppUpdateRequired.message),
    }
    return {
        "policy": policy,
        "minimum": known.get("minimum"),
        "latest": known.get("latest"),
        "store_url": known.get("store_url"),
        "message": messages[policy],
    }


def _maintenance() -> dict[str, Any] | None:
    until = settings.MAINTENANCE_UNTIL
    if until is None or until <= timezone.now():
        return None
    return {"until": rfc3339(until), "message": str(clients.Maintenance.message)}
