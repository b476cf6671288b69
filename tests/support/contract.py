"""Every answer a test receives is held against the contract, so documentation and behaviour cannot part."""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

_generating = threading.Lock()  # the generator is not made for several threads at once
_schema: dict[str, Any] = {}


def schema() -> dict[str, Any]:
    with _generating:
        if not _schema:
            _schema.update(SchemaGenerator().get_schema(request=None, public=True))
    return _schema


@lru_cache(maxsize=1)
def _routes() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    routes = []
    for path, item in sorted(schema()["paths"].items(), key=lambda entry: entry[0].count("{")):
        pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")
        routes.append((pattern, item))
    return routes


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = schema()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def check(method: str, path: str, status: int, content_type: str, body: Any) -> None:
    """Fail when the answer is not one the contract promises for this operation."""
    operation = next((i[method.lower()] for p, i in _routes() if p.match(path) and method.lower() in i), None)
    if operation is None:
        return
    responses = operation["responses"]
    found = responses.get(str(status)) or (responses.get("default") if status >= 400 else None)
    assert found is not None, f"{method} {path} answered {status}, which the contract does not promise"
    content = resolve(found).get("content")
    if content is None:
        assert not body, f"{method} {path} {status}: the contract promises an empty answer"
        return
    media_type = content_type.partition(";")[0]
    assert media_type in content, f"{method} {path} {status}: {media_type} is not promised"
    node = content[media_type]["schema"] | {"components": schema()["components"]}
    errors = sorted(Draft202012Validator(node).iter_errors(body), key=str)
    assert not errors, f"{method} {path} {status}: {errors[0].message} at {list(errors[0].absolute_path)}"
    if "$ref" in content[media_type]["schema"]:
        known = set(resolve(content[media_type]["schema"]).get("properties", {}))
        if known and status < 400:
            assert set(body) <= known, f"{method} {path}: {set(body) - known} is not in the contract"
