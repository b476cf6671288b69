"""Each kind of change that would break an installed app is found, and nothing else is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from backend.core.contract.changes import breaking

Change = Callable[[dict[str, Any]], Any]

BOOKING = {
    "type": "object",
    "required": ["id", "state", "phase", "note", "salon", "title", "price"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "state": {"allOf": [{"$ref": "#/components/schemas/State"}]},
        "phase": {"$ref": "#/components/schemas/Phase"},
        "note": {"oneOf": [{"type": "string"}, {"type": "null"}]},
        "title": {"type": "string", "maxLength": 40},
        "salon": {"allOf": [{"$ref": "#/components/schemas/Named"}], "readOnly": True},
        "price": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Named"}},
    },
}
CREATE = {
    "type": "object",
    "required": ["salon_id"],
    "properties": {
        "salon_id": {"type": "string"},
        "note": {"type": ["string", "null"], "maxLength": 200},
        "source": {"type": "string", "enum": ["app", "desk"]},
        "seats": {"type": "integer", "minimum": 1},
    },
}
SCHEMA: dict[str, Any] = {
    "paths": {
        "/bookings": {
            "get": {
                "operationId": "listBookings",
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "default": 20}},
                    {"in": "query", "name": "q", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Booking"}}}
                    }
                },
            },
            "post": {
                "operationId": "createBooking",
                "security": [{"jwtAuth": []}],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Create"}},
                        "application/x-www-form-urlencoded": {
                            "schema": {"$ref": "#/components/schemas/Create"}
                        },
                    }
                },
                "responses": {
                    "201": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Booking"}}}
                    },
                    "409": {"$ref": "#/components/responses/Problem"},
                },
            },
        }
    },
    "components": {
        "responses": {
            "Problem": {
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Named"}}}
            }
        },
        "schemas": {
            "Booking": BOOKING,
            "Create": CREATE,
            "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "State": {"type": "string", "enum": ["held", "confirmed"], "x-open-enum": True},
            "Phase": {"type": "string", "enum": ["upcoming", "past"]},
        },
    },
}


def booking(schema: dict[str, Any]) -> Any:
    return schema["components"]["schemas"]["Booking"]


def field(schema: dict[str, Any], name: str) -> Any:
    return booking(schema)["properties"][name]


def asked(schema: dict[str, Any]) -> Any:
    return schema["components"]["schemas"]["Create"]


def listing(schema: dict[str, Any]) -> Any:
    return schema["paths"]["/bookings"]["get"]


def creating(schema: dict[str, Any]) -> Any:
    return schema["paths"]["/bookings"]["post"]


def rename_model(schema: dict[str, Any]) -> None:
    models = schema["components"]["schemas"]
    models["Label"] = models.pop("Named")
    for reference in (field(schema, "salon")["allOf"][0], field(schema, "items")["items"]):
        reference["$ref"] = "#/components/schemas/Label"
    problem = schema["components"]["responses"]["Problem"]["content"]["application/problem+json"]
    problem["schema"]["$ref"] = "#/components/schemas/Label"


BREAKING: dict[str, tuple[Change, str]] = {
    "an operation is removed": (lambda s: s["paths"]["/bookings"].pop("get"), "the operation is gone"),
    "an operation is renamed": (lambda s: listing(s).update(operationId="bookings"), "operationId"),
    "a model is renamed": (rename_model, "gone or renamed"),
    "a public operation asks for a sign-in": (
        lambda s: listing(s).update(security=[{"jwtAuth": []}]),
        "sign-in",
    ),
    "a status is removed": (lambda s: creating(s)["responses"].pop("409"), "status 409 is gone"),
    "a media type is removed": (
        lambda s: creating(s)["requestBody"]["content"].pop("application/x-www-form-urlencoded"),
        "media type",
    ),
    "an answered field is removed": (
        lambda s: booking(s)["properties"].pop("price"),
        "/price: the field is gone",
    ),
    "an answered field changes its type": (
        lambda s: field(s, "price").update(type="string"),
        "/price: type",
    ),
    "an answered field changes its format": (lambda s: field(s, "id").pop("format"), "/id: format"),
    "an answered field may be null": (
        lambda s: field(s, "price").update(type=["integer", "null"]),
        "/price: may be null",
    ),
    "an answered field may be absent": (
        lambda s: booking(s)["required"].remove("title"),
        "/title: may be absent",
    ),
    "a closed list of answers grows": (
        lambda s: s["components"]["schemas"]["Phase"]["enum"].append("later"),
        "closed list gained",
    ),
    "an open list is closed": (lambda s: s["components"]["schemas"]["State"].pop("x-open-enum"), "open list"),
    "an answered text grows longer": (lambda s: field(s, "title").update(maxLength=80), "longer than 40"),
    "a field is newly required": (lambda s: asked(s)["required"].append("note"), "/note: is required"),
    "an asked field is removed": (lambda s: asked(s)["properties"].pop("note"), "/note: the field is gone"),
    "an asked field may not be null": (
        lambda s: asked(s)["properties"]["note"].update(type="string"),
        "may not be null",
    ),
    "an asked value is refused": (
        lambda s: asked(s)["properties"]["source"]["enum"].remove("app"),
        "not accepted any more",
    ),
    "a free value becomes a choice": (
        lambda s: asked(s)["properties"]["salon_id"].update(enum=["a"]),
        "not accepted any more",
    ),
    "an upper limit is tightened": (
        lambda s: asked(s)["properties"]["note"].update(maxLength=100),
        "maxLength is 100",
    ),
    "a lower limit is tightened": (
        lambda s: asked(s)["properties"]["seats"].update(minimum=2),
        "minimum is 2",
    ),
    "a limit is introduced": (lambda s: asked(s)["properties"]["seats"].update(maximum=9), "maximum is 9"),
    "a pattern is introduced": (
        lambda s: asked(s)["properties"]["salon_id"].update(pattern="^a$"),
        "has to match",
    ),
    "a query name is removed": (lambda s: listing(s)["parameters"].pop(), "parameter q is gone"),
    "a query value is newly required": (
        lambda s: listing(s)["parameters"][1].update(required=True),
        "parameter q is required",
    ),
    "a header is newly required": (
        lambda s: creating(s).update(
            parameters=[{"in": "header", "name": "Key", "required": True, "schema": {"type": "string"}}]
        ),
        "parameter Key is required",
    ),
    "a default changes": (lambda s: listing(s)["parameters"][0]["schema"].update(default=50), "default 20"),
    "a body becomes required": (
        lambda s: creating(s)["requestBody"].update(required=True),
        "body is required",
    ),
}

HARMLESS: dict[str, Change] = {
    "nothing": lambda s: None,
    "a new operation": lambda s: s["paths"].update(
        {"/quotes": {"get": listing(s) | {"operationId": "quote"}}}
    ),
    "a new answered field": lambda s: booking(s)["properties"].update(version={"type": "integer"}),
    "a new optional asked field": lambda s: asked(s)["properties"].update(hint={"type": "string"}),
    "a new optional query name": lambda s: listing(s)["parameters"].append({"in": "query", "name": "sort"}),
    "an open list grows": lambda s: s["components"]["schemas"]["State"]["enum"].append("expired"),
    "a closed list is opened": lambda s: s["components"]["schemas"]["Phase"].update({"x-open-enum": True}),
    "an asked field becomes optional": lambda s: asked(s)["required"].clear(),
    "an asked choice gains a value": lambda s: asked(s)["properties"]["source"]["enum"].append("web"),
    "a limit is loosened": lambda s: asked(s)["properties"]["note"].update(maxLength=300),
    "an answer is always there": lambda s: booking(s)["required"].append("items"),
    "an answer is never null": lambda s: booking(s)["properties"].update(note={"type": "string"}),
    "a sign-in is needed no more": lambda s: creating(s).pop("security"),
    "a description": lambda s: listing(s).update(description="All of them."),
    "a new refusal": lambda s: listing(s)["responses"].update(
        {"429": {"$ref": "#/components/responses/Problem"}}
    ),
}


def compared(change: Change) -> list[str]:
    newer = copy.deepcopy(SCHEMA)
    change(newer)
    return breaking(SCHEMA, newer)


@pytest.mark.parametrize("kind", BREAKING)
def test_a_breaking_change_is_found_and_named_once(kind: str) -> None:
    change, sentence = BREAKING[kind]
    found = compared(change)
    assert len(found) == 1, found
    assert sentence in found[0]


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_change_is_let_through(kind: str) -> None:
    assert compared(HARMLESS[kind]) == []


def test_models_that_contain_themselves_are_compared() -> None:
    def nest(schema: dict[str, Any]) -> None:
        named = schema["components"]["schemas"]["Named"]
        named["properties"]["parent"] = {"$ref": "#/components/schemas/Named"}

    older = copy.deepcopy(SCHEMA)
    nest(older)
    newer = copy.deepcopy(older)
    newer["components"]["schemas"]["Named"]["required"].clear()
    assert breaking(older, newer) == ["Named/name: may be absent now"]
