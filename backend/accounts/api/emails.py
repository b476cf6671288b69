"""The person's e-mail address."""

from __future__ import annotations

from django.utils import timezone, translation
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts import operations
from backend.accounts.api import serializers
from backend.accounts.api.views import NO_STORE, me
from backend.accounts.models import User
from backend.core.api.access import SIGNED_IN
from backend.core.api.views import Endpoint, person


class MyEmail(Endpoint):
    access = {"PUT": SIGNED_IN, "DELETE": SIGNED_IN}

    @extend_schema(
        operation_id="putMyEmail",
        summary="Begin to be written at an e-mail address too",
        description="Sends a code there; nothing else is sent to an address that was not confirmed. A confirmed one "
        "stays until the new one is. Signing in stays with the phone.",
        tags=["me"],
        request=serializers.EmailBody,
        responses={202: serializers.EmailAsked},
    )
    def put(self, request: Request) -> Response:
        body = self.body(serializers.EmailBody, request)
        asked = operations.ask_email(
            user=person(request),
            email=body["email"],
            language=translation.get_language() or "ar",
            now=timezone.now(),
        )
        answer = {
            "email": asked.email,
            "expires_in_seconds": asked.expires_in_seconds,
            "resend_in_seconds": asked.resend_in_seconds,
            "code_length": asked.code_length,
        }
        return Response(answer, status=202, headers=NO_STORE)

    @extend_schema(
        operation_id="deleteMyEmail",
        summary="Be written at no e-mail address any more",
        tags=["me"],
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        operations.remove_email(user=person(request))
        return Response(status=204)


class MyEmailConfirm(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="confirmMyEmail",
        summary="Prove the e-mail address with its code",
        description="The newest code counts, for ten minutes and five tries. The right one again is fine.",
        tags=["me"],
        request=serializers.EmailCode,
        responses={200: serializers.Me},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.EmailCode, request)
        user: User = person(request)
        now = timezone.now()
        user.email = operations.confirm_email(user=user, code=body["code"], now=now)
        user.email_verified_at = now
        return Response(me(user), headers=NO_STORE)
