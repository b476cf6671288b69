"""What sign-in leaves behind, deleted when it has served (PDPL: no longer than the purpose needs)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from backend.accounts.models import Device, EmailChallenge, OtpChallenge
from backend.core.purge import purge

CODES_KEPT = timedelta(days=7)
DEVICES_KEPT = timedelta(days=180)
"""Since they were last seen, long after their tokens died: so long they are known to the limits as having signed in."""


def purge_sign_in(now: datetime) -> int:
    """Codes a week after they were asked for, and sessions long over.

    Of each person the device seen last stays: it tells how long an account has been dormant. So does a device in
    doubt (operations.identity).
    """
    later = Device.objects.filter(
        user_id=OuterRef("user_id"), history_from__isnull=True, last_seen_at__gt=OuterRef("last_seen_at")
    )
    devices = Device.objects.filter(
        Exists(later), last_seen_at__lt=now - DEVICES_KEPT, history_from__isnull=True
    )
    codes = (kind.objects.filter(created_at__lt=now - CODES_KEPT) for kind in (OtpChallenge, EmailChallenge))
    return sum(map(purge, codes)) + purge(devices)
