"""What would break an app that was built against an older schema.

Requests may ask for less than before and answers may say more; the other way round an installed app fails. The
rules are those of `mobile-contract/COMPATIBILITY.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from backend.core.contract.reading import operations, resolve

OPEN = "x-open-enum"
"""Marks a list of values that may grow: apps have a fallback for those they do not know."""
_UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems")
_LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems")


def breaking(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Each breaking difference, one sentence with its place; empty when every app of `old` works with `new`."""
    return list(_Comparison(old, new).run())


@dataclass
class _Comparison:
    old: dict[str, Any]
    new: dict[str, Any]
    seen: set[tuple[str, str, bool]] = field(default_factory=set)

    def run(self) -> Iterator[str]:
        now = {(method, path): operation for method, path, operation in operations(self.new)}
        for method, path, operation in operations(self.old):
            where = f"{method.upper()} {path}"
            if (method, path) in now:
                yield from self._operation(where, operation, now[method, path])
            else:
                yield f"{where}: the operation is gone"
        models = self.new["components"]["schemas"]
        for name in self.old["components"]["schemas"]:
            if name not in models:
                yield f"{name}: the model is gone or renamed"

    def _operation(self, where: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{where}: operationId {old['operationId']} became {new['operationId']}"
        if not any(old.get("security", [])) and any(new.get("security", [])):
            yield f"{where}: needs a sign-in now"
        yield from self._parameters(where, old, new)
        yield from self._request(where, old.get("requestBody"), new.get("requestBody"))
        for status, response in old["responses"].items():
            if status not in new["responses"]:
                yield f"{where}: status {status} is gone"
                continue
            before, after = (
                resolve(self.old, response),
                resolve(self.new, new["responses"][status]),
            )
            yield from self._content(f"{where} {status}", before, after, answer=True)

    def _parameters(self, where: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
        before = {(p["in"], p["name"]): p for p in old.get("parameters", ())}
        after = {(p["in"], p["name"]): p for p in new.get("parameters", ())}
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: {key[0]} parameter {key[1]} is required now"
        for key, parameter in before.items():
            if key not in after:
                yield f"{where}: {key[0]} parameter {key[1]} is gone"
                continue
            yield from self._schema(
                f"{where} ?{key[1]}", parameter.get("schema", {}), after[key].get("schema", {}), answer=False
            )

    def _request(self, where: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Iterator[str]:
        if new and new.get("required") and not (old and old.get("required")):
            yield f"{where}: a body is required now"
        if old and not new:
            yield f"{where}: takes no body any more"
        if old and new:
            yield from self._content(f"{where} body", old, new, answer=False)

    def _content(
        self, where: str, old: dict[str, Any], new: dict[str, Any], *, answer: bool
    ) -> Iterator[str]:
        after = new.get("content", {})
        for kind, media in old.get("content", {}).items():
            if kind not in after:
                yield f"{where}: media type {kind} is gone"
            else:
                yield from self._schema(
                    where, media.get("schema", {}), after[kind].get("schema", {}), answer=answer
                )
        if answer and not old.get("content") and after:
            yield f"{where}: had no body and has one now"

    def _schema(self, where: str, old: dict[str, Any], new: dict[str, Any], *, answer: bool) -> Iterator[str]:
        before, after = _Shape.of(self.old, old), _Shape.of(self.new, new)
        yield from self._types(where, before, after, answer=answer)
        names = _reference(old), _reference(new)
        if all(names):
            if (*names, answer) in self.seen:
                return
            self.seen.add((*names, answer))
            where = names[0].rpartition("/")[2]
        yield from _values(where, before, after, answer=answer)
        yield from _limits(where, before, after, answer=answer)
        yield from self._members(where, before, after, answer=answer)
        if before.items is not None and after.items is not None:
            yield from self._schema(f"{where}[]", before.items, after.items, answer=answer)

    def _types(self, where: str, before: _Shape, after: _Shape, *, answer: bool) -> Iterator[str]:
        gained, lost = after.types - before.types, before.types - after.types
        if answer and "null" in gained:
            yield f"{where}: may be null now"
        if not answer and "null" in lost:
            yield f"{where}: may not be null any more"
        surprising = (gained if answer else lost) - {"null"}
        if surprising and before.types and after.types:
            yield f"{where}: type {sorted(before.types)} became {sorted(after.types)}"
        if before.format != after.format:
            yield f"{where}: format {before.format} became {after.format}"

    def _members(self, where: str, before: _Shape, after: _Shape, *, answer: bool) -> Iterator[str]:
        for name, schema in before.members.items():
            inside = f"{where}/{name}"
            if name not in after.members:
                yield f"{inside}: the field is gone"
                continue
            if answer and name in before.required and name not in after.required:
                yield f"{inside}: may be absent now"
            yield from self._schema(inside, schema, after.members[name], answer=answer)
        if not answer:
            for name in after.required - before.required:
                yield f"{where}/{name}: is required now"


def _reference(schema: dict[str, Any]) -> str:
    """The one model that the schema refers to, be it wrapped or nullable; empty where there is none."""
    parts = (schema, *schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ()))
    found = [part["$ref"] for part in parts if "$ref" in part]
    return found[0] if len(found) == 1 else ""


def _values(where: str, before: _Shape, after: _Shape, *, answer: bool) -> Iterator[str]:
    if answer and before.values is not None and not before.open:
        new = after.values - before.values if after.values is not None else {"any value"}
        if new:
            yield f"{where}: a closed list gained {sorted(map(str, new))}"
    if not answer and after.values is not None:
        lost = before.values - after.values if before.values is not None else {"other values"}
        if lost:
            yield f"{where}: {sorted(map(str, lost))} not accepted any more"
    if answer and before.open and not after.open:
        yield f"{where}: was an open list"
    if before.default != after.default:
        yield f"{where}: the default {before.default!r} became {after.default!r}"


def _limits(where: str, before: _Shape, after: _Shape, *, answer: bool) -> Iterator[str]:
    """A request may not be held to tighter limits, an answered text may not outgrow the ones it had."""
    if answer:
        if "maxLength" in before.limits and after.limits.get("maxLength", 1e9) > before.limits["maxLength"]:
            yield f"{where}: texts may be longer than {before.limits['maxLength']} now"
        return
    for names, sign in ((_UPPER, 1), (_LOWER, -1)):
        for name in names:
            if name in after.limits:
                held = before.limits.get(name, sign * float("inf"))
                if sign * after.limits[name] < sign * held:
                    yield f"{where}: {name} is {after.limits[name]} now"
    if after.pattern is not None and after.pattern != before.pattern:
        yield f"{where}: has to match {after.pattern} now"


@dataclass
class _Shape:
    """A schema with its references and wrappers undone."""

    types: set[str]
    format: str | None = None
    members: dict[str, Any] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: dict[str, Any] | None = None
    values: set[Any] | None = None
    open: bool = False
    default: Any = None
    limits: dict[str, float] = field(default_factory=dict)
    pattern: str | None = None

    @classmethod
    def of(cls, document: dict[str, Any], schema: dict[str, Any]) -> _Shape:
        node = resolve(document, schema)
        told = node.get("type", [])
        shape = cls(types={told} if isinstance(told, str) else set(told))
        for part in (*node.get("allOf", ()), *node.get("oneOf", ()), *node.get("anyOf", ())):
            shape._take(cls.of(document, part))
        values = node.get("enum")
        shape._take(
            cls(
                types=set(),
                format=node.get("format"),
                members=node.get("properties", {}),
                required=set(node.get("required", ())),
                items=node.get("items"),
                values=None if values is None else {value for value in values if value is not None},
                open=bool(node.get(OPEN)),
                default=node.get("default"),
                limits={name: node[name] for name in (*_UPPER, *_LOWER) if name in node},
                pattern=node.get("pattern"),
            )
        )
        return shape

    def _take(self, other: _Shape) -> None:
        self.types |= other.types
        self.format = other.format or self.format
        self.members = self.members | other.members
        self.required |= other.required
        self.items = other.items or self.items
        if other.values is not None:
            self.values = (self.values or set()) | other.values
        self.open = self.open or other.open
        self.default = self.default if other.default is None else other.default
        self.limits |= other.limits
        self.pattern = other.pattern or self.pattern
