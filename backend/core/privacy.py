"""Personal data: every app says what it keeps about people, hands it over when asked, and lets go of it.

An app's part is its `privacy.py`, registered from its AppConfig. `accounts` runs the parts and knows none of the apps
above it; what an app may add later (favourites, a waiting list) joins by registering a keeper of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from backend.core.errors import type_of_text
from backend.core.models import IdempotencyRecord, RateCount

Person = Any
"""A row of AUTH_USER_MODEL: `pk`, `phone`, `name`."""
Record = Mapping[str, Any]
"""One entry of an export, ready for JSON."""

ERASED_NAME = "—"
"""Stands where a name had to be and is no more."""


@dataclass(frozen=True)
class Erased:
    what: str
    title: type_of_text
    count: int


@dataclass(frozen=True)
class Kept:
    """What stays without the person's name, why it must, and until when (None: for as long as it is of use)."""

    what: str
    title: type_of_text
    why: type_of_text
    count: int
    until: date | None


@dataclass(frozen=True)
class Ended:
    """Something that was still to come and now is not, with its price: halalas kept, halalas given back."""

    kind: str
    id: str
    reference: str
    title: str
    fee_minor: int
    refund_minor: int
    currency: str


@dataclass
class Erasure:
    """What letting go of one person did."""

    ended: list[Ended] = field(default_factory=list)
    erased: list[Erased] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def add(self, other: Erasure) -> None:
        self.ended += other.ended
        self.erased += other.erased
        self.kept += other.kept


@dataclass(frozen=True)
class Leftover:
    """Personal data that outlives its use without anybody leaving, such as the text of an old message.

    `kept_for` is how long it is of use; None leaves that to whoever runs `anonymise`. `purge(before, limit, now)`
    lets go of at most `limit` rows older than `before`, skips rows somebody else has locked, and says how many.
    """

    what: str
    kept_for: timedelta | None
    purge: Callable[[datetime, int, datetime], int]


@dataclass(frozen=True)
class Keeper:
    """One app's part.

    `export(person, since)` names its sections and their records, newest first, none older than `since`.
    `erase(person, now)` runs inside the transaction that erases the person, whose row is locked; it may refuse with a
    DomainError. `in_use_since(moment)` yields the ids of people whom nobody may call dormant since then.
    """

    export: Callable[[Person, datetime], Mapping[str, Iterable[Record]]]
    erase: Callable[[Person, datetime], Erasure]
    in_use_since: Callable[[datetime], QuerySet[Any, Any]] | None = None
    leftovers: tuple[Leftover, ...] = ()


_keepers: list[Keeper] = []


def register(keeper: Keeper) -> None:
    """Called from an AppConfig's `ready`, so the lowest app comes first."""
    _keepers.append(keeper)


def keepers() -> tuple[Keeper, ...]:
    """The lowest app first. Erasing goes the other way: a booking is cancelled before its messages go."""
    return tuple(_keepers)


def pick(rows: QuerySet[Any, Any], limit: int) -> list[Any]:
    """The keys of at most `limit` rows, locked; what another machine has in hand is left to it."""
    found = rows.order_by("pk").select_for_update(skip_locked=True, of=("self",), no_key=True)
    return list(found.values_list("pk", flat=True)[:limit])


_DIGIT_RUN = re.compile(r"\+?\d(?:[\s().\-]{0,2}\d){8,14}")


def without_phones(text: str) -> str:
    """Somebody else's words as they may be handed over: runs of 9 to 15 digits, in any script, are masked."""
    return _DIGIT_RUN.sub("•••", text)


def initial(name: str) -> str:
    """`ن•••`: somebody else's name, as much of it as leaves the house."""
    return f"{name[:1]}•••" if name else ""


# Kept answers (`core.idempotency`) and counts (`core.limits`) ------------------------------------------------------


def forget_answers_about(ids: Iterable[Any]) -> None:
    """Forget kept answers, whoever got them, that speak of these rows: a desk's answer names the guest."""
    wanted = Q()
    for identifier in ids:
        wanted |= Q(answer__contains=str(identifier))
    if wanted:
        IdempotencyRecord.objects.filter(wanted).delete()


def _erase(person: Person, now: datetime) -> Erasure:
    """Technical copies of what the apps above report on."""
    IdempotencyRecord.objects.filter(user_id=person.pk).delete()
    if person.phone:
        RateCount.objects.filter(key__endswith=f":{person.phone}").delete()
    return Erasure()


KEEPER = Keeper(export=lambda person, since: {}, erase=_erase)
"""Not exported: they repeat what the other sections hold, and are gone within a day."""
