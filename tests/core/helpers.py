"""A stranger's HTTP client that believes nothing, and what every problem must look like."""

from __future__ import annotations

import json
import re
from typing import Any

from django.test import Client

from backend.core.errors import FIELD_ERRORS, all_refusals

ARABIC = re.compile("[\u0621-\u064a]")
INSIDES = re.compile(
    r"traceback|File \"|\.py\b|select |insert |psycopg|django|rest_framework|json\.|line \d|column|detail: |object at|"
    r"exception|\+9665|serializer",
    re.IGNORECASE,
)


def send(method: str, path: str, body: Any = None, *, language: str | None = "ar", **headers: str) -> Any:
    """`body` is sent as JSON, bytes as they are; header names with underscores."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if language is not None:
        given.setdefault("Accept-Language", language)
    content_type = given.pop("Content-Type", "application/json")
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    client = Client(raise_request_exception=False)
    return client.generic(method, path, data, content_type=content_type, headers=given)


def problem(response: Any, status: int, code: str, *, language: str = "ar") -> Any:
    """The body of an answer that is a problem in every respect that does not depend on which one."""
    text = response.content.decode()
    assert response.headers["Content-Type"] == "application/problem+json", text[:300]
    body = json.loads(text)
    assert (response.status_code, body["status"], body["code"]) == (status, status, code), text[:300]
    assert code in {refusal.code for refusal in all_refusals()}
    assert body["request_id"] == response.headers["X-Request-Id"] != ""
    assert body["type"].endswith(f"/problems/{code}")
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers["Vary"]
    errors = body.get("errors", [])
    assert bool(errors) == (code == "validation_failed")
    for sentence in (body["title"], body["detail"], *(e["detail"] for e in errors)):
        assert bool(ARABIC.search(sentence)) == (language == "ar"), sentence
    for error in errors:
        assert set(error) == {"pointer", "parameter", "code", "detail", "params"}
        assert error["code"] in FIELD_ERRORS
        assert (error["pointer"] is None) != (error["parameter"] is None)
    assert not INSIDES.search(text), text
    assert ("WWW-Authenticate" in response.headers) == (status == 401)
    assert response.headers.get("Retry-After") == (
        str(body["retry_after"]) if "retry_after" in body else None
    )
    return body


def field_error(
    response: Any, code: str, *, pointer: str | None = None, parameter: str | None = None
) -> None:
    """The answer marks exactly this one value as wrong, for this reason."""
    found = [
        (e["pointer"], e["parameter"], e["code"])
        for e in problem(response, 400, "validation_failed")["errors"]
    ]
    assert found == [(pointer, parameter, code)]
