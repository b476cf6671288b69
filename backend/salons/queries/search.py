"""Finding salons: by words in either language, by filters and by distance, in a few SQL statements whatever is found.

Words are folded by `core.search_text` on both sides and compared as lexemes, so every PostgreSQL finds alike. The salon
is always the live row: an entry that is a minute old may miss a new word, never show a salon that was suspended.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import get_language

from backend.core.search_text import Alternative, fold, kinds, query_tokens, tokens
from backend.salons.queries.timetables import timetables_of
from backend.salons.timetable import floor_minute

LONGEST_WORD = 100
"""Characters. PostgreSQL refuses a lexeme of 2 KiB; a longer word is cut alike where it is stored and asked."""

EARTH_METRES = 6_371_008.8
"""Mean radius (IUGG)."""
NO_PRICE = 2_147_483_647
MOST_WEIGHED = 40
"""How many salons a page weighs one by one when it needs their timetables; `limit` if that is more."""

MOST_COMPARED = 100
"""How many salons are compared by relevance at once; where more fit, the kinds of fit are asked for one by one."""

Filters = Mapping[str, Any]
Keep = Callable[[Mapping[uuid.UUID, int]], Collection[uuid.UUID]]
"""Which of these salons, by id and `catalogue_version`, are to be shown."""


class ShownPhoto(NamedTuple):
    """As much of a photo as a list shows, in the asked language."""

    pk: uuid.UUID
    key: str
    width: int
    height: int
    blurhash: str
    caption: str | None
    alt: str | None
    is_primary: bool = True


class Summary(NamedTuple):
    """A salon as lists show it, in the asked language. `distance_m` is in metres, coordinates in degrees (WGS 84)."""

    id: uuid.UUID
    slug: str
    name: str
    city_slug: str
    city_name: str
    district_slug: str | None
    district_name: str | None
    audience: str
    rating_sum: int
    rating_count: int
    from_price_minor: int | None
    currency: str
    latitude: float | None
    longitude: float | None
    photo: ShownPhoto | None
    distance_m: int | None


@dataclass(frozen=True)
class Found:
    """One page. `after` are the values of the order at its end, None at the end of the list."""

    rows: list[Summary]
    after: list[Any] | None


@dataclass(frozen=True)
class Near:
    """Degrees (WGS 84)."""

    latitude: float
    longitude: float

    def __str__(self) -> str:
        return f"{self.latitude},{self.longitude}"


@dataclass(frozen=True)
class Key:
    """A part of an order: an SQL expression, whether larger values come first, and how a cursor's value is read."""

    sql: str
    falling: bool = False
    cast: str = ""

    @property
    def order(self) -> str:
        return f"{self.sql} DESC" if self.falling else self.sql


_ID = Key("s.id", cast="::uuid")
_OF_ENTRY = re.compile(r"\be\.")
"""A column of the search entry, which is only joined where one is read."""
_RATING = Key("s.rating_score", falling=True)


@dataclass
class _Statement:
    """What a search adds up to."""

    conditions: list[str] = field(default_factory=lambda: ["s.status = 'live'"])
    values: dict[str, Any] = field(default_factory=dict)
    distance: str = "NULL::int"

    def where(self, condition: str, **values: Any) -> None:
        self.conditions.append(condition)
        self.values |= values


def order_of(asked: Filters) -> str:
    """The order of a search: as asked, else by relevance when words are given, else by rating.

    Relevance without a word to compare is rating.
    """
    order = asked.get("sort") or "relevance"
    return "rating" if order == "relevance" and not query_tokens(asked.get("q", "")) else str(order)


def find(
    asked: Filters, *, limit: int, after: Sequence[Any] | None, now: datetime, keep: Sequence[Keep] = ()
) -> Found:
    """Live salons that fit the filters, in the active language, at most `limit` of them.

    `asked` may hold `q`, `service`, `city`, `district`, `category`, `audience`, `max_price_minor`, `min_rating` (tenths
    of a star), `near` (a Near) with `radius_km`, `open_now`, `free_on` and `sort`. SQL narrows `free_on` to those that
    could be; a predicate in `keep` decides. With it or `open_now` a bounded number of salons is weighed, so a page may
    hold fewer than `limit` and still not be the last.
    """
    language = "en" if get_language() == "en" else "ar"
    statement = _Statement()
    _narrow(statement, asked, now)
    tests: list[Keep] = [partial(_open_at, now), *keep] if asked.get("open_now") else [*keep]
    weighed = max(limit, MOST_WEIGHED) if tests else limit
    ranked = _in_order(statement, asked, language, after, weighed + 1)
    more, ranked = len(ranked) > weighed, ranked[:weighed]
    left = {row.id: row.catalogue_version for row in ranked}
    for test in tests:
        kept = test(left) if left else ()
        left = {salon_id: version for salon_id, version in left.items() if salon_id in kept}
    shown = [row for row in ranked if row.id in left]
    if len(shown) > limit:
        more, shown = True, shown[:limit]
        ranked = shown
    summaries = _summaries([row.id for row in shown], language)
    return Found(
        rows=[_summary(summaries[row.id], row.distance_m) for row in shown if row.id in summaries],
        after=list(ranked[-1].keys) if more else None,
    )


def _open_at(now: datetime, versions: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
    minute = floor_minute(now)
    return {salon_id for salon_id, hours in timetables_of(versions).items() if hours.is_open_at(minute)}


def lexeme(word: str, marks: str) -> str:
    """A word as it stands in the text form of a tsvector or tsquery, with its positions or weights."""
    quoted = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}':{marks}" if marks else f"'{quoted}'"


def named(word: str) -> str:
    """A word of a name, as a lexeme beside the word's own: the index then counts names by themselves."""
    return f"^{word}"


def whole_name(folded: str) -> str:
    """A whole folded name as one lexeme."""
    return f"={folded[: 3 * LONGEST_WORD]}"


def a_kind(kind: str) -> str:
    """A kind of thing that goes by several names, as one lexeme. A word holds none of these signs."""
    return f"~{kind}"


def says(asked: str, texts: Iterable[str | None]) -> bool:
    """Whether these texts together hold all that is asked for, as search itself would find."""
    said = [text for text in texts if text]
    words = {word for text in said for word in tokens(text)}
    things = {kind for text in said for kind in kinds(text)}

    def holds(way: Alternative) -> bool:
        if way.alias:
            return not things.isdisjoint(kinds(" ".join(way.words)))
        return all(any(word.startswith(typed) for word in words) for typed in way.words)

    return all(any(map(holds, part)) for part in query_tokens(asked))


class _Ranked(NamedTuple):
    """A salon's place in an order: the values of its keys."""

    id: uuid.UUID
    catalogue_version: int
    distance_m: int | None
    keys: tuple[Any, ...]


class _Part(NamedTuple):
    """A part of what is asked for: the ways it was typed, each some words, and the kinds of thing it names."""

    ways: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...]


def _parts(text: str) -> list[_Part]:
    found = []
    for part in query_tokens(text):
        ways = tuple(way.words for way in part if not way.alias)
        things = dict.fromkeys(kind for words in ways for kind in kinds(" ".join(words)))
        found.append(_Part(tuple(tuple(w[:LONGEST_WORD] for w in words) for words in ways), tuple(things)))
    return found


def _same(word: str) -> str:
    return word


def _tsquery(
    parts: Iterable[_Part], marks: str, *, form: Callable[[str], str] = _same, aliases: bool = True
) -> str:
    """All parts, each by one of its ways. `marks` are weights, led by `*` where words may be unfinished."""
    asked = []
    for part in parts:
        ways = [" & ".join(lexeme(form(word), marks) for word in words) for words in part.ways]
        if aliases:
            ways += [lexeme(form(a_kind(kind)), marks.removeprefix("*")) for kind in part.kinds]
        asked.append("(" + " | ".join(f"({way})" for way in ways) + ")")
    return " & ".join(asked)


def _fits(text: str) -> list[str]:
    """Conditions that hold for ever more salons, the last for all that are found.

    Its name is exactly that; has these words; words that begin so; other words for them. Then also what it sells;
    also where it is; also what it says of itself. The words of a query are judged together.
    """
    parts = _parts(text)
    return [
        lexeme(whole_name(fold(text)), ""),
        _tsquery(parts, "", form=named, aliases=False),
        _tsquery(parts, "*", form=named, aliases=False),
        _tsquery(parts, "*", form=named),
        _tsquery(parts, "*AB"),
        _tsquery(parts, "*ABC"),
        _tsquery(parts, "*"),
    ]


def _in_order(
    statement: _Statement, asked: Filters, language: str, after: Sequence[Any] | None, most: int
) -> list[_Ranked]:
    order = order_of(asked)
    if order == "relevance":
        return _by_relevance(statement, asked["q"], after, most)
    if parts := _parts(asked.get("q", "")):
        statement.where("e.terms @@ %(q)s::tsquery", q=_tsquery(parts, "*"))
    keys: dict[str, Key] = {
        "rating": _RATING,
        "distance": Key(statement.distance),
        "price": Key(f"COALESCE(e.from_price_minor, {NO_PRICE})"),
        "name": Key(f"e.sort_key_{language}"),
    }
    return _ranked(statement, (keys[order], _ID), after, most)


def _by_relevance(statement: _Statement, text: str, after: Sequence[Any] | None, most: int) -> list[_Ranked]:
    """By how well they fit (`_fits`; the first key, 0 is best), then by rating.

    Few fit by the words of their name, as a rule, and few fit at all: these are ranked at once. Where many do, each
    kind of fit is asked for by itself, best first, until the page is full, so nothing is compared that is not shown.
    """
    fits = _fits(text)
    statement.values |= {f"fit_{n}": fit for n, fit in enumerate(fits)}
    first = 0 if after is None else int(after[0])
    found: list[_Ranked] = []
    for best, worst in ((0, 1), (2, len(fits) - 1)):
        best = max(best, first)
        if worst < best or len(found) >= most:
            continue
        several = _compared(statement, best, worst, after, most) if best < worst else None
        if several is not None:
            found += several
            continue
        for fit in range(best, worst + 1):
            if len(found) < most:
                keys = (Key(f"{fit}::int"), _RATING, _ID)
                since = after if fit == first else None
                found += _ranked(_of_fit(statement, fit, fit), keys, since, most - len(found))
    return found[:most]


def _compared(
    statement: _Statement, best: int, worst: int, after: Sequence[Any] | None, most: int
) -> list[_Ranked] | None:
    """All salons whose fit is among these, in order; None where there are many."""
    cases = " ".join(f"WHEN e.terms @@ %(fit_{n})s::tsquery THEN {n}" for n in range(best, worst))
    fit = Key(f"CASE {cases} ELSE {worst} END")
    sql, values = _select(_of_fit(statement, best, worst), (fit, _RATING, _ID), f"LIMIT {MOST_COMPARED + 1}")
    keys = (Key("k0"), Key("k1", falling=True), Key("k2", cast="::uuid"))
    beyond = "true" if after is None else _beyond(keys, after, values)
    rows = _fetch(
        f"SELECT * FROM (SELECT *, count(*) OVER () FROM ({sql}) AS fitting) AS counted"  # noqa: S608 (our own text)
        f" WHERE {beyond} ORDER BY {', '.join(key.order for key in keys)} LIMIT {most}",
        values,
    )
    if not rows:
        return [] if after is None else None  # what lies before the cursor may have hidden how many there are
    return [row._replace(keys=row.keys[:-1]) for row in rows] if rows[0].keys[-1] <= MOST_COMPARED else None


def _of_fit(statement: _Statement, best: int, worst: int) -> _Statement:
    better = [f"NOT e.terms @@ %(fit_{best - 1})s::tsquery"] if best else []
    return replace(
        statement,
        conditions=[*statement.conditions, f"e.terms @@ %(fit_{worst})s::tsquery", *better],
    )


def _ranked(
    statement: _Statement, keys: Sequence[Key], after: Sequence[Any] | None, most: int
) -> list[_Ranked]:
    if after is not None:
        values = dict(statement.values)
        beyond = _beyond(keys, after, values)
        statement = replace(statement, conditions=[*statement.conditions, beyond], values=values)
    order = ", ".join(f"k{n} DESC" if key.falling else f"k{n}" for n, key in enumerate(keys))
    return _fetch(*_select(statement, keys, f"ORDER BY {order} LIMIT {most}"))


def _select(statement: _Statement, keys: Sequence[Key], tail: str) -> tuple[str, dict[str, Any]]:
    """A statement that `_fetch` runs: the columns of `_Ranked`, the keys as k0, k1, …"""
    named_keys = ", ".join(f"{key.sql} AS k{n}" for n, key in enumerate(keys))
    conditions = " AND ".join(statement.conditions)
    entry = (
        "JOIN salons_searchentry e ON e.salon_id = s.id"
        if _OF_ENTRY.search(f"{named_keys} {conditions}")
        else ""
    )
    sql = (
        f"SELECT s.id, s.catalogue_version, {statement.distance} AS distance_m, {named_keys}"  # noqa: S608 (our own text)
        f" FROM salons_salon s {entry} WHERE {conditions} {tail}"
    )
    return sql, dict(statement.values)


def _fetch(sql: str, values: Mapping[str, Any]) -> list[_Ranked]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [
            _Ranked(salon_id, version, distance, tuple(keys))
            for salon_id, version, distance, *keys in cursor.fetchall()
        ]


def _narrow(statement: _Statement, asked: Filters, now: datetime) -> None:
    if parts := _parts(asked.get("service", "")):
        statement.where("e.terms @@ %(service)s::tsquery", service=_tsquery(parts, "*B"))
    if city := asked.get("city"):
        statement.where("s.city_id = %(city)s", city=city)
    if district := asked.get("district"):
        statement.where("s.district_id = %(district)s", district=district)
    if audience := asked.get("audience"):
        statement.where("s.audience = %(audience)s", audience=audience)
    if category := asked.get("category"):
        statement.where(
            "EXISTS (SELECT FROM salons_service o WHERE o.salon_id = s.id AND o.category_id = %(category)s"
            " AND o.is_active AND o.variant_of_id IS NULL)",
            category=category,
        )
    if (price := asked.get("max_price_minor")) is not None:
        statement.where("e.from_price_minor <= %(max_price)s", max_price=price)
    if (tenths := asked.get("min_rating")) is not None:
        statement.where(
            "(s.rating_sum * 20 + s.rating_count) / NULLIF(2 * s.rating_count, 0) >= %(tenths)s",
            tenths=tenths,
        )
    if near := asked.get("near"):
        _within(statement, near, asked["radius_km"])
    if asked.get("open_now"):
        _could_be_open(statement, now)
    if day := asked.get("free_on"):
        statement.where(
            _HAS_HOURS.format(weekdays="%(weekdays)s", dates="%(dates)s", more=""),
            weekdays=[day.isoweekday(), (day.isoweekday() + 5) % 7 + 1],
            dates=[day, day.fromordinal(day.toordinal() - 1)],
        )


# Hours that might hold, of any season: which of them do hold is the timetable's to say. The day before may run on.
# One EXISTS over both: joined by OR they would each be read whole.
_HAS_HOURS = """EXISTS (
    SELECT FROM salons_workingwindow w
     WHERE w.salon_id = s.id AND w.staff_member_id IS NULL AND w.weekday = ANY({weekdays}) {more}
     UNION ALL
    SELECT FROM salons_override v
     WHERE v.salon_id = s.id AND v.staff_member_id IS NULL AND v.date = ANY({dates}))"""


def _could_be_open(statement: _Statement, now: datetime) -> None:
    local = "(%(now)s::timestamptz AT TIME ZONE s.timezone)"
    minute = f"(extract(hour FROM {local}) * 60 + extract(minute FROM {local}))"
    today = f"extract(isodow FROM {local})::int"
    statement.where(
        _HAS_HOURS.format(
            weekdays=f"ARRAY[{today}, ({today} + 5) %% 7 + 1]",
            dates=f"ARRAY[{local}::date, {local}::date - 1]",
            # An hour to spare, for the days on which clocks are changed elsewhere.
            more=f"AND w.opens_minute - 60 <= {minute} + CASE w.weekday WHEN {today} THEN 0 ELSE 1440 END"
            f" AND w.closes_minute + 60 > {minute} + CASE w.weekday WHEN {today} THEN 0 ELSE 1440 END",
        ),
        now=now,
    )


def _within(statement: _Statement, near: Near, radius_km: int) -> None:
    """A box that an index answers, and in it the true distance along the sphere, in whole metres."""
    statement.distance = (
        f"round({2 * EARTH_METRES} * asin(least(1, sqrt("
        "power(sin(radians(s.latitude::float8 - %(lat)s) / 2), 2) + cos(radians(%(lat)s))"
        " * cos(radians(s.latitude::float8)) * power(sin(radians(s.longitude::float8 - %(lng)s) / 2), 2)))))::int"
    )
    south, north, spans = _box(near, radius_km)
    statement.values |= {"lat": near.latitude, "lng": near.longitude, "radius": radius_km * 1000}
    statement.where("s.latitude BETWEEN %(south)s AND %(north)s", south=south, north=north)
    statement.values |= {f"west_{n}": west for n, (west, _) in enumerate(spans)}
    statement.values |= {f"east_{n}": east for n, (_, east) in enumerate(spans)}
    inside = (f"s.longitude BETWEEN %(west_{n})s AND %(east_{n})s" for n in range(len(spans)))
    statement.where(f"({' OR '.join(inside)})")
    statement.where(f"{statement.distance} <= %(radius)s")


def _box(near: Near, radius_km: int) -> tuple[float, float, list[tuple[float, float]]]:
    """South, north and from west to east of all within the radius; two stretches where it crosses the date line."""
    angle = radius_km * 1000 / EARTH_METRES
    spare = 1e-6
    south = near.latitude - math.degrees(angle) - spare
    north = near.latitude + math.degrees(angle) + spare
    if south <= -90 or north >= 90:
        return south, north, [(-180, 180)]
    reach = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(near.latitude)))) + spare
    west, east = near.longitude - reach, near.longitude + reach
    if west < -180:
        return south, north, [(-180, east), (west + 360, 180)]
    if east > 180:
        return south, north, [(west, 180), (-180, east - 360)]
    return south, north, [(west, east)]


def _beyond(keys: Sequence[Key], after: Sequence[Any], values: dict[str, Any]) -> str:
    """(a, b, c) after (x, y, z): a beyond x, or a = x and b beyond y, and so on."""
    condition = ""
    for n, (key, value) in reversed(list(enumerate(zip(keys, after, strict=True)))):
        name = f"%(after_{n})s{key.cast}"
        values[f"after_{n}"] = value
        sign = "<" if key.falling else ">"
        condition = (
            f"({key.sql}) {sign}= {name} AND (({key.sql}) {sign} {name} OR ({condition}))"
            if condition
            else f"{key.sql} {sign} {name}"
        )
    return condition


def _summaries(salon_ids: Sequence[uuid.UUID], language: str) -> dict[uuid.UUID, tuple[Any, ...]]:
    """The columns of a Summary but for the distance, by salon. One that is no longer live is left out."""
    if not salon_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARIES[language], [list(salon_ids)])
        return {row[0]: row for row in cursor.fetchall()}


def _summary(columns: Sequence[Any], distance_m: int | None) -> Summary:
    *plain, photo_id, key, width, height, blurhash, caption, alt = columns
    shown = None if photo_id is None else ShownPhoto(photo_id, key, width, height, blurhash, caption, alt)
    return Summary._make([*plain, shown, distance_m])


def _summaries_in(language: str) -> str:
    def said(column: str) -> str:
        other = "ar" if language == "en" else "en"
        return f"COALESCE(NULLIF({column}_{language}, ''), {column}_{other})"

    return f"""
        SELECT s.id, s.slug, {said("s.name")}, s.city_id, {said("c.name")}, s.district_id, {said("d.name")},
               s.audience, s.rating_sum, s.rating_count, e.from_price_minor, s.currency,
               s.latitude::float8, s.longitude::float8,
               p.id, p.key, p.width, p.height, p.blurhash, {said("p.caption")}, {said("p.alt")}
          FROM salons_salon s
          JOIN salons_searchentry e ON e.salon_id = s.id
          JOIN salons_city c ON c.slug = s.city_id
          LEFT JOIN salons_district d ON d.slug = s.district_id
          LEFT JOIN salons_photo p ON p.salon_id = s.id AND p.is_primary AND NOT p.is_hidden
               AND p.resource_id IS NULL AND p.staff_member_id IS NULL AND p.service_id IS NULL
         WHERE s.id = ANY(%s) AND s.status = 'live'
    """  # noqa: S608 (our own text)


_SUMMARIES = {language: _summaries_in(language) for language in ("ar", "en")}
