"""A sign-in to a long-dormant account says whose it is."""

from __future__ import annotations

from typing import cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts import operations
from backend.accounts.api import serializers
from backend.accounts.api.views import NO_STORE, me, tokens_shown
from backend.accounts.models import Device
from backend.core.api.access import SIGNED_IN
from backend.core.api.views import Endpoint, person


class IdentityConfirmation(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="confirmIdentity",
        summary="Say the name on a long-unused account, or that it is not mine",
        description="Due when `me` says `identity_confirmation_required`: until then older bookings are hidden. A "
        "wrong name is `identity_name_wrong` (three a day), and the person may send `not_me` instead: then the "
        "number gets a fresh account, `tokens` holds its session, and the old tokens are dead.",
        tags=["me"],
        request=serializers.IdentityBody,
        responses={200: serializers.IdentityAnswer},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.IdentityBody, request)
        user, device, now = person(request), cast(Device, request.auth), timezone.now()
        if not body["not_me"]:
            operations.confirm_name(user=user, device=device, name=body["name"], now=now)
            return Response({"me": me(user), "tokens": None}, headers=NO_STORE)
        fresh = operations.disown(user=user, device=device, now=now)
        return Response({"me": me(fresh.user), "tokens": tokens_shown(fresh.tokens, now)}, headers=NO_STORE)
