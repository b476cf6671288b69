"""The contract as this server tells it: one document, one page to read it, the same for everybody."""

from __future__ import annotations

import gzip
import re
import time
from typing import Any

import pytest
import yaml
from django.urls import get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from backend.core.api.views import Endpoint
from backend.core.errors import FIELD_ERRORS
from tests.core.helpers import send
from tests.project.tree import ROOT
from tests.support import contract

pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "put", "patch", "delete")


def endpoint_views() -> list[Any]:
    found, waiting = [], list(get_resolver("backend.config.urls").url_patterns)
    while waiting:
        pattern = waiting.pop()
        waiting += getattr(pattern, "url_patterns", [])
        view = getattr(getattr(pattern, "callback", None), "view_class", None)
        if isinstance(view, type) and issubclass(view, Endpoint):
            found.append(view)
    return found


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = contract.schema()["paths"]
    return [(m, p, item[m]) for p, item in paths.items() for m in METHODS if m in item]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_server_tells_the_contract_that_tests_hold_it_to(language: str) -> None:
    answer = send("GET", "/api/v1/openapi.json", language=language)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.json() == yaml.safe_load(
        (ROOT / "mobile-contract/openapi.yaml").read_text(encoding="utf-8")
    )


def test_the_contract_travels_small_and_only_when_it_changed() -> None:
    plain = send("GET", "/api/v1/openapi.json")
    small = send("GET", "/api/v1/openapi.json", Accept_Encoding="gzip")
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.content) == plain.content
    assert len(small.content) < len(plain.content) / 5
    assert "Accept-Encoding" in small.headers["Vary"]
    tag = plain.headers["ETag"]
    assert tag == small.headers["ETag"]
    again = send("GET", "/api/v1/openapi.json", If_None_Match=tag, Accept_Encoding="gzip")
    assert (again.status_code, again.content) == (304, b"")


def test_the_contract_is_not_made_anew_for_each_request(django_assert_num_queries: Any) -> None:
    send("GET", "/api/v1/openapi.json")
    began = time.perf_counter()
    with django_assert_num_queries(0):
        for _ in range(20):
            send("GET", "/api/v1/openapi.json")
    assert time.perf_counter() - began < 2


def test_the_contract_is_valid_openapi() -> None:
    assert contract.schema()["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(contract.schema()).iter_errors()] == []


def test_every_operation_has_its_own_name() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) > 20
    assert len(set(map(str.lower, names))) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)*", name)] == []


def test_every_operation_is_summed_up_and_has_its_place() -> None:
    known = {tag["name"] for tag in contract.schema()["tags"]}
    for method, path, operation in operations():
        assert operation["summary"].strip(), (method, path)
        assert len(operation["tags"]) == 1, (method, path)
        assert set(operation["tags"]) <= known, (method, path)


def test_what_is_deprecated_is_marked_in_the_schema() -> None:
    going = [
        (view.__name__, method)
        for view in endpoint_views()
        for method, deprecation in view.deprecated.items()
        if not deprecation.removed
    ]
    marked = [operation["operationId"] for _, _, operation in operations() if operation.get("deprecated")]
    assert len(going) == len(marked), (going, marked)


def test_every_operation_promises_problems() -> None:
    for method, path, operation in operations():
        failures = {s: r for s, r in operation["responses"].items() if not s.startswith("2")}
        assert "default" in failures, (method, path)
        for status, response in failures.items():
            content = contract.resolve(response)["content"]
            assert content == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }, (path, status)
        assert [s for s in operation["responses"] if s.startswith("2")], (method, path)


def test_a_body_takes_no_names_but_its_own_and_an_answer_may_gain_some() -> None:
    models = contract.schema()["components"]["schemas"]
    closed = {name for name, model in models.items() if model.get("additionalProperties") is False}
    for _, path, operation in operations():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert media["schema"]["$ref"].rpartition("/")[2] in closed, path
    assert {"OtpVerificationBodyRequest", "DeviceBodyRequest"} <= closed
    assert not {"Problem", "BookingShape", "MoneyShape"} & closed


def test_an_object_in_a_form_is_written_as_the_server_reads_it() -> None:
    [operation] = [o for _, _, o in operations() if o["operationId"] == "verifyOtp"]
    form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert form["encoding"] == {"device": {"style": "deepObject", "explode": True}}


def test_whatever_writes_may_be_refused_by_a_rule_and_a_wrong_query_everywhere() -> None:
    for method, path, operation in operations():
        assert "400" in operation["responses"], path
        assert method == "get" or {"409", "422"} <= set(operation["responses"]), (method, path)


def test_addresses_follow_the_custom() -> None:
    for _, path, _ in operations():
        name, value = r"[a-z]+(-[a-z]+)*", r"\{[a-z_]+\}"
        assert re.fullmatch(rf"/api/v1(/({name}|{value})(\.([a-z]+|{value}))?)+", path), path


def test_public_operations_need_nothing_and_the_others_a_token() -> None:
    secured = {operation["operationId"]: operation.get("security", []) for _, _, operation in operations()}
    for name in ("listSalons", "getSalon", "listCities", "listCategories", "requestOtp", "verifyOtp"):
        assert not any(secured[name]), name
    for name in ("getMe", "createBooking", "listMySalons"):
        assert secured[name] == [{"jwtAuth": []}], name


def test_the_shape_of_a_problem_is_the_one_answered() -> None:
    shape = contract.schema()["components"]["schemas"]
    body = send("GET", "/api/v1/salons?limit=x&staus=y").json()
    assert set(shape["Problem"]["required"]) <= set(body) <= set(shape["Problem"]["properties"])
    for error in body["errors"]:
        assert set(error) == set(shape["FieldError"]["properties"]) == set(shape["FieldError"]["required"])
        assert error["code"] in FIELD_ERRORS
