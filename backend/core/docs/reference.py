"""The contract, area by area: small enough for a phone to lay out, which the whole is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from backend.core.api.contract import document
from backend.core.contract import reading

HOME = "/docs/reference"


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    name: str
    summary: str
    address: str
    """Where the reference shows it."""


@dataclass(frozen=True)
class Area:
    """A tag of the contract, with its operations in the contract's order."""

    name: str
    about: str
    operations: tuple[Operation, ...]


@cache
def _contract() -> dict[str, Any]:
    contract: dict[str, Any] = orjson.loads(document().body)
    return contract


@cache
def areas() -> dict[str, Area]:
    """Every area that has operations."""
    found: dict[str, list[Operation]] = {}
    for method, path, operation in reading.operations(_contract()):
        tag = operation["tags"][0]
        name = operation["operationId"]
        address = f"{HOME}/{tag}#tag/{tag}/operation/{name}"
        short = path.removeprefix("/api/v1/")
        found.setdefault(tag, []).append(
            Operation(method.upper(), short, name, operation["summary"], address)
        )
    return {
        tag["name"]: Area(tag["name"], tag["description"], tuple(found[tag["name"]]))
        for tag in _contract()["tags"]
        if tag["name"] in found
    }


@cache
def document_of(area: str) -> bytes:
    """The contract with this area's operations and what they refer to, as JSON."""
    contract = _contract()
    paths: dict[str, Any] = {}
    for method, path, operation in reading.operations(contract):
        if area in operation["tags"]:
            paths.setdefault(path, {})[method] = operation
    components: dict[str, Any] = {"securitySchemes": contract["components"]["securitySchemes"]}
    waiting = list(_references(paths))
    while waiting:
        kind, name = waiting.pop()
        if name not in components.setdefault(kind, {}):
            components[kind][name] = contract["components"][kind][name]
            waiting += _references(components[kind][name])
    tags = [tag for tag in contract["tags"] if tag["name"] == area]
    return orjson.dumps(contract | {"paths": paths, "components": components, "tags": tags})


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """(kind, name) of every component that something names."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                kind, name = value.removeprefix("#/components/").split("/")
                yield kind, name
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
