"""What the generated contract says beyond our views: one Problem for every error of every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from backend.core.api.both import Both
from backend.core.contract.reading import operations

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    required=True,
    description="A UUID made when the person taps, kept until a final answer, sent again with every retry.",
)

OPTIONAL_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    required=False,
    description="The same UUID with every retry of one tap; without it a repeat is a request of its own.",
)

SALON = OpenApiParameter(
    "salon", OpenApiTypes.STR, OpenApiParameter.PATH, required=True, description="The salon's id or its slug"
)

LIST_NAMES = {
    "AskedEnum": "RefusedRequest",
    "AudienceEnum": "Audience",
    "ChannelEnum": "PhoneChannel",
    "CodeEnum": "CalendarReadError",
    "ConsentShapePurposeEnum": "ConsentPurpose",
    "DayEnum": "Weekday",
    "DeskSessionShapeStateEnum": "DeskSessionState",
    "GroupEnum": "CostGroup",
    "MarkShapeKindEnum": "MarkKind",
    "MarkShapeStatusEnum": "MarkStatus",
    "MeansEnum": "PaidBy",
    "NeedsEnum": "PhoneChangeCode",
    "NoteEnum": "ReconciliationNote",
    "PausePrayersEnum": "Prayer",
    "PhaseEnum": "BookingPhase",
    "PlatformEnum": "Platform",
    "PolicyEnum": "UpdatePolicy",
    "PrayerPauseEnum": "PrayerPause",
    "PushTargetBodyKindEnum": "PushTargetKind",
    "ReasonEnum": "CreditNoteReason",
    "RoleEnum": "DeskRole",
    "RolesEnum": "PlatformRole",
    "SessionShapeStateEnum": "SessionState",
    "SeverityEnum": "DifferenceSeverity",
    "TaxDocumentShapeKindEnum": "TaxDocumentKind",
    "TopicEnum": "MessageTopic",
    "TypeEnum": "PaymentSourceType",
    "WordingShapeKindEnum": "WordingKind",
    "WordingShapeLanguageEnum": "WordingLanguage",
}
"""What drf-spectacular calls a list of values after its first field, and what it is called in clients."""

OPEN_LISTS = {
    "BookingState",
    "CalendarReadError",
    "ConsentPurpose",
    "DifferenceAct",
    "DifferenceKind",
    "DifferenceResolution",
    "DifferenceState",
    "EntryKind",
    "LedgerAccount",
    "MessageChannel",
    "MessageTopic",
    "OutsideCalendarKind",
    "OutsideCalendarState",
    "PaymentPurpose",
    "PaymentState",
    "PlatformRole",
    "ReconciliationNote",
    "RefundRequestState",
    "RefundState",
    "RefusedRequest",
    "SalonStatus",
    "TaskKind",
    "TaxDocumentKind",
    "WaitlistState",
    "WordingKind",
}
"""Lists of values that may grow: an app that meets an unknown one shows a neutral word and goes on."""

_FORM = "application/x-www-form-urlencoded"
_BILINGUAL_TEXT = {
    "type": "object",
    "description": "A text as staff edit it; null where a language says nothing",
    "properties": {"ar": {"type": ["string", "null"]}, "en": {"type": ["string", "null"]}},
    "required": ["ar", "en"],
    "additionalProperties": False,
}

_FIELD_ERROR = {
    "type": "object",
    "required": ["pointer", "parameter", "code", "detail", "params"],
    "properties": {
        "pointer": {
            "type": ["string", "null"],
            "description": "JSON Pointer into the body; empty for the whole body; null when a query value is wrong",
        },
        "parameter": {"type": ["string", "null"], "description": "Name of the wrong query value or header"},
        "code": {"type": "string", "description": "Stable, see errors.json"},
        "detail": {"type": "string", "description": "For people, in the answer's language"},
        "params": {"type": "object", "additionalProperties": {}},
    },
}

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. Branch on `code`, show `detail`, log `request_id`.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, see errors.json; an open list"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        "params": {"type": "object", "additionalProperties": {}},
        "retry_after": {"type": "integer", "description": "Seconds, as in the Retry-After header"},
        "current": {
            "type": "object",
            "additionalProperties": {},
            "description": "The resource as it is now",
        },
    },
}

_DESCRIPTIONS = {
    "400": "The request's shape or a field is wrong.",
    "401": "Sign-in needed, expired or ended.",
    "403": "Known, and not allowed.",
    "404": "Absent, or somebody else's.",
    "409": "The world moved: reload or retry as the code says.",
    "422": "Understood, and refused by a rule.",
    "429": "Too many requests; wait `retry_after` seconds.",
    "default": "Any other error, in the same shape.",
}


def doc_excludes() -> list[type]:
    """Parents whose docstrings speak to us and would otherwise stand in the contract (GET_LIB_DOC_EXCLUDES)."""
    from backend.core.api.bodies import Body, Query
    from backend.core.api.shapes import Shape
    from backend.core.api.views import Endpoint, PublicEndpoint, Webhook

    library = get_lib_doc_excludes()  # type: ignore[no-untyped-call]
    return [*library, Endpoint, PublicEndpoint, Webhook, Body, Query, Shape]


def _described(node: dict[str, Any], text: str) -> dict[str, Any]:
    """Tools overlook what stands beside a bare reference."""
    return ({"allOf": [node]} if "$ref" in node else node) | {"description": text}


class WholeBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """What the server demands of a body, where drf-spectacular says less.

    A PATCH demands what its body declares, such as `version`; there all of it is taken as optional. And a text in both
    languages has its length here, not in the model that all of them share.
    """

    target_class = "backend.core.api.bodies.Body"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        required = sorted(name for name, field in self.target.fields.items() if field.required)
        for name, field in self.target.fields.items():
            if isinstance(field, Both):
                told = f"{field.help_text}. {field.limits}" if field.help_text else field.limits
                schema["properties"][name] = _described(schema["properties"][name], told)
        return schema | {"required": required} if required else schema


def _response(status: str) -> dict[str, Any]:
    return {
        "description": _DESCRIPTIONS[status],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def name_lists(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook. Clients make types of lists of values, by the names of LIST_NAMES."""
    schemas = result["components"]["schemas"]
    named = {LIST_NAMES.get(name, name): schema for name, schema in schemas.items()}
    result["components"]["schemas"] = dict(sorted(named.items()))
    _rename(result)
    _name_lists_of_parameters(result)
    return result


def _name_lists_of_parameters(result: dict[str, Any]) -> None:
    """drf-spectacular writes a parameter's values out, and each method of a client would get a type of its own."""
    schemas = result["components"]["schemas"]
    names = {frozenset(schema["enum"]): name for name, schema in schemas.items() if "enum" in schema}
    for _method, _path, operation in operations(result):
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            name = names.get(frozenset(schema.get("enum", ())))
            if name is None:
                continue
            listed: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
            if "default" in schema:
                listed = {"allOf": [listed], "default": schema["default"]}
            parameter["schema"] = listed


def _rename(part: Any) -> None:
    if isinstance(part, list):
        for inner in part:
            _rename(inner)
    elif isinstance(part, dict):
        folder, _slash, name = str(part.get("$ref", "")).rpartition("/")
        if name in LIST_NAMES:
            part["$ref"] = f"{folder}/{LIST_NAMES[name]}"
        for inner in part.values():
            _rename(inner)


def describe_bodies(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook. A body has no names but its own; an answer may gain some any day.

    An object inside a form is written `device[platform]=ios` (accounts.api.parsers).
    """
    schemas = result["components"]["schemas"]
    operations = [
        operation
        for item in result["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
    ]
    asked = _models_in([operation.get("requestBody") for operation in operations], schemas)
    told = _models_in([operation.get("responses") for operation in operations], schemas)
    for name in asked - told:
        if "properties" in schemas[name]:
            schemas[name].setdefault("additionalProperties", False)
    for operation in operations:
        form = operation.get("requestBody", {}).get("content", {}).get(_FORM)
        if form is not None:
            members = schemas[form["schema"]["$ref"].rpartition("/")[2]]["properties"]
            objects = [name for name, member in members.items() if "properties" in _model_of(member, schemas)]
            if objects:
                form["encoding"] = {name: {"style": "deepObject", "explode": True} for name in objects}
    return result


def _model_of(part: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = schemas.get(str(part.get("$ref", "")).rpartition("/")[2], part)
    return model


def _models_in(part: Any, schemas: dict[str, Any]) -> set[str]:
    """The names of the models that a part of the schema refers to, and those that these refer to."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting += node.values()
    return found


def attach_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook. Each operation lists the errors it can really answer."""
    components = result.setdefault("components", {})
    for name, model in components.get("schemas", {}).items():
        if name in OPEN_LISTS:
            model["x-open-enum"] = True
        for member in model.get("properties", {}).values():
            if isinstance(member.get("default"), dict):
                del member["default"]  # generators copy it into their language as it stands
                if list(member) == ["allOf"] and len(member["allOf"]) == 1:
                    member |= member.pop("allOf")[0]
    components.setdefault("schemas", {}).update(
        {"BilingualText": _BILINGUAL_TEXT, "FieldError": _FIELD_ERROR, "Problem": _PROBLEM}
    )
    components["responses"] = {f"Problem{status.title()}": _response(status) for status in _DESCRIPTIONS}
    for path, item in result["paths"].items():
        for method, operation in item.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            wanted = {"400", "429", "default"}  # a query name nobody knows is wrong everywhere
            if any(operation.get("security", [{}])) or "/auth/" in path:
                wanted |= {"401", "403"}
            if "{" in path or any(p["name"] == "version" for p in operation.get("parameters", ())):
                wanted.add("404")
            if method != "get":
                wanted |= {"409", "422"}
            for status in sorted(wanted - set(operation["responses"])):
                operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status.title()}"}
    return result
