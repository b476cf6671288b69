"""The person who acts."""

from __future__ import annotations

from typing import Any

from backend.accounts.models import User
from backend.accounts.operations import SessionRevoked


def lock_person(user: Any) -> None:
    """Let what one person writes queue, also behind the deletion of their account. Raises SessionRevoked after it."""
    living = User.objects.select_for_update(no_key=True).filter(pk=user.pk, deleted_at__isnull=True)
    if not living.exists():
        raise SessionRevoked
