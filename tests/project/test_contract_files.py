from __future__ import annotations

import json
import re
from io import StringIO

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.utils import translation
from openapi_spec_validator import OpenAPIV31SpecValidator

from backend.core.api.bodies import Body, Query
from backend.core.api.shapes import Shape
from backend.core.api.views import Endpoint, PublicEndpoint
from backend.core.contract.errors import texts_of
from backend.core.errors import FIELD_ERRORS, DomainError, all_refusals
from tests.project.tree import ROOT

FOLDER = ROOT / "mobile-contract"


@pytest.fixture(scope="module")
def entries():
    return json.loads((FOLDER / "errors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema():
    return yaml.safe_load((FOLDER / "openapi.yaml").read_text(encoding="utf-8"))


def test_the_committed_contract_is_what_the_code_says_now():
    call_command("contract", "--check", stdout=StringIO())


def test_a_stale_contract_is_noticed(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match=r"(?s)openapi\.yaml is missing.*errors.json is missing"):
        call_command("contract", "--check", stdout=StringIO())
    call_command("contract", stdout=StringIO())
    call_command("contract", "--check", stdout=StringIO())
    path = tmp_path / "mobile-contract/openapi.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("operationId", "operationID", 1), encoding="utf-8"
    )
    with pytest.raises(CommandError, match=r"openapi\.yaml differs from line"):
        call_command("contract", "--check", stdout=StringIO())


def test_the_schema_is_valid_openapi_3_1(schema):
    assert schema["openapi"].startswith("3.1")
    assert not list(OpenAPIV31SpecValidator(schema).iter_errors())


def test_every_operation_has_an_id_a_tag_a_summary_and_its_errors(schema):
    tags = {tag["name"] for tag in schema["tags"]}
    ids = []
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            ids.append(operation["operationId"])
            assert re.fullmatch(r"[a-z][A-Za-z0-9]+", operation["operationId"]), where
            assert set(operation["tags"]) <= tags, where
            assert operation["summary"], where
            assert "default" in operation["responses"], where
            assert not path.endswith("/"), where
    assert len(ids) == len(set(ids))


def without_examples(node):
    if isinstance(node, dict):
        return {name: without_examples(value) for name, value in node.items() if name != "examples"}
    return [without_examples(value) for value in node] if isinstance(node, list) else node


def test_the_schema_speaks_english(schema):
    """But for its Arabic examples, and the name of the other language, which is written as its speakers write it."""
    text = yaml.safe_dump(without_examples(schema), allow_unicode=True).replace("العربية", "")
    assert not re.search(r"[\u0600-\u06ff]", text)


def test_every_list_of_values_has_a_name_of_its_own(schema):
    made_up = [name for name in schema["components"]["schemas"] if name.endswith("Enum")]
    assert made_up == ["BlankEnum", "NullEnum"]  # a form may leave a field empty


def test_the_schema_says_nothing_about_our_base_classes(schema):
    """drf-spectacular describes an operation by the nearest docstring above it, which may be meant for us alone."""
    text = " ".join(yaml.safe_dump(schema, width=10_000).split())
    for base in (Endpoint, PublicEndpoint, Body, Query, Shape):
        assert base.__doc__
        assert " ".join(base.__doc__.split(".")[0].split()) not in text, base.__name__


def test_every_code_is_listed_once_in_both_languages(entries):
    listed = [(e["kind"], e["code"]) for e in entries]
    assert len(listed) == len(set(listed))
    assert {c for kind, c in listed if kind == "problem"} == {refusal.code for refusal in all_refusals()}
    assert {c for kind, c in listed if kind == "field"} == FIELD_ERRORS.keys()
    for entry in entries:
        assert re.search(r"[\u0600-\u06ff]", entry["ar"]), entry["code"]
        assert not re.search(r"[\u0600-\u06ff]", entry["en"]), entry["code"]
        assert "%(" not in entry["ar"] + entry["en"], entry["code"]


def test_every_entry_says_what_the_app_does(entries):
    for entry in entries:
        assert entry.keys() == {"code", "status", "kind", "client", "retry", "ar", "en"}
        assert entry["client"] in {"fix", "sign_in", "refresh", "show", "reload", "retry", "update"}, entry[
            "code"
        ]
        assert (entry["status"] is None) == (entry["kind"] == "failure"), entry["code"]
        assert re.fullmatch(r"[a-z][a-z0-9_]*", entry["code"])


def test_a_refusal_that_another_request_can_cure_says_so(entries):
    for entry in entries:
        if entry["status"] in (500, 503):
            assert entry["retry"], entry["code"]


def test_texts_that_count_are_told_in_the_form_for_many():
    from django.utils.translation import ngettext_lazy

    class Counting(DomainError):
        message = ngettext_lazy("%(seconds)d second, %(name)s", "%(seconds)d seconds, %(name)s", "seconds")

    with translation.override("ar"):
        assert texts_of(Counting.message)["en"] == "{seconds} seconds, {name}"
