"""Who is calling: the access token of a signed-in device."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from backend.accounts import operations, queries, tokens
from backend.accounts.models import Device, User
from backend.core.errors import NotSignedIn


class TokenInvalid(NotSignedIn):
    code = "token_invalid"
    message = _("Your sign-in could not be recognised. Please sign in again.")


class TokenExpired(NotSignedIn):
    code = "token_expired"
    message = _("Your sign-in needs to be renewed.")


class DeviceAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; one indexed read finds the device and its person, nothing is written:
    a device in use renews its tokens within ACCESS_LIFETIME, and that is when it is noted as seen.

    `request.auth` is the Device. Ending a session takes effect with the next request, not with the token.
    """

    def authenticate(self, request: Request) -> tuple[User, Device] | None:
        parts = str(request.META.get("HTTP_AUTHORIZATION", "")).split()
        if not parts or parts[0].lower() != "bearer":
            return None
        if len(parts) != 2:
            raise TokenInvalid
        now = timezone.now()
        try:
            claims = tokens.read(tokens.DeviceAccessToken, parts[1])
        except tokens.BadToken as error:
            raise TokenInvalid from error
        if claims.expired(now):
            raise TokenExpired
        device = queries.session_of(device_id=claims.device_id, user_id=claims.user_id)
        if device is None or device.revoked_at is not None or device.user.deleted_at is not None:
            raise operations.SessionRevoked
        if not device.user.is_active:
            raise operations.AccountSuspended
        user = device.user
        user.history_from, user.name_asked = device.history_from, device.name_asked
        return user, device

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class DeviceAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = DeviceAuthentication
    name = "jwtAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
