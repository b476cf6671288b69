"""Questions about people and their devices."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery

from backend.accounts.models import (
    Consent,
    DataRequest,
    Device,
    OtpChallenge,
    PhoneChange,
    PlatformRole,
    PrivacyNotice,
    Purpose,
    User,
)
from backend.core import privacy
from backend.core.errors import NotFound
from backend.core.postgres.base import binary_cursor
from backend.notifications.models import DeliveryAttempt, Message

MESSAGES_SHOWN = 30
_DEVICE = [field.attname for field in Device._meta.concrete_fields]
_PERSON = [field.attname for field in User._meta.concrete_fields]
_COLUMNS = ", ".join(
    [f"d.{field.column}" for field in Device._meta.concrete_fields]
    + [f"u.{field.column}" for field in User._meta.concrete_fields]
)
_SESSION = (
    f"SELECT {_COLUMNS} FROM accounts_device d JOIN accounts_user u ON u.id = d.user_id"  # noqa: S608  no input
    " WHERE d.id = %s AND d.user_id = %s"
)


def live_devices_of(user: User) -> QuerySet[Device]:
    """Where this person is signed in, the one seen last first."""
    devices = Device.objects.filter(user=user, revoked_at__isnull=True)
    if user.history_from is not None:
        devices = devices.filter(created_at__gte=user.history_from)
    return devices.order_by("-last_seen_at", "-id")


def session_of(*, device_id: uuid.UUID, user_id: uuid.UUID) -> Device | None:
    """A device of this person, with its `user`, in whatever state they are.

    Every signed-in request asks this, and the ORM would spend more on writing the statement than PostgreSQL on it.
    """
    with binary_cursor() as cursor:
        cursor.execute(_SESSION, [device_id, user_id])
        row = cursor.fetchone()
    if row is None:
        return None
    device = Device.from_db(DEFAULT_DB_ALIAS, _DEVICE, row[: len(_DEVICE)])
    device.user = User.from_db(DEFAULT_DB_ALIAS, _PERSON, row[len(_DEVICE) :])
    return device


def has_account(phone: str) -> bool:
    """Whether somebody proved this number (E.164) before and may sign in."""
    return User.objects.filter(phone=phone, is_active=True, deleted_at__isnull=True).exists()


def signed_in_before(*, phone: str, installation_id: uuid.UUID | None) -> bool:
    """Whether this installation once signed in to this number. The id is random, so only the device knows it."""
    return (
        installation_id is not None
        and Device.objects.filter(user__phone=phone, installation_id=installation_id).exists()
    )


@dataclass(frozen=True)
class Doubt:
    """What a new session may not see: everything older, until it says the name, if there is one to say."""

    history_from: datetime
    name_asked: bool


def doubt_about(user: User, *, installation_id: uuid.UUID | None, now: datetime) -> Doubt | None:
    """Why a device signing in now may be in the hands of the number's next holder; None when nothing says so.

    An account is dormant when none of its devices was seen for DORMANT_AFTER. Devices in doubt do not count as
    its own, so that a second sign-in is no way round the question, and share the first one's answer to what is
    old. An account that no device ever opened was never anybody's, and review numbers are ours.
    """
    if user.phone in settings.REVIEW_NUMBERS:
        return None
    own = Device.objects.filter(user=user, history_from__isnull=True)
    last_seen = own.aggregate(at=Max("last_seen_at"))["at"]
    if last_seen is not None and now - last_seen < settings.DORMANT_AFTER:
        return None
    if installation_id is not None and own.filter(installation_id=installation_id).exists():
        return None
    first = Device.objects.filter(user=user, history_from__isnull=False).order_by("created_at", "id").first()
    if first is not None and first.history_from is not None:
        return Doubt(first.history_from, first.name_asked)
    return Doubt(now, bool(user.name)) if last_seen is not None else None


def cooling_change_of(user: User) -> PhoneChange | None:
    """The phone change that will take effect unless somebody stops it."""
    return PhoneChange.objects.filter(user=user, state=PhoneChange.State.COOLING).first()


def number_left_at(phone: str, *, by_others_than: User) -> datetime | None:
    """When somebody else last moved their account away from this number (E.164)."""
    left = PhoneChange.objects.filter(old_phone=phone, state=PhoneChange.State.DONE).exclude(
        user=by_others_than
    )
    last = left.order_by("-finished_at").first()
    return last.finished_at if last is not None else None


@dataclass(frozen=True)
class MessageOutcome:
    """What became of one message to a person: its kind, never its words."""

    kind: str
    at: datetime
    state: str
    outcome: str | None
    """The provider's answer to the last attempt."""
    error_class: str | None


_STATE_OF_CODE = {"accepted": "sent", "refused": "failed", "withheld": "failed"}


def messages_to(user: User) -> list[MessageOutcome]:
    """The latest messages and one-time codes to this person, newest first."""
    last = DeliveryAttempt.objects.filter(message=OuterRef("pk")).order_by("-number")
    told = (
        Message.objects.filter(recipient=user)
        .annotate(
            outcome=Subquery(last.values("outcome")[:1]), error_class=Subquery(last.values("error_class")[:1])
        )
        .order_by("-created_at", "-id")
        .values_list("kind", "created_at", "state", "outcome", "error_class")[:MESSAGES_SHOWN]
    )
    codes = (
        OtpChallenge.objects.filter(Q(phone=user.phone) | Q(user=user))
        .order_by("-created_at", "-id")
        .values_list("purpose", "created_at", "send_outcome", "error_class")[:MESSAGES_SHOWN]
    )
    found = [
        MessageOutcome(kind, at, state, outcome, error or None) for kind, at, state, outcome, error in told
    ]
    found += [
        MessageOutcome(
            f"code_{purpose}",
            at,
            _STATE_OF_CODE.get(outcome, outcome),
            outcome if outcome != OtpChallenge.SendOutcome.PENDING else None,
            error or None,
        )
        for purpose, at, outcome, error in codes
    ]
    return sorted(found, key=lambda m: m.at, reverse=True)[:MESSAGES_SHOWN]


def is_gone(user: User) -> bool:
    """Whether the account was deleted since the row was read."""
    return not User.objects.filter(pk=user.pk, deleted_at__isnull=True).exists()


# Privacy -----------------------------------------------------------------------------------------


def notice_in_force(now: datetime) -> PrivacyNotice:
    """The newest notice published by `now`. Raises NotFound before the first one."""
    notice = PrivacyNotice.objects.filter(published_at__lte=now).order_by("-version").first()
    if notice is None:
        raise NotFound
    return notice


def published_notice(version: int, *, now: datetime) -> PrivacyNotice:
    """An older notice, as a consent may point to it. Raises NotFound."""
    notice = PrivacyNotice.objects.filter(version=version, published_at__lte=now).first()
    if notice is None:
        raise NotFound
    return notice


def latest_consents(user: User) -> dict[str, Consent]:
    """The person's last decision on each purpose they ever decided; in doubt whose account it is, since then."""
    rows = Consent.objects.filter(user=user).order_by("purpose", "-id").distinct("purpose")
    if user.history_from is not None:
        rows = rows.filter(at__gte=user.history_from)
    return {row.purpose: row for row in rows}


def has_consented(user: User, purpose: Purpose) -> bool:
    """Whether this person wants this, now. Ask before each use: withdrawing takes effect at once."""
    latest = Consent.objects.filter(user=user, purpose=purpose).order_by("-id").first()
    return latest is not None and latest.granted


def dormant_people(before: datetime) -> QuerySet[User]:
    """Customers nobody has seen since `before`: not signed in, nothing booked or owed, no work, no open request."""
    people = (
        User.objects.filter(deleted_at__isnull=True, joined_at__lt=before, is_staff=False, is_superuser=False)
        .exclude(pk__in=Device.objects.filter(last_seen_at__gte=before).values("user_id"))
        .exclude(pk__in=PlatformRole.objects.values("user_id"))
        .exclude(
            pk__in=DataRequest.objects.filter(person__isnull=False, closed_at__isnull=True).values(
                "person_id"
            )
        )
    )
    for keeper in privacy.keepers():
        if keeper.in_use_since is not None:
            people = people.exclude(pk__in=keeper.in_use_since(before))
    return people
