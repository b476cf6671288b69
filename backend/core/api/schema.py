"""What the generated contract says beyond our views: one Problem for every error of every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

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
        "params": {"type": "object", "additionalProperties": True},
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
        "params": {"type": "object", "additionalProperties": True},
        "retry_after": {"type": "integer", "description": "Seconds, as in the Retry-After header"},
        "current": {
            "type": "object",
            "additionalProperties": True,
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
    return result


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


def attach_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook. Each operation lists the errors it can really answer."""
    components = result.setdefault("components", {})
    for name, model in components.get("schemas", {}).items():
        if name in OPEN_LISTS:
            model["x-open-enum"] = True
    components.setdefault("schemas", {}).update({"FieldError": _FIELD_ERROR, "Problem": _PROBLEM})
    components["responses"] = {f"Problem{status.title()}": _response(status) for status in _DESCRIPTIONS}
    for path, item in result["paths"].items():
        for method, operation in item.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            wanted = {"429", "default"}
            if operation.get("requestBody") or any(
                p["in"] != "path" for p in operation.get("parameters", ())
            ):
                wanted.add("400")
            if any(operation.get("security", [{}])):
                wanted |= {"401", "403"}
            if "{" in path:
                wanted.add("404")
            if method in ("post", "put", "patch") and operation.get("requestBody"):
                wanted |= {"409", "422"}
            for status in sorted(wanted - set(operation["responses"])):
                operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status.title()}"}
    return result
