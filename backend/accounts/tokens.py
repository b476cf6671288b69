"""The pair of tokens a device holds, built from its row: the same row always gives the same bytes.

Claims: `sub` person, `sid` device, `jti` which token, `iat`, `exp`, `token_type` (RFC 7519; HS256).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import jwt
from django.conf import settings
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from backend.accounts.models import Device


class DeviceAccessToken(AccessToken):
    pass


class DeviceRefreshToken(RefreshToken):
    pass


T = TypeVar("T", DeviceAccessToken, DeviceRefreshToken)


class BadToken(Exception):
    """Not a token of ours, or not of the kind that is due here."""


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str
    access_expires_at: datetime
    refresh_expires_at: datetime


@dataclass(frozen=True)
class Claims(Generic[T]):
    """What a token of ours says, its signature checked and its age not yet."""

    user_id: uuid.UUID
    device_id: uuid.UUID
    token_id: uuid.UUID
    token: T

    def expired(self, now: datetime) -> bool:
        """Whether its time is over; 30 s of grace for clocks that disagree (setting LEEWAY)."""
        try:
            self.token.check_exp(current_time=now)
        except TokenError:
            return True
        return False


def pair_of(device: Device) -> TokenPair:
    """The device's current pair."""
    access_until = device.token_issued_at + settings.ACCESS_LIFETIME
    refresh_until = device.token_issued_at + settings.REFRESH_LIFETIME
    return TokenPair(
        access=_build(DeviceAccessToken, device, uuid.uuid5(device.token_id, "access"), access_until),
        refresh=_build(DeviceRefreshToken, device, device.token_id, refresh_until),
        access_expires_at=access_until,
        refresh_expires_at=refresh_until,
    )


def read(kind: type[T], text: str) -> Claims[T]:
    """The claims of a token in our own hand. Raises BadToken; an expired one is read like any other."""
    try:
        payload: dict[str, Any] = jwt.decode(
            text,
            api_settings.VERIFYING_KEY or api_settings.SIGNING_KEY,
            algorithms=[api_settings.ALGORITHM],
            options={
                "verify_exp": False,
                "verify_iat": False,
                "require": ["sub", "sid", "jti", "iat", "exp"],
            },
        )
        token = kind()
        token.payload = payload
        token.verify_token_type()
        return Claims(
            user_id=uuid.UUID(payload["sub"]),
            device_id=uuid.UUID(payload["sid"]),
            token_id=uuid.UUID(payload["jti"]),
            token=token,
        )
    except (jwt.PyJWTError, TokenError, ValueError, TypeError, AttributeError) as error:
        raise BadToken from error


def _build(
    kind: type[DeviceAccessToken] | type[DeviceRefreshToken],
    device: Device,
    token_id: uuid.UUID,
    until: datetime,
) -> str:
    token = kind()
    token.payload = {
        api_settings.TOKEN_TYPE_CLAIM: token.token_type,
        "sub": str(device.user_id),
        "sid": str(device.pk),
        "jti": token_id.hex,
        "iat": int(device.token_issued_at.timestamp()),
        "exp": int(until.timestamp()),
    }
    return str(token)
