"""`examples/`: requests and answers that tests recorded, told in both languages, set into the schema.

examples/<operationId>/request-<case>.json          a body that was accepted
examples/<operationId>/<status>-<case>.<ar|en>.json an answer; the case of a refusal is its code
examples/problems/<code>.<ar|en>.json               refusals that any operation may give
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from backend.core.contract.reading import operations

LANGUAGES = ("ar", "en")
SHARED = {
    "auth_required": "401",
    "token_expired": "401",
    "token_invalid": "401",
    "permission_denied": "403",
    "account_suspended": "403",
    "app_update_required": "403",
    "not_found": "404",
    "endpoint_removed": "default",
    "rate_limited": "429",
    "malformed_request": "400",
    "method_not_allowed": "default",
    "not_acceptable": "default",
    "payload_too_large": "default",
    "unsupported_media_type": "default",
    "server_error": "default",
    "unavailable": "default",
    "maintenance": "default",
}
"""Refusals told once for all operations, and the shared response each is an example of."""
_NAMES = {"ar": "Arabic", "en": "English"}


def embedded(schema: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A copy of the schema with each example of `folder` where it belongs; one of an unknown operation is left out."""
    document = copy.deepcopy(schema)
    for code, status in SHARED.items():
        response = document["components"]["responses"][f"Problem{status.title()}"]
        _add(response["content"]["application/problem+json"], code, folder / "problems", code)
    for _, _, operation in operations(document):
        _embed(document, operation, folder / operation["operationId"])
    return document


def _embed(document: dict[str, Any], operation: dict[str, Any], folder: Path) -> None:
    if not folder.is_dir():
        return
    media = operation.get("requestBody", {}).get("content", {}).get("application/json")
    for path in sorted(folder.glob("request-*.json")):
        if media is not None:
            case = path.stem.removeprefix("request-")
            media.setdefault("examples", {})[case] = {"value": json.loads(path.read_text(encoding="utf-8"))}
    for stem in sorted({path.name.split(".")[0] for path in folder.glob("[0-9]*.json")}):
        status, _, case = stem.partition("-")
        response = operation["responses"].get(status)
        if response is None:
            continue
        if "$ref" in response:
            shared = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
            content = {kind: {"schema": told["schema"]} for kind, told in shared["content"].items()}
            response = {"description": shared["description"], "content": content}
            operation["responses"][status] = response
        for kind, told in response.get("content", {}).items():
            if kind.endswith("json"):
                _add(told, case, folder, stem)


def _add(media: dict[str, Any], case: str, folder: Path, stem: str) -> None:
    for language in LANGUAGES:
        path = folder / f"{stem}.{language}.json"
        if path.exists():
            media.setdefault("examples", {})[f"{case}.{language}"] = {
                "summary": f"{case}, {_NAMES[language]}",
                "value": json.loads(path.read_text(encoding="utf-8")),
            }
