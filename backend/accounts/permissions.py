"""Guards for areas that belong to a platform role as a whole."""

from __future__ import annotations

from backend.accounts.models import User
from backend.core.errors import PermissionDenied


def require_platform_role(user: User, *roles: str) -> None:
    """Let pass who holds one of the roles. Raises PermissionDenied."""
    if not user.platform_roles.intersection(roles):
        raise PermissionDenied
