"""The ready requests: one for each operation in both collections, signed in as it needs, and no secret in them."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from backend.core.contract.reading import operations
from backend.core.contract.ready_made import ready_made
from tests.project.tree import ROOT

FOLDER = ROOT / "mobile-contract"


@pytest.fixture(scope="module")
def document():
    return yaml.load((FOLDER / "openapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@pytest.fixture(scope="module")
def files(document):
    return ready_made(document)


@pytest.fixture(scope="module")
def postman(files):
    return json.loads(files["collections/postman.json"])


def test_every_operation_is_in_both_collections(document, files, postman):
    names = {operation["operationId"] for _, _, operation in operations(document)}
    assert {item["name"] for folder in postman["item"] for item in folder["item"]} == names
    bruno = {path.split("/")[-1].removesuffix(".bru") for path in files if path.endswith(".bru")}
    assert bruno - {"local", "staging"} == names


def test_a_request_is_whole(document, postman):
    by_name = {operation["operationId"]: (m, p, operation) for m, p, operation in operations(document)}
    for folder in postman["item"]:
        for item in folder["item"]:
            method, path, operation = by_name[item["name"]]
            request = item["request"]
            assert request["method"] == method.upper()
            assert "{{server}}" + re.sub(r"\{(\w+)\}", r":\1", path) == request["url"]["raw"]
            assert {v["key"] for v in request["url"]["variable"]} == set(re.findall(r"\{(\w+)\}", path))
            assert ("auth" in request) is not any(operation.get("security", ()))
            keyed = any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", ()))
            assert ("Idempotency-Key" in {h["key"] for h in request["header"]}) is keyed
            if "body" in request:
                json.loads(request["body"]["raw"])


def test_bruno_files_have_balanced_blocks_and_a_body_that_is_json(files):
    for path, text in files.items():
        if not path.endswith(".bru"):
            continue
        blocks = re.findall(r"^([\w:-]+) \{\n(.*?)^\}\n", text, re.MULTILINE | re.DOTALL)
        assert blocks, path
        assert "".join(f"{name} {{\n{inner}}}\n\n" for name, inner in blocks).strip() == text.strip(), path
        found = dict(blocks)
        if "body:json" in found:
            json.loads(found["body:json"])


def test_signing_in_keeps_the_tokens_and_nothing_secret_is_written(files):
    assert "res.body.access_token" in files["collections/bruno/sign-in/verifyOtp.bru"]
    assert "pm.collectionVariables.set" in files["collections/postman.json"]
    for text in files.values():
        assert not re.search(r"sk_(test|live)_|eyJ[\w-]{20,}\.eyJ[\w-]{30,}", text)
