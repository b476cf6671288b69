"""An account's way to another number: by its person, or begun by support."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.utils import timezone, translation
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts import operations
from backend.accounts.api import serializers
from backend.accounts.api.views import (
    INSTALLATION,
    NO_STORE,
    SignInEndpoint,
    installation_id,
    phone_change_shown,
)
from backend.accounts.models import Device, PhoneChange
from backend.accounts.permissions import SUPPORT
from backend.core import phone
from backend.core.api.access import SIGNED_IN
from backend.core.api.client_address import client_network
from backend.core.api.views import Endpoint, person
from backend.core.time import seconds_until


class PhoneChanges(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="askPhoneChange",
        summary="Begin to move this account to another number",
        description="Sends a code to the new number and, unless `without_old`, one to the old. The answer is the same "
        "whether or not the new number has an account; if it has, its owner gets no code but is told. Asking again "
        "replaces an open change.",
        tags=["me"],
        parameters=[INSTALLATION],
        request=serializers.PhoneChangeBody,
        responses={202: serializers.PhoneChangeAsked},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.PhoneChangeBody, request)
        now = timezone.now()
        change = operations.ask_phone_change(
            user=person(request),
            device=cast(Device, request.auth),
            new_phone=body["new_phone"],
            without_old=body["without_old"],
            app_hash=body.get("app_hash"),
            installation_id=installation_id(request),
            network=client_network(request),
            language=translation.get_language() or "ar",
            now=now,
        )
        return Response(asked(change), status=202, headers=NO_STORE)


class PhoneChangeConfirm(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="confirmPhoneChange",
        summary="Prove the numbers and move the account",
        description="With both codes the change takes effect at once: the old number is told, other devices are "
        "signed out, this one stays. A change begun `without_old` cools first (`takes_effect_at`); everybody signed "
        "in can stop it until then. Of two codes, `params.wrong` of `otp_invalid` names those to type again.",
        tags=["me"],
        request=serializers.PhoneChangeCodes,
        responses={200: serializers.PhoneChangeAnswer},
    )
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        operations.change_of(person(request), change_id)
        body = self.body(serializers.PhoneChangeCodes, request)
        change = operations.confirm_phone_change(
            user=person(request),
            device=cast(Device, request.auth),
            change_id=change_id,
            new_code=body["new_code"],
            old_code=body["old_code"],
            network=client_network(request),
            now=timezone.now(),
        )
        return Response(phone_change_shown(change), headers=NO_STORE)


class PhoneChangeItem(Endpoint):
    access = {"DELETE": SIGNED_IN}

    @extend_schema(
        operation_id="stopPhoneChange",
        summary="Stop a change of number that has not taken effect",
        tags=["me"],
        responses={204: None},
    )
    def delete(self, request: Request, change_id: uuid.UUID) -> Response:
        operations.stop_phone_change(user=person(request), change_id=change_id, now=timezone.now())
        return Response(status=204)


class AssistedPhoneChangeConfirm(SignInEndpoint):
    @extend_schema(
        operation_id="confirmAssistedPhoneChange",
        summary="Prove the new number of a change that support began",
        description="For somebody who cannot sign in any more. The change takes effect after a cooling period, "
        "unless somebody signed in to the account stops it; then sign in with the new number.",
        tags=["sign-in"],
        request=serializers.AssistedPhoneChangeCode,
        responses={200: serializers.PhoneChangeAnswer},
    )
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        operations.assisted_change(change_id)
        body = self.body(serializers.AssistedPhoneChangeCode, request)
        change = operations.prove_assisted_change(
            change_id=change_id,
            new_code=body["new_code"],
            network=client_network(request),
            now=timezone.now(),
        )
        return Response(phone_change_shown(change))


class SupportPhoneChanges(Endpoint):
    access = {"POST": SUPPORT}

    @extend_schema(
        operation_id="beginAssistedPhoneChange",
        summary="Help somebody without their old number to a new one",
        description="Sends a code to the new number, which its holder proves at `auth/phone-changes/{id}/confirm`; "
        "the change then cools before it takes effect. Recorded, and not for accounts with a platform role.",
        tags=["support"],
        request=serializers.AssistedPhoneChangeBody,
        responses={202: serializers.PhoneChangeAsked},
    )
    def post(self, request: Request, person_id: uuid.UUID) -> Response:
        body = self.body(serializers.AssistedPhoneChangeBody, request)
        change = operations.begin_assisted_change(
            by=person(request),
            person_id=person_id,
            new_phone=body["new_phone"],
            reason=body["reason"],
            network=client_network(request),
            now=timezone.now(),
        )
        return Response(asked(change), status=202, headers=NO_STORE)


def asked(change: PhoneChange) -> dict[str, Any]:
    assert change.new_code is not None
    return {
        "id": str(change.pk),
        "new_phone": phone.masked(change.new_phone),
        "needs": ["new", "old"] if change.needs_old else ["new"],
        "expires_in_seconds": seconds_until(change.new_code.expires_at, change.created_at),
    }
