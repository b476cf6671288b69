"""The doors of areas that belong to platform roles as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.accounts.models import User
from backend.core.api.access import Access
from backend.core.errors import PermissionDenied


class Platform(Access):
    """Open to whoever holds one of these platform roles."""

    def __init__(self, *roles: str) -> None:
        self.roles = frozenset(roles)

    def admit(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        require_platform_role(user, *self.roles)


FINANCE = Platform("finance")
SUPPORT = Platform("support")
"""Support alone: a platform admin who needs to look grants themselves the role, and leaves that trace."""


def require_platform_role(user: User, *roles: str) -> None:
    """Let pass who holds one of the roles. Raises PermissionDenied."""
    if not user.platform_roles.intersection(roles):
        raise PermissionDenied
