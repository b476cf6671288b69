"""The recorded examples: complete, in both languages, and what the API would still say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.core.contract.examples import SHARED
from backend.core.contract.reading import operations
from tests.project.tree import ROOT
from tests.support import contract
from tests.support.examples import Judge

FOLDER = ROOT / "mobile-contract/examples"
ARABIC = re.compile("[\u0621-\u064a]")
NEVER = re.compile(r"eyJ[\w-]{20,}\.eyJ[\w-]{30,}|\+96656\d{7}|127\.0\.0\.1|testserver|sk_(test|live)_")


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(contract.schema())


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def answers() -> list[Path]:
    return sorted(FOLDER.glob("*/*.ar.json"))


def test_there_are_examples_of_every_operation_that_answers_json(judge: Judge) -> None:
    missing = []
    for method, path, operation in operations(contract.schema()):
        name = operation["operationId"]
        if "provider-webhooks" in operation["tags"]:
            continue
        good = [status for status in operation["responses"] if status.startswith("2")]
        told = [s for s in good if judge.answer_schema(name, s) is not None]
        if told and not any((FOLDER / name / f"{s}-ok.en.json").exists() for s in told):
            missing.append(f"{name} ({method.upper()} {path}): no answer")
        if judge.request_schema(name) is not None and not (FOLDER / name / "request-ok.json").exists():
            missing.append(f"{name} ({method.upper()} {path}): no request")
    assert not missing, "`make examples` records them:\n" + "\n".join(missing)


def test_every_answer_is_told_in_both_languages() -> None:
    arabic = {path.name.removesuffix(".ar.json") + path.parent.name for path in answers()}
    english = {path.name.removesuffix(".en.json") + path.parent.name for path in FOLDER.glob("*/*.en.json")}
    assert arabic == english
    assert len(arabic) > 200


def test_every_example_is_what_the_api_would_say_now(judge: Judge) -> None:
    wrong = []
    for path in sorted(FOLDER.glob("*/*.json")):
        owner, stem = path.parent.name, path.name.split(".")[0]
        if owner == "problems":
            schema: Any = {"$ref": "#/components/schemas/Problem"}
        elif owner not in judge.by_id:
            wrong.append(f"{owner}: no such operation")
            continue
        elif stem.startswith("request-"):
            schema = judge.request_schema(owner)
        else:
            schema = judge.answer_schema(owner, stem.partition("-")[0])
        found = ["not in the contract"] if schema is None else judge.complaints(schema, read(path))
        wrong += [f"{owner}/{path.name}: {complaint}" for complaint in found[:1]]
    assert not wrong, "`make examples` records them anew:\n" + "\n".join(wrong)


def test_a_refusal_speaks_its_language_and_is_listed() -> None:
    entries = json.loads((ROOT / "mobile-contract/errors.json").read_text(encoding="utf-8"))
    known = {entry["code"]: entry["status"] for entry in entries if entry["kind"] == "problem"}
    for path in [*FOLDER.glob("*/[45]*.json"), *FOLDER.glob("problems/*.json")]:
        problem = read(path)
        assert known[problem["code"]] == problem["status"], path
        assert path.name.split(".")[0].endswith(problem["code"]), path
        assert bool(ARABIC.search(problem["detail"])) == path.name.endswith(".ar.json"), path


def test_what_any_operation_may_refuse_is_told_once() -> None:
    assert {path.name.split(".")[0] for path in FOLDER.glob("problems/*.json")} == set(SHARED)
    for path in FOLDER.glob("*/[45]*.json"):
        assert path.name.split(".")[0].partition("-")[2] not in SHARED, path


def test_nothing_that_should_not_be_seen_is_in_them() -> None:
    for path in FOLDER.glob("*/*.json"):
        assert not NEVER.search(path.read_text(encoding="utf-8")), path


def test_the_published_schema_carries_them() -> None:
    document = yaml.load(
        (ROOT / "mobile-contract/openapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
    )
    by_id = {operation["operationId"]: operation for _, _, operation in operations(document)}
    told = by_id["createBooking"]["responses"]
    assert {"ok.ar", "ok.en"} <= told["201"]["content"]["application/json"]["examples"].keys()
    conflicts = told["409"]["content"]["application/problem+json"]["examples"]
    assert {"slot_unavailable.ar", "slot_unavailable.en"} <= conflicts.keys()
    assert "ok" in by_id["createBooking"]["requestBody"]["content"]["application/json"]["examples"]
    shared = document["components"]["responses"]["Problem404"]["content"]["application/problem+json"]
    assert shared["examples"]["not_found.ar"]["value"]["code"] == "not_found"


def test_an_example_that_the_api_outgrew_is_noticed(judge: Judge) -> None:
    """The judge is no rubber stamp: each of these is one field away from a good example."""
    good = read(FOLDER / "createBooking/201-ok.ar.json")
    assert judge.accepts_answer("createBooking", "201", good)
    for broken in (
        {name: value for name, value in good.items() if name != "version"},
        good | {"colour": "red"},
        good | {"version": "3"},
        good | {"salon": good["salon"] | {"colour": "red"}},
        good | {"items": [good["items"][0] | {"colour": "red"}]},
    ):
        assert not judge.accepts_answer("createBooking", "201", broken)
