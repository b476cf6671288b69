"""What search compares is made here: folded words, sort keys and the lowest price of a salon, in its `SearchEntry`.

The database marks an entry as stale (version 0) with every change of its salon, on any path (migration 0006). Whoever
changed it makes it anew after the commit, and `heal`, each minute, whatever was left.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from backend.core.search_text import fold, kinds, sort_key, tokens
from backend.salons.models import Salon, Service
from backend.salons.queries.pages import price_list
from backend.salons.queries.search import LONGEST_WORD, a_kind, lexeme, named, whole_name

_BATCH = 200
_MOST_BATCHES = 250
_KEY_BYTES = 150
"""Of a sort key: enough to order by, and short enough to stand in a cursor."""
_ALL_DISTRICTS = "حي District Dist"
"""People name a district with or without these words, whatever the map does."""

# A salon being changed right now is left to whoever changes it: nobody waits here, and what is read cannot move.
_LOCK = """
    SELECT s.id, s.catalogue_version
      FROM salons_searchentry e JOIN salons_salon s ON s.id = e.salon_id
     WHERE e.catalogue_version = 0 AND {which}
     ORDER BY e.salon_id LIMIT {most}
       FOR SHARE OF s SKIP LOCKED FOR NO KEY UPDATE OF e SKIP LOCKED
"""
_WRITE = """
    UPDATE salons_searchentry e
       SET catalogue_version = made.version, terms = made.terms::tsvector,
           sort_key_ar = made.ar, sort_key_en = made.en, from_price_minor = made.price
      FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[])
        AS made (salon_id, version, terms, ar, en, price)
     WHERE e.salon_id = made.salon_id
"""


def refresh(salon_id: uuid.UUID) -> None:
    """Make the salon's entry anew if it is stale. To be called when its change is committed."""
    _reindex("e.salon_id = %s", salon_id)


def heal(now: datetime) -> int:
    """Make every stale entry anew, in batches of a constant number of queries. A job of `tick`; returns how many."""
    done, after = 0, uuid.UUID(int=0)
    for _ in range(_MOST_BATCHES):
        made = _reindex("e.salon_id > %s", after)
        if not made:
            break
        done, after = done + len(made), made[-1]
    return done


def _reindex(which: str, value: uuid.UUID) -> list[uuid.UUID]:
    """Make a batch of stale entries anew; returns their salons in order."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK.format(which=which, most=_BATCH), [value])
        versions: dict[uuid.UUID, int] = dict(cursor.fetchall())
        if not versions:
            return []
        lines: dict[uuid.UUID, list[Any]] = {}
        for line in (
            Service.objects.filter(salon__in=versions, is_active=True)
            .order_by("position", "id")
            .values_list(
                *("id", "salon_id", "variant_of_id", "price_minor", "name_ar", "name_en"),
                *("category__name_ar", "category__name_en"),
                named=True,
            )
        ):
            lines.setdefault(line.salon_id, []).append(line)
        entries = [
            _entry(salon, versions[salon.id], lines.get(salon.id, []))
            for salon in Salon.objects.filter(id__in=versions).select_related("city", "district")
        ]
        cursor.execute(_WRITE, [list(column) for column in zip(*entries, strict=True)])
    return list(versions)


def _entry(salon: Any, version: int, lines: list[Any]) -> tuple[uuid.UUID, int, str, str, str, int | None]:
    offered = price_list(lines)
    names = [name for name in (salon.name_ar, salon.name_en) if name]
    terms = dict.fromkeys((whole_name(fold(name)) for name in names), "")
    terms |= dict.fromkeys((named(word) for word in _words(names)), "")
    sold = [line for service, variants in offered for line in (service, *variants)]
    for weight, texts in (
        ("A", names),
        ("B", [text for s in sold for text in (s.name_ar, s.name_en)]),
        ("B", [text for s, _ in offered for text in (s.category__name_ar, s.category__name_en)]),
        ("C", [salon.city.name_ar, salon.city.name_en]),
        ("C", [salon.district.name_ar, salon.district.name_en, _ALL_DISTRICTS] if salon.district else []),
        ("D", [salon.description_ar, salon.description_en]),
    ):
        for word in _words(texts):
            if weight not in terms.get(word, ""):
                terms[word] = terms.get(word, "") + weight
    prices = [line.price_minor for service, variants in offered for line in variants or [service]]
    return (
        salon.id,
        version,
        " ".join(lexeme(word, _positions(weights)) for word, weights in terms.items()),
        _key(salon.name_ar or salon.name_en or ""),
        _key(salon.name_en or salon.name_ar or ""),
        min(prices, default=None),
    )


def _words(texts: Iterable[str | None]) -> list[str]:
    """What these texts are found by: their words, and what they name that has other names."""
    found: dict[str, None] = {}
    for text in filter(None, texts):
        found |= dict.fromkeys(word[:LONGEST_WORD] for word in tokens(text))
        found |= dict.fromkeys(map(a_kind, kinds(text)))
    return list(found)


def _positions(weights: str) -> str:
    """A tsvector keeps a weight with a position; which one does not matter, as long as no two weights share it."""
    return ",".join(f"{'ABCD'.index(weight) + 1}{weight}" for weight in weights)


def _key(name: str) -> str:
    return sort_key(name).encode()[:_KEY_BYTES].decode(errors="ignore")
