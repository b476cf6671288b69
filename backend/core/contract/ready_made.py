"""`collections/`: every operation as a ready request, for Bruno and Postman, with the recorded bodies and no secrets.

`verifyOtp` keeps the tokens it is answered, so that the requests after it are signed in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backend.core.contract.reading import operations

SERVERS = {"local": "http://127.0.0.1:8000", "staging": "https://staging.example.sa"}
TOKENS = ("access_token", "refresh_token")
_SIGN_IN = "verifyOtp"


@dataclass(frozen=True)
class _Ready:
    name: str
    tag: str
    summary: str
    method: str
    path: str
    place: dict[str, str]
    query: list[str]
    headers: dict[str, str]
    signed_in: bool
    body: Any


def ready_made(document: dict[str, Any]) -> dict[str, str]:
    """Name and text of each file. `document` is the schema with its examples."""
    found = list(_requests(document))
    files = {"collections/postman.json": _postman(found), "collections/bruno/bruno.json": _BRUNO}
    for name, server in SERVERS.items():
        values = {"server": server, "language": "ar", **dict.fromkeys(TOKENS, "")}
        files[f"collections/bruno/environments/{name}.bru"] = _block("vars", values)
    for number, request in enumerate(found, start=1):
        files[f"collections/bruno/{request.tag}/{request.name}.bru"] = _bruno(request, number)
    return files


def _requests(document: dict[str, Any]) -> Iterator[_Ready]:
    for method, path, operation in operations(document):
        parameters = operation.get("parameters", ())
        media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        examples = media.get("examples", {})
        headers = {"Accept-Language": "{{language}}", "X-Client": "web/1.0.0"}
        if any(p["name"] == "Idempotency-Key" for p in parameters):
            headers["Idempotency-Key"] = "{{$guid}}"
        yield _Ready(
            name=operation["operationId"],
            tag=operation["tags"][0],
            summary=operation["summary"],
            method=method,
            path=path,
            place=dict.fromkeys(re.findall(r"\{(\w+)\}", path), ""),
            query=[p["name"] for p in parameters if p["in"] == "query"],
            headers=headers,
            signed_in=any(operation.get("security", ())),
            body=next((example["value"] for example in examples.values()), {}) if media else None,
        )


# Postman ------------------------------------------------------------------------------------------------------------


def _postman(requests: list[_Ready]) -> str:
    folders: dict[str, list[dict[str, Any]]] = {}
    for request in requests:
        folders.setdefault(request.tag, []).append(_item(request))
    collection = {
        "info": {
            "name": "Mawid",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": {
            "type": "bearer",
            "bearer": [{"key": "token", "value": "{{access_token}}", "type": "string"}],
        },
        "variable": [
            {"key": "server", "value": SERVERS["local"]},
            {"key": "language", "value": "ar"},
            *({"key": name, "value": ""} for name in TOKENS),
        ],
        "item": [{"name": tag, "item": items} for tag, items in folders.items()],
    }
    return json.dumps(collection, ensure_ascii=False, indent=1) + "\n"


def _item(ready: _Ready) -> dict[str, Any]:
    path = re.sub(r"\{(\w+)\}", r":\1", ready.path)
    request: dict[str, Any] = {
        "method": ready.method.upper(),
        "description": ready.summary,
        "header": [{"key": name, "value": value} for name, value in ready.headers.items()],
        "url": {
            "raw": "{{server}}" + path,
            "host": ["{{server}}"],
            "path": path.strip("/").split("/"),
            "query": [{"key": name, "value": "", "disabled": True} for name in ready.query],
            "variable": [{"key": name, "value": value} for name, value in ready.place.items()],
        },
    }
    if not ready.signed_in:
        request["auth"] = {"type": "noauth"}
    if ready.body is not None:
        raw = json.dumps(ready.body, ensure_ascii=False, indent=1)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    item: dict[str, Any] = {"name": ready.name, "request": request}
    if ready.name == _SIGN_IN:
        keep = [f'pm.collectionVariables.set("{name}", pm.response.json().{name});' for name in TOKENS]
        item["event"] = [{"listen": "test", "script": {"type": "text/javascript", "exec": keep}}]
    return item


# Bruno --------------------------------------------------------------------------------------------------------------

_BRUNO = json.dumps({"version": "1", "name": "Mawid", "type": "collection"}, indent=1) + "\n"


def _bruno(ready: _Ready, number: int) -> str:
    signed = "bearer" if ready.signed_in else "none"
    body = "none" if ready.body is None else "json"
    url = "{{server}}" + re.sub(r"\{(\w+)\}", r":\1", ready.path)
    parts = [
        _block("meta", {"name": ready.name, "type": "http", "seq": str(number)}),
        _block(ready.method, {"url": url, "body": body, "auth": signed}),
    ]
    if ready.query:
        parts.append(_block("params:query", {f"~{name}": "" for name in ready.query}))
    if ready.place:
        parts.append(_block("params:path", ready.place))
    parts.append(_block("headers", ready.headers))
    if ready.signed_in:
        parts.append(_block("auth:bearer", {"token": "{{access_token}}"}))
    if ready.body is not None:
        text = json.dumps(ready.body, ensure_ascii=False, indent=2)
        parts.append("body:json {\n" + re.sub("^", "  ", text, flags=re.MULTILINE) + "\n}\n")
    if ready.name == _SIGN_IN:
        parts.append(_block("vars:post-response", {name: f"res.body.{name}" for name in TOKENS}))
    parts.append("docs {\n  " + ready.summary + "\n}\n")
    return "\n".join(parts)


def _block(name: str, values: dict[str, str]) -> str:
    lines = "".join(f"  {key}: {value}\n" for key, value in values.items())
    return f"{name} {{\n{lines}}}\n"
