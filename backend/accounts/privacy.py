"""What accounts keep about a person: profile, devices, codes, number changes, consents, requests, roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import (
    Consent,
    DataRequest,
    Device,
    EmailChallenge,
    OtpChallenge,
    PhoneChange,
    PlatformRole,
    SupportLook,
    User,
)
from backend.accounts.operations.consents import withdraw_all
from backend.accounts.operations.purge import CODES_KEPT
from backend.core.privacy import ERASED_NAME, Erased, Erasure, Keeper, Kept, Leftover, Record, pick
from backend.core.time import rfc3339

CHANGES_KEPT = timedelta(days=90)
"""As long as the texts that told the old number of it (notifications.privacy.WORDS_KEPT)."""
PROOFS_KEPT = timedelta(days=5 * 365)
"""Records of processing, for five years after it ended (implementing regulation art. 33)."""


def export(person: User, since: datetime) -> Mapping[str, Iterable[Record]]:
    return {
        "profile": [
            {
                "id": str(person.pk),
                "phone": person.phone,
                "name": person.name,
                "gender": person.gender,
                "language": person.language,
                "email": person.email,
                "email_confirmed_at": _moment(person.email_verified_at),
                "joined_at": rfc3339(person.joined_at),
                "platform_roles": sorted(person.platform_roles),
            }
        ],
        "devices": (
            {
                "platform": device.platform,
                "name": device.name,
                "app_version": device.app_version,
                "signed_in_at": rfc3339(device.created_at),
                "last_seen_at": rfc3339(device.last_seen_at),
                "signed_out_at": _moment(device.revoked_at),
                "receives_push": hasattr(device, "push_target"),
            }
            for device in Device.objects.filter(user=person, created_at__gte=since)
            .select_related("push_target")
            .order_by("-created_at", "-id")
        ),
        "codes": (
            {
                "purpose": code.purpose,
                "channel": code.channel,
                "sent_to": code.phone,
                "asked_at": rfc3339(code.created_at),
                "used_at": _moment(code.used_at),
                "tries": code.tries,
                "sending": code.send_outcome,
                "provider": code.provider,
            }
            for code in _codes(person).filter(created_at__gte=since).order_by("-created_at", "-id")
        ),
        "email_codes": (
            {
                "sent_to": code.email,
                "asked_at": rfc3339(code.created_at),
                "used_at": _moment(code.used_at),
                "tries": code.tries,
            }
            for code in EmailChallenge.objects.filter(user=person, created_at__gte=since)
        ),
        "phone_changes": (
            {
                "from": change.old_phone,
                "to": change.new_phone,
                "state": change.state,
                "asked_at": rfc3339(change.created_at),
                "finished_at": _moment(change.finished_at),
            }
            for change in PhoneChange.objects.filter(user=person, created_at__gte=since).order_by(
                "-created_at", "-id"
            )
        ),
        "consents": (
            {
                "purpose": consent.purpose,
                "granted": consent.granted,
                "at": rfc3339(consent.at),
                "means": consent.means,
                "client": consent.client,
                "notice_version": consent.notice_id,
            }
            for consent in Consent.objects.filter(user=person, at__gte=since).order_by("-id")
        ),
        "data_requests": (
            {
                "kind": request.kind,
                "channel": request.channel,
                "received_at": rfc3339(request.received_at),
                "answer_by": rfc3339(request.answer_by),
                "closed_at": _moment(request.closed_at),
                "outcome": request.outcome,
            }
            for request in DataRequest.objects.filter(person=person, received_at__gte=since).order_by(
                "-received_at", "-id"
            )
        ),
        "looks_by_support": (
            {"what": look.what, "at": rfc3339(look.at)}
            for look in SupportLook.objects.filter(person=person, at__gte=since).order_by("-at", "-id")
        ),
    }


def erase(person: User, now: datetime) -> Erasure:
    """All but the row itself, which the operation empties last, and the proofs, which name nobody by then."""
    codes = _delete(_codes(person)) + _delete(EmailChallenge.objects.filter(user=person))
    changes = _delete(PhoneChange.objects.filter(user=person))
    devices = _delete(Device.objects.filter(user=person))
    roles = _delete(PlatformRole.objects.filter(user=person))
    person.groups.clear()
    person.user_permissions.clear()
    DataRequest.objects.filter(person=person).exclude(note="").update(note=ERASED_NAME)
    withdraw_all(person, now=now)
    consents = Consent.objects.filter(user=person).count()
    requests = DataRequest.objects.filter(person=person).count()
    until = (now + PROOFS_KEPT).date()
    return Erasure(
        erased=[
            Erased("profile", _("Mobile number, e-mail address, name and gender"), 1),
            Erased("devices", _("Devices, and where notifications reach them"), devices),
            Erased("codes", _("Verification codes"), codes),
            Erased("phone_changes", _("Changes of the mobile number"), changes),
            Erased("roles", _("Roles on the platform"), roles),
        ],
        kept=[
            Kept(
                "consents",
                _("Consents given and withdrawn"),
                _("The law asks for proof of consent. These records no longer carry a name."),
                consents,
                until,
            ),
            Kept(
                "data_requests",
                _("Requests about personal data"),
                _("The law asks for a record of each request. These records no longer carry a name."),
                requests,
                until,
            ),
        ],
    )


def _codes(person: User) -> QuerySet[OtpChallenge]:
    """Codes to the person's number, to one they had when they signed in, and those of a change of number."""
    return OtpChallenge.objects.filter(Q(phone=person.phone) | Q(user=person) | Q(device__user=person))


def _delete(rows: QuerySet[Any]) -> int:
    """How many of these rows were deleted, what hangs on them not counted."""
    count = rows.count()
    rows.delete()
    return count


def _purge_codes(before: datetime, limit: int, now: datetime) -> int:
    picked = pick(OtpChallenge.objects.filter(created_at__lt=before), limit)
    OtpChallenge.objects.filter(pk__in=picked).delete()
    return len(picked)


def _purge_changes(before: datetime, limit: int, now: datetime) -> int:
    """A change that is over holds a number the person has no more, or one that was never theirs."""
    picked = pick(PhoneChange.objects.filter(finished_at__lt=before), limit)
    PhoneChange.objects.filter(pk__in=picked).delete()
    return len(picked)


def _moment(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None


KEEPER = Keeper(
    export=export,
    erase=erase,
    leftovers=(
        Leftover("codes", CODES_KEPT, _purge_codes),
        Leftover("phone_changes", CHANGES_KEPT, _purge_changes),
    ),
)
