"""Questions about people and their devices."""

from __future__ import annotations

from django.db.models import QuerySet

from backend.accounts.models import Device, User


def live_devices_of(user: User) -> QuerySet[Device]:
    """Where this person is signed in, the one seen last first."""
    return Device.objects.filter(user=user, revoked_at__isnull=True).order_by("-last_seen_at", "-id")
