"""Sign-in, one's own account, one's devices."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, cast

from django.utils import timezone, translation
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts import operations, queries
from backend.accounts.api import privacy, serializers
from backend.accounts.api.parsers import NestedFormParser
from backend.accounts.models import Device, PhoneChange, User
from backend.accounts.tokens import TokenPair
from backend.core import phone
from backend.core.api.access import SIGNED_IN
from backend.core.api.client_address import client_network
from backend.core.api.parsers import StrictJSONParser
from backend.core.api.views import Endpoint, PublicEndpoint, speak
from backend.core.time import rfc3339, seconds_until

NO_STORE = {"Cache-Control": "no-store"}
INSTALLATION = OpenApiParameter(
    name="X-Installation-Id",
    type=uuid.UUID,
    location=OpenApiParameter.HEADER,
    required=False,
    description="Random, made once per installation; limits are counted per installation too",
)


class SignInEndpoint(PublicEndpoint):
    """No token needed, forms welcome, nothing kept by caches."""

    parser_classes = [StrictJSONParser, NestedFormParser]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response


class OtpRequests(SignInEndpoint):
    @extend_schema(
        operation_id="requestOtp",
        summary="Send a code to a phone",
        tags=["sign-in"],
        parameters=[INSTALLATION],
        request=serializers.OtpRequestBody,
        responses={202: serializers.OtpRequestAnswer},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.OtpRequestBody, request)
        asked = operations.request_code(
            phone=body["phone"],
            channel=body["channel"],
            app_hash=body.get("app_hash"),
            installation_id=installation_id(request),
            network=client_network(request),
            language=translation.get_language() or "ar",
            now=timezone.now(),
        )
        answer = {
            "otp_request_id": str(asked.challenge_id),
            "expires_in_seconds": asked.expires_in_seconds,
            "resend_in_seconds": asked.resend_in_seconds,
            "code_length": asked.code_length,
            "sent_to": phone.masked(asked.phone),
        }
        left = operations.PER_HOUR.headers(left=asked.left, resets_in=asked.resets_in_seconds)
        return Response(answer, status=202, headers=left)


class OtpVerifications(SignInEndpoint):
    @extend_schema(
        operation_id="verifyOtp",
        summary="Sign in with a code",
        tags=["sign-in"],
        request=serializers.OtpVerificationBody,
        responses={200: serializers.SignInAnswer},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.OtpVerificationBody, request)
        now = timezone.now()
        signed_in = operations.verify_code(
            challenge_id=body["otp_request_id"],
            code=body["code"],
            device=body.get("device") or operations.DeviceDetails(),
            network=client_network(request),
            now=now,
        )
        return Response(
            {
                **tokens_shown(signed_in.tokens, now),
                "is_new_user": signed_in.is_new_user,
                "user": {"id": str(signed_in.user.pk), "language": signed_in.user.spoken_language},
            }
        )


class TokenRefreshes(SignInEndpoint):
    @extend_schema(
        operation_id="refreshTokens",
        summary="Exchange a refresh token for a new pair",
        tags=["sign-in"],
        request=serializers.TokenRefreshBody,
        responses={200: serializers.TokenAnswer},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.TokenRefreshBody, request)
        now = timezone.now()
        return Response(tokens_shown(operations.refresh(refresh_token=body["refresh_token"], now=now), now))


class Logout(SignInEndpoint):
    @extend_schema(
        operation_id="signOut",
        summary="Sign this device out, or all of them",
        tags=["sign-in"],
        request=serializers.LogoutBody,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.LogoutBody, request)
        operations.sign_out(
            refresh_token=body["refresh_token"], everywhere=body["everywhere"], now=timezone.now()
        )
        return Response(status=204)


class MeView(Endpoint):
    access = {"GET": SIGNED_IN, "PATCH": SIGNED_IN, "DELETE": SIGNED_IN}

    @extend_schema(
        operation_id="getMe",
        summary="Who is signed in",
        tags=["me"],
        responses={200: serializers.Me},
    )
    def get(self, request: Request) -> Response:
        return Response(me(_user(request)), headers=NO_STORE)

    @extend_schema(
        operation_id="updateMe",
        summary="Change name, language or gender",
        tags=["me"],
        request=serializers.ProfileChanges,
        responses={200: serializers.Me},
    )
    def patch(self, request: Request) -> Response:
        changes = self.body(serializers.ProfileChanges, request)
        user = operations.update_profile(user=_user(request), changes=changes)
        speak(user)
        return Response(me(user), headers=NO_STORE)

    @extend_schema(
        operation_id="deleteMe",
        summary="Delete my account",
        description="At once and for good; no code is asked for. Live bookings are cancelled by their policy: what "
        "each would cost stands beforehand in its `cancellation.fee_now`, and afterwards in `ended`. What must stay, "
        "stays without a name.",
        tags=["me"],
        responses={200: serializers.DeletionShape},
    )
    def delete(self, request: Request) -> Response:
        now = timezone.now()
        erasure = operations.delete_account(user=_user(request), now=now)
        return Response(privacy.deletion(erasure, at=rfc3339(now)), headers=NO_STORE)


class Devices(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="listDevices",
        summary="Where this account is signed in",
        tags=["me"],
        responses={200: serializers.DeviceList},
    )
    def get(self, request: Request) -> Response:
        current = cast(Device, request.auth)
        items = [_device(device, current) for device in queries.live_devices_of(_user(request))]
        return Response({"items": items}, headers=NO_STORE)


class DeviceView(Endpoint):
    access = {"DELETE": SIGNED_IN}

    @extend_schema(
        operation_id="signOutDevice",
        summary="Sign one device out",
        tags=["me"],
        responses={204: None},
    )
    def delete(self, request: Request, id: uuid.UUID) -> Response:
        operations.revoke_device(user=_user(request), device_id=id, now=timezone.now())
        return Response(status=204)


class CurrentPushToken(Endpoint):
    access = {"PUT": SIGNED_IN}

    @extend_schema(
        operation_id="putPushToken",
        summary="Say where a push reaches this device",
        description="Send it after signing in and whenever Firebase hands out a new one. A target belongs to the "
        "device that sent it last; it is forgotten when the device is signed out.",
        tags=["me"],
        request=serializers.PushTargetBody,
        responses={204: None},
    )
    def put(self, request: Request) -> Response:
        body = self.body(serializers.PushTargetBody, request)
        device = cast(Device, request.auth)
        operations.keep_push_target(device=device, now=timezone.now(), **body)
        return Response(status=204)


def _user(request: Request) -> User:
    return cast(User, request.user)


def installation_id(request: Request) -> uuid.UUID | None:
    """The header, when it is a UUID: it only narrows a limit, so a malformed one is nobody's error."""
    try:
        return uuid.UUID(request.headers.get("X-Installation-Id", ""))
    except ValueError:
        return None


def tokens_shown(pair: TokenPair, now: datetime) -> dict[str, Any]:
    return {
        "access_token": pair.access,
        "access_expires_in_seconds": seconds_until(pair.access_expires_at, now),
        "refresh_token": pair.refresh,
        "refresh_expires_in_seconds": seconds_until(pair.refresh_expires_at, now),
    }


def me(user: User) -> dict[str, Any]:
    coming = None if user.name_asked else queries.cooling_change_of(user)
    return {
        "id": str(user.pk),
        "phone": user.phone,
        "phone_display": phone.display(user.phone or ""),
        "name": "" if user.name_asked else user.name,
        "language": user.language,
        "gender": "" if user.name_asked else user.gender,
        "email": _email(user),
        "roles": sorted(user.platform_roles),
        "identity_confirmation_required": user.name_asked,
        "phone_change": phone_change_shown(coming) if coming else None,
    }


def _email(user: User) -> str | None:
    """Somebody who may be the number's next holder sees only an address confirmed since."""
    at = user.email_verified_at
    if at is None or (user.history_from is not None and at < user.history_from):
        return None
    return user.email


def phone_change_shown(change: PhoneChange) -> dict[str, Any]:
    return {
        "id": str(change.pk),
        "state": change.state,
        "new_phone": phone.masked(change.new_phone),
        "takes_effect_at": rfc3339(change.takes_effect_at) if change.takes_effect_at else None,
    }


def _device(device: Device, current: Device) -> dict[str, Any]:
    return {
        "id": str(device.pk),
        "platform": device.platform,
        "name": device.name,
        "app_version": device.app_version,
        "created_at": rfc3339(device.created_at),
        "last_seen_at": rfc3339(device.last_seen_at),
        "current": device.pk == current.pk,
    }
