"""Sessions: one row per signed-in device, and tokens that rotate without losing phones on bad lines.

A phone that never got the answer to its refresh comes back with the token it had: for 60 s the previous
token is given the same successor again. Any other token of the device is a copy somebody made, and ends the
session.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts import queries, tokens
from backend.accounts.models import Device, PushTarget, User
from backend.accounts.signals import phone_proven
from backend.accounts.tokens import BadToken, TokenPair
from backend.core.errors import NotAllowed, NotFound, NotSignedIn

GRACE = timedelta(seconds=60)


class SessionExpired(NotSignedIn):
    code = "session_expired"
    message = _("Your session has ended. Please sign in again.")
    client = "sign_in"


class SessionRevoked(NotSignedIn):
    code = "session_revoked"
    message = _("This device has been signed out. Please sign in again.")
    client = "sign_in"


class RefreshReused(NotSignedIn):
    code = "refresh_reused"
    message = _("This device has been signed out for your safety. Please sign in again.")
    client = "sign_in"


class AccountSuspended(NotAllowed):
    code = "account_suspended"
    message = _("This account has been suspended. Please contact support.")


@dataclass(frozen=True)
class DeviceDetails:
    """What an app says about the phone it runs on; all of it optional."""

    installation_id: uuid.UUID | None = None
    platform: str = Device.Platform.WEB
    name: str = ""
    app_version: str = ""


def open_session(*, user: User, details: DeviceDetails, now: datetime) -> Device:
    """Sign the device in; the caller holds the person's row lock.

    An earlier session of the same installation ends: its tokens, lying about in an old process, must not be
    able to close the new one by looking like copies. Pushes to the installation reach its new person from now on.
    """
    if details.installation_id is not None:
        Device.objects.filter(
            user=user, installation_id=details.installation_id, revoked_at__isnull=True
        ).update(revoked_at=now)
    doubt = queries.doubt_about(user, installation_id=details.installation_id, now=now)
    device = Device.objects.create(
        user=user,
        installation_id=details.installation_id,
        platform=details.platform,
        name=details.name,
        app_version=details.app_version,
        created_at=now,
        last_seen_at=now,
        token_issued_at=now,
        history_from=doubt.history_from if doubt else None,
        name_asked=doubt is not None and doubt.name_asked,
    )
    _take_over_push_target(device)
    if doubt is None:
        # In the transaction of the sign-in: what it brings is there when the phone first asks, and no crash in
        # between can leave it undone.
        phone_proven.send(sender=User, user=user, now=now)
    return device


def refresh(*, refresh_token: str, now: datetime) -> TokenPair:
    """A new pair for a refresh token; within 60 s the same one again for its predecessor.

    Raises SessionExpired, SessionRevoked, RefreshReused (the session is closed) or AccountSuspended.
    """
    try:
        claims = tokens.read(tokens.DeviceRefreshToken, refresh_token)
    except BadToken as error:
        raise SessionRevoked from error
    if claims.expired(now):
        raise SessionExpired
    with transaction.atomic():
        device = (
            Device.objects.select_for_update(of=("self",), no_key=True)
            .select_related("user")
            .filter(pk=claims.device_id, user_id=claims.user_id)
            .first()
        )
        if device is None or device.revoked_at is not None or device.user.deleted_at is not None:
            raise SessionRevoked
        if not device.user.is_active:
            raise AccountSuspended
        if claims.token_id == device.token_id:
            _rotate(device, now=now)
            return tokens.pair_of(device)
        if (
            claims.token_id == device.previous_token_id
            and device.rotated_at is not None
            and now - device.rotated_at <= GRACE
        ):
            return tokens.pair_of(device)
        end_sessions(Device.objects.filter(pk=device.pk), now=now)
    # Raised outside the transaction, which has to keep the revocation.
    raise RefreshReused


def sign_out(*, refresh_token: str, everywhere: bool, now: datetime) -> None:
    """End the session of this token, of whatever age, and with `everywhere` all sessions of its person.

    Nothing happens for a token that opens nothing (any more): signing out always succeeds.
    """
    try:
        claims = tokens.read(tokens.DeviceRefreshToken, refresh_token)
    except BadToken:
        return
    with transaction.atomic():
        device = (
            Device.objects.select_for_update(no_key=True)
            .filter(pk=claims.device_id, user_id=claims.user_id, revoked_at__isnull=True)
            .first()
        )
        if device is None:
            return
        ending = Device.objects.filter(pk=device.pk)
        # An outdated token is proof enough to close its own session, not to close the others.
        if everywhere and claims.token_id in (device.token_id, device.previous_token_id):
            ending = Device.objects.filter(user_id=device.user_id, revoked_at__isnull=True)
        end_sessions(ending, now=now)


def revoke_device(*, user: User, device_id: uuid.UUID, now: datetime) -> None:
    """Sign one of the person's devices out, this one or another. Again is fine. Raises NotFound."""
    if end_sessions(Device.objects.filter(user=user, pk=device_id), now=now):
        return
    if not Device.objects.filter(user=user, pk=device_id).exists():
        raise NotFound


def end_sessions(devices: QuerySet[Device], *, now: datetime) -> int:
    """Sign these devices out and forget where to push to them. Returns how many were signed in."""
    with transaction.atomic():
        ended = list(
            devices.filter(revoked_at__isnull=True)
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        Device.objects.filter(pk__in=ended).update(revoked_at=now)
        PushTarget.objects.filter(device__in=ended).delete()
    return len(ended)


def keep_push_target(*, device: Device, kind: str, token: str, now: datetime) -> None:
    """Remember where a push reaches this device; whoever else had this target has none from now on.

    Raises SessionRevoked when the device was signed out meanwhile.
    """
    with transaction.atomic():
        live = Device.objects.select_for_update(no_key=True).filter(pk=device.pk, revoked_at__isnull=True)
        if live.first() is None:
            raise SessionRevoked
        with connection.cursor() as cursor:
            # Two devices bringing the same token at once: the later one has it.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"push-target:{token}"])
        PushTarget.objects.filter(token=token).exclude(device=device).delete()
        PushTarget.objects.update_or_create(
            device=device, defaults={"kind": kind, "token": token, "stored_at": now}
        )


def _take_over_push_target(device: Device) -> None:
    """The newest target of the same installation, whoever it belonged to: it is the same phone."""
    if device.installation_id is None:
        return
    targets = list(
        PushTarget.objects.select_for_update(of=("self",))
        .filter(device__installation_id=device.installation_id)
        .order_by("-stored_at", "pk")
    )
    for number, target in enumerate(targets):
        if number == 0:
            PushTarget.objects.filter(pk=target.pk).update(device=device)
        else:
            target.delete()


def _rotate(device: Device, *, now: datetime) -> None:
    device.previous_token_id, device.rotated_at = device.token_id, now
    device.token_id, device.token_issued_at = uuid.uuid4(), now
    device.last_seen_at = now
    device.save(
        update_fields=["previous_token_id", "rotated_at", "token_id", "token_issued_at", "last_seen_at"]
    )
