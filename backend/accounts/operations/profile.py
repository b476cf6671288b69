"""What a person says about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.accounts.models import User

EDITABLE = ("name", "language", "gender")


def update_profile(*, user: User, changes: Mapping[str, Any]) -> User:
    """Change what was given and nothing else: `name`, `language` (None follows the device), `gender`."""
    given = [name for name in EDITABLE if name in changes]
    for name in given:
        setattr(user, name, changes[name])
    if given:
        user.save(update_fields=given)
    return user
