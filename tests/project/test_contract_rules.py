"""The linters hold openapi.yaml and the journeys to mobile-contract/rules, and notice each rule broken."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.node import CONTRACT, npm, package

PATH = "/api/v1/salons"
PROBLEM = {
    "type": "object",
    "properties": {name: {} for name in ("type", "title", "code", "detail", "request_id")},
    "required": ["code", "detail", "request_id"],
}
LANGUAGES = ("ar", "en")


def answer(kind: str, schema: dict[str, Any], value: dict[str, str]) -> dict[str, Any]:
    examples = {f"case.{language}": {"value": value} for language in LANGUAGES}
    return {"description": "An answer", "content": {kind: {"schema": schema, "examples": examples}}}


def refusal() -> dict[str, Any]:
    said = {"code": "not_found", "detail": "Not found.", "request_id": "7f3c9a1e5b2d4c60"}
    return answer("application/problem+json", copy.deepcopy(PROBLEM), said)


def good() -> dict[str, Any]:
    operation = {
        "operationId": "listSalons",
        "summary": "Salons",
        "tags": ["salons"],
        "responses": {
            "200": answer("application/json", {"type": "object"}, {}),
            "404": refusal(),
            "409": refusal(),
            "default": refusal(),
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trial", "version": "1.0.0", "description": "Trial", "license": {"name": "None"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": "salons", "description": "Salons"}],
        "paths": {PATH: {"get": operation, "post": copy.deepcopy(operation) | {"operationId": "addSalon"}}},
    }


def broken() -> dict[str, Any]:
    """Every rule of ours broken once."""
    document = good()
    first, second = document["paths"][PATH]["get"], document["paths"][PATH]["post"]
    first["operationId"] = "list_salons"
    del first["responses"]["default"]
    del first["responses"]["200"]["content"]["application/json"]["examples"]
    plain = first["responses"]["404"]["content"]
    plain["application/json"] = plain.pop("application/problem+json")
    second["responses"]["409"]["content"]["application/problem+json"]["schema"]["required"].remove("code")
    del second["responses"]["200"]["content"]["application/json"]["examples"]["case.ar"]
    document["paths"][f"{PATH}/"] = document["paths"].pop(PATH)
    return document


def lint(linter: str, document: dict[str, Any], path: Path) -> subprocess.CompletedProcess[str]:
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    option = "--ruleset" if linter == "spectral" else "--config"
    words = ("exec", "--", linter, "lint", option, f"../rules/{linter}.yaml", str(path))
    return npm(package("tools"), *words, REDOCLY_TELEMETRY="off")


@pytest.mark.parametrize(
    ("linter", "complaints"),
    [
        (
            "spectral",
            {
                "path-has-no-trailing-slash": 1,
                "operation-id-is-camel-case": 1,
                "any-other-answer-is-a-problem": 1,
                "refusal-is-a-problem": 2,
                "answer-has-examples": 1,
                "example-is-told-in-both-languages": 1,
            },
        ),
        (
            "redocly",
            {
                "no-path-trailing-slash": 1,
                "operation-id-is-camel-case": 1,
                "any-other-answer-is-a-problem": 1,
                "operation-4xx-problem-details-rfc7807": 1,
            },
        ),
    ],
)
def test_each_broken_rule_is_noticed_and_a_kept_one_is_not(
    tmp_path: Path, linter: str, complaints: dict[str, int]
) -> None:
    done = lint(linter, broken(), tmp_path / "openapi.yaml")
    assert done.returncode != 0
    for rule, times in complaints.items():
        assert done.stdout.count(rule) >= times, f"{rule} in\n{done.stdout}"
    kept = lint(linter, good(), tmp_path / "openapi.yaml")
    assert kept.returncode == 0, kept.stdout


def test_the_contract_and_its_journeys_keep_the_rules() -> None:
    done = npm(package("tools"), "run", "lint")
    assert done.returncode == 0, done.stdout[-8000:]
    for path in CONTRACT.glob("flows/*.yaml"):
        assert f"{path.name}: validated" in done.stdout
