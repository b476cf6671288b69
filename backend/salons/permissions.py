"""Who may do what at a salon's desk: one table."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal

from backend.core.api.access import Access
from backend.core.errors import NotFound, PermissionDenied
from backend.salons.models import Salon, SalonRole, SalonStatus
from backend.salons.queries import memberships_of, salon_lookup

Ability = Literal[
    "see_desk",
    "answer_bookings",
    "write_walk_ins",
    "keep_client_book",
    "take_money",
    "void_receipts",
    "overbook",
    "edit_hours",
    "answer_reviews",
    "edit_catalogue",
    "edit_salon",
    "edit_members",
    "see_figures",
    "forgive_marks",
]

_STAFF: frozenset[Ability] = frozenset({"see_desk"})
# Reading the client book and writing in it are one trust: who leaves with it takes the salon's clients along.
_RECEPTIONIST: frozenset[Ability] = _STAFF | {
    *("answer_bookings", "write_walk_ins", "keep_client_book", "take_money", "edit_hours"),
}
_MANAGER: frozenset[Ability] = _RECEPTIONIST | {"void_receipts", "answer_reviews", "edit_catalogue"}

ABILITIES: dict[str, frozenset[Ability]] = {
    SalonRole.STAFF: _STAFF,
    SalonRole.RECEPTIONIST: _RECEPTIONIST,
    SalonRole.MANAGER: _MANAGER,
    SalonRole.OWNER: _MANAGER | {"overbook", "edit_salon", "edit_members", "see_figures", "forgive_marks"},
}


def roles_that(ability: Ability) -> frozenset[str]:
    return frozenset(role for role, abilities in ABILITIES.items() if ability in abilities)


class Desk(Access):
    """The desk of the salon in the path: open to its own people who may do this."""

    def __init__(self, ability: Ability) -> None:
        self.ability = ability
        self.roles = roles_that(ability)

    def admit(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        desk_of(user, kwargs["salon"], self.ability)


def desk_of(user: Any, salon: str, ability: Ability) -> Salon:
    """The salon named by id or slug, when `user` may do this there.

    Somebody else's live salon is public knowledge, so its desk answers PermissionDenied; anything else NotFound.
    """
    found = Salon.objects.filter(**salon_lookup(salon)).first()
    if found is None:
        raise NotFound
    membership = memberships_of(user).filter(salon=found).first()
    if membership is None:
        raise PermissionDenied if found.status == SalonStatus.LIVE else NotFound
    if ability not in ABILITIES[membership.role]:
        raise PermissionDenied
    return found


def salons_where(user: Any, ability: Ability) -> list[uuid.UUID]:
    """Ids of the salons at which `user` may do this."""
    mine = memberships_of(user).filter(role__in=roles_that(ability))
    return list(mine.values_list("salon_id", flat=True))
