"""What the contract says of a body, held against what the server refuses: what must be there, how little, how much."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from rest_framework import serializers

from backend.core.api.bodies import Body
from backend.core.api.both import Both
from tests.core.helpers import field_error
from tests.factories import SalonFactory, UserFactory, employ
from tests.support import contract
from tests.support.api import Api

pytestmark = pytest.mark.django_db
LONG = 100_000
"""Characters, longer than any text that a body takes without an end of its own."""


def kinds(parent: type[Body] = Body) -> Iterator[type[Body]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from kinds(kind)


def bodies() -> list[tuple[str, type[Body]]]:
    """Name in the contract and class, of all that stands in it; a PATCH's has a name of its own."""
    contract.schema()  # loads the views
    models = contract.schema()["components"]["schemas"]
    return [
        (name, kind)
        for kind in kinds()
        for name in (f"{kind.__name__}Request", f"Patched{kind.__name__}Request")
        if name in models
    ]


def model(name: str) -> dict[str, Any]:
    found: dict[str, Any] = contract.schema()["components"]["schemas"][name]
    return found


def refused(read: Callable[[Any], Any], value: Any) -> bool:
    try:
        read(value)
    except serializers.ValidationError:
        return True
    return False


def members() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for name, kind in bodies():
        for member, field in kind().fields.items():
            yield f"{name}/{member}", field, model(name)["properties"][member]


def told(node: dict[str, Any], word: str) -> Any:
    """What the schema says, be it wrapped or nullable."""
    node = contract.resolve(node)
    parts = [node, *node.get("allOf", ()), *node.get("oneOf", ()), *node.get("anyOf", ())]
    return next((part[word] for part in parts if word in part), None)


def test_every_body_of_an_operation_is_held_against_the_server() -> None:
    asked = {
        media["schema"]["$ref"].rpartition("/")[2]
        for item in contract.schema()["paths"].values()
        for operation in item.values()
        for media in operation.get("requestBody", {}).get("content", {}).values()
    }
    assert len(asked) > 60
    assert asked <= {name for name, _kind in bodies()}


def test_what_is_demanded_of_a_body_stands_in_the_contract() -> None:
    for name, kind in bodies():
        try:
            kind().to_internal_value({})
            demanded = set()
        except serializers.ValidationError as error:
            found = cast(dict[str, Any], error.detail)
            demanded = {member for member, why in found.items() if why[0].code == "required"}
        assert set(model(name).get("required", ())) == demanded, name


def test_a_body_that_must_hold_something_is_demanded_itself() -> None:
    for path, item in contract.schema()["paths"].items():
        for method, operation in item.items():
            body = operation.get("requestBody", {})
            for media in body.get("content", {}).values():
                needs = bool(contract.resolve(media["schema"]).get("required"))
                assert body.get("required", False) is needs, (method, path)


def test_a_list_says_how_little_and_how_much_it_takes() -> None:
    lists = [(place, field, node) for place, field, node in members() if told(node, "type") == "array"]
    assert len(lists) > 15
    for place, field, node in lists:
        least, most = told(node, "minItems") or 0, told(node, "maxItems")
        assert refused(field.run_validation, []) is (least > 0), place
        assert most is not None, place
        assert refused(field.run_validators, [None] * (most + 1)), place
        assert not refused(field.run_validators, [None] * most), place


def test_a_text_says_how_little_and_how_much_it_takes() -> None:
    texts = [
        (place, field, node) for place, field, node in members() if "string" in (told(node, "type") or ())
    ]
    assert len(texts) > 100
    for place, field, node in texts:
        if any(told(node, word) for word in ("format", "enum")):
            continue
        most, least = told(node, "maxLength"), told(node, "minLength") or 0
        if told(node, "pattern") is None:
            assert refused(field.run_validation, "") is (least > 0), place
            assert refused(field.run_validation, "1" * LONG) is (most is not None), place
        if most is not None:
            assert refused(field.run_validation, "1" * (most + 1)), place


def test_a_text_in_both_languages_says_how_much_it_takes() -> None:
    found = [(place, field, node) for place, field, node in members() if isinstance(field, Both)]
    assert len(found) > 10
    for place, field, node in found:
        told_most = f"At most {field.max_length:,} characters in each language"
        assert told_most in node["description"], place
        assert ("one of them says something" in node["description"]) is not field.allow_blank, place


def test_a_change_without_the_version_that_was_seen_is_refused() -> None:
    salon = SalonFactory.create()
    owner = Api(employ(salon, "owner"))
    answer = owner.send("PATCH", f"manage/salons/{salon.slug}", body={"auto_confirm": True})
    field_error(answer, "field_required", pointer="/version")


def test_a_quote_for_nothing_is_refused() -> None:
    body = {"salon_id": str(uuid.uuid4()), "items": [], "starts_at": "2026-11-20T16:30:00+03:00"}
    field_error(Api(UserFactory.create()).post("quotes", body), "list_empty", pointer="/items")
