"""What a person says about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.accounts.models import User
from backend.accounts.operations.identity import require_confirmed
from backend.accounts.operations.sessions import SessionRevoked

EDITABLE = ("name", "language", "gender")


def update_profile(*, user: User, changes: Mapping[str, Any]) -> User:
    """Change what was given and nothing else: `name`, `language` (None follows the device), `gender`.

    Raises IdentityUnconfirmed for a name while the account's own is still to be said.
    """
    if "name" in changes:
        require_confirmed(user)
    given = [name for name in EDITABLE if name in changes]
    if given:
        living = User.objects.filter(pk=user.pk, deleted_at__isnull=True)
        if not living.update(**{name: changes[name] for name in given}):
            raise SessionRevoked  # deleted while this request was on its way
    for name in given:
        setattr(user, name, changes[name])
    return user
