"""Who may work at a salon's desk. A salon always keeps an owner."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.core import limits
from backend.core.errors import NotFound, Refused, ValidationFailed, VersionConflict
from backend.core.limits import Limit
from backend.salons.models import Membership, Salon, SalonRole, StaffMember
from backend.salons.operations.editing import lock_salon, save_changes
from backend.salons.operations.lists import refuse_more

MOST_MEMBERS = 100
ADDED = Limit("members-added", 50, timedelta(days=1))
"""Each may be an account made for a number nobody has proven yet."""


class SalonNeedsOwner(Refused):
    code = "salon_needs_owner"
    message = _("You are the only owner of a salon. Please hand it over first.")


def count_added(by: Any, *, now: datetime) -> None:
    """Count one more member written down by this person. Outside of any transaction. Raises TooManyRequests."""
    if wait := limits.take(ADDED, by.pk.hex, now=now):
        raise ADDED.refusal(wait)


def add_member(*, salon: Salon, phone: str, role: str, now: datetime) -> Membership:
    """Give the person of this number (E.164) a role here; a number without an account gets one, opened by its code.

    Known and unknown numbers are answered alike. Raises LimitReached, or ValidationFailed when they have a role.
    """
    with transaction.atomic():
        # The person before the salon, as whoever writes a review or leaves locks them.
        user, _new = User.objects.for_sign_in(phone, now=now)
        salon = lock_salon(salon)
        members = Membership.objects.filter(salon=salon)
        refuse_more(members, most=MOST_MEMBERS)
        if members.filter(user=user).exists():
            raise ValidationFailed.at("/phone", "already_exists")
        return Membership.objects.create(salon=salon, user=user, role=role, created_at=now)


def change_role(*, salon: Salon, member_id: uuid.UUID, version: int, role: str) -> Membership:
    """Raises NotFound, VersionConflict, or SalonNeedsOwner when nobody else owns the salon."""
    with transaction.atomic():
        member, members = _locked(salon, member_id, version)
        if role != SalonRole.OWNER:
            _leave_an_owner(members, without=member)
        save_changes(member, {"role": role})
    return member


def remove_member(*, salon: Salon, member_id: uuid.UUID, version: int) -> None:
    """Take somebody's role away; their entry in the list of staff stays, without the account.

    Raises NotFound, VersionConflict, or SalonNeedsOwner when nobody else owns the salon.
    """
    with transaction.atomic():
        member, members = _locked(salon, member_id, version)
        _leave_an_owner(members, without=member)
        for entry in StaffMember.objects.filter(salon=salon, user_id=member.user_id):
            save_changes(entry, {"user_id": None})
        member.delete()


def _locked(salon: Salon, member_id: uuid.UUID, version: int) -> tuple[Membership, list[Membership]]:
    """The member and everybody who works here, as they stay until the end: whoever leaves locks the salon too."""
    salon = lock_salon(salon)
    members = list(Membership.objects.filter(salon=salon))
    member = next((m for m in members if m.pk == member_id), None)
    if member is None:
        raise NotFound
    if member.version != version:
        raise VersionConflict
    return member, members


def _leave_an_owner(members: list[Membership], *, without: Membership) -> None:
    others = (m.role for m in members if m.pk != without.pk)
    if without.role == SalonRole.OWNER and SalonRole.OWNER not in others:
        raise SalonNeedsOwner
