"""Who may call an operation at all: declared beside each method, enforced before it runs, walked by the role matrix.

A policy is the door of an area. Whether one object in it belongs to the caller is settled where it is looked up, and a
foreign object is a 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANONYMOUS = "anonymous"
ROLES = (
    ANONYMOUS,
    "customer",
    "staff",
    "receptionist",
    "manager",
    "owner",
    "finance",
    "support",
    "platform_admin",
)
"""Everybody there is. Salon roles count at their own salon only."""


class Access:
    """One policy. `roles` get through the door; `admit` raises for the others."""

    roles: frozenset[str]

    def admit(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        """`kwargs` are the path's. Raises PermissionDenied or NotFound; signing in is settled before."""


class Public(Access):
    roles = frozenset(ROLES)


class SignedIn(Access):
    """Everybody signed in, for what is their own."""

    roles = frozenset(ROLES) - {ANONYMOUS}


PUBLIC = Public()
SIGNED_IN = SignedIn()
