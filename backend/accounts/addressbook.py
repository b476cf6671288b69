"""Where people are reached beside their phone number: what `notifications` asks, answered from our tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from backend.accounts import models
from backend.accounts.models import Consent, Purpose, User
from backend.accounts.roles import works_at_a_salon
from backend.notifications.addressbook import PushTarget

SEEN_WITHIN = timedelta(days=60)
"""Longer than a refresh token lives unused: an app that was not opened since is signed out anyway. iOS has no rule of
its own for a stale registration (facts: messaging 3)."""
MOST_TARGETS = 10


class Accounts:
    """The `notifications.addressbook.Addressbook` of this project."""

    def push_targets(self, user_id: UUID) -> Sequence[PushTarget]:
        """Not of a device in doubt: whoever has it has yet to say whose account it is."""
        targets = models.PushTarget.objects.filter(
            device__user=user_id,
            device__revoked_at__isnull=True,
            device__name_asked=False,
            device__last_seen_at__gte=timezone.now() - SEEN_WITHIN,
        ).order_by("-device__last_seen_at", "pk")[:MOST_TARGETS]
        return [
            PushTarget(kind="fid" if target.kind == "fid" else "fcm_token", token=target.token)
            for target in targets
        ]

    def forget_push_target(self, token: str) -> None:
        models.PushTarget.objects.filter(token=token).delete()

    def email(self, user_id: UUID) -> str:
        return User.objects.filter(pk=user_id).values_list("email", flat=True).first() or ""

    def takes_offers(self, user_id: UUID) -> bool:
        latest = Consent.objects.filter(user=user_id, purpose=Purpose.MARKETING).order_by("-id")
        return latest.values_list("granted", flat=True).first() or False

    def works_at_a_salon(self, user_id: UUID) -> bool:
        user = User.objects.filter(pk=user_id).first()
        return user is not None and works_at_a_salon(user)
