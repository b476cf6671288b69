"""What a salon's customers are told, and the salon's own words for it."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import messages
from backend.bookings.models import Wording
from backend.bookings.operations.wording import drop_wording, set_wording
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.both import LANGUAGES, UNSTORABLE
from backend.core.api.schema import SALON
from backend.core.api.shapes import Shape
from backend.core.api.views import Endpoint, person
from backend.core.time import rfc3339
from backend.salons.api.manage.answering import OWN
from backend.salons.models import Salon
from backend.salons.permissions import Desk, desk_of

OWNS = Desk("edit_salon")
KINDS = tuple(messages.REPHRASABLE)
KIND = OpenApiParameter("kind", OpenApiTypes.STR, OpenApiParameter.PATH, enum=KINDS)
LANGUAGE = OpenApiParameter("language", OpenApiTypes.STR, OpenApiParameter.PATH, enum=LANGUAGES)


class Written(serializers.CharField):
    """A text as it was written: what may not stand in it is refused, not taken out."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        if UNSTORABLE.search(data):
            raise serializers.ValidationError("", code="invalid_format")
        return super().to_internal_value(data)


class WordingBody(Body):
    text = Written(max_length=messages.LONGEST_TEXT, help_text="With placeholders in braces, such as `{ref}`")


class WordingShape(Shape):
    kind = serializers.ChoiceField(choices=KINDS)
    language = serializers.ChoiceField(choices=LANGUAGES)
    text = serializers.CharField(help_text="In force: the salon's own, or the one everybody has")
    is_own = serializers.BooleanField()
    changed_at = fields.Moment(allow_null=True)
    placeholders = serializers.ListField(child=serializers.CharField(), help_text="What it may name")
    required_placeholders = serializers.ListField(
        child=serializers.CharField(), help_text="What it must name"
    )
    preview = serializers.CharField(help_text="Filled in, as SMS, e-mail and the inbox show it")


class WordingList(Shape):
    items = WordingShape(many=True)


class Wordings(Endpoint):
    access = {"GET": OWNS}

    @extend_schema(
        operation_id="listWordings",
        summary="What my customers are told, in the words in force, with a preview",
        tags=["manage"],
        parameters=[SALON],
        responses={200: WordingList},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_salon")
        own = {(row.kind, row.language): row for row in Wording.objects.filter(salon=at)}
        items = [
            shown(at, kind, language, own.get((kind, language))) for kind in KINDS for language in LANGUAGES
        ]
        return Response({"items": items}, headers=OWN)


class WordingItem(Endpoint):
    access = {"PUT": OWNS, "DELETE": OWNS}

    @extend_schema(
        operation_id="setWording",
        summary="Say it in the salon's own words",
        description=(
            "One SMS part with a salon name of 12 characters; all required placeholders and no unknown ones; no "
            "links, vowel marks or invisible characters. WhatsApp keeps the wording approved for everybody."
        ),
        tags=["manage"],
        parameters=[SALON, KIND, LANGUAGE],
        request=WordingBody,
        responses={200: WordingShape},
    )
    def put(self, request: Request, salon: str, kind: str, language: str) -> Response:
        at = desk_of(person(request), salon, "edit_salon")
        text = self.body(WordingBody, request)["text"]
        row = set_wording(
            salon=at, kind=kind, language=language, text=text, by=person(request), now=timezone.now()
        )
        return Response(shown(at, kind, language, row), headers=OWN)

    @extend_schema(
        operation_id="dropWording",
        summary="Go back to the words everybody has",
        tags=["manage"],
        parameters=[SALON, KIND, LANGUAGE],
        request=None,
        responses={200: WordingShape},
    )
    def delete(self, request: Request, salon: str, kind: str, language: str) -> Response:
        at = desk_of(person(request), salon, "edit_salon")
        drop_wording(salon=at, kind=kind, language=language)
        return Response(shown(at, kind, language, None), headers=OWN)


def shown(salon: Salon, kind: str, language: str, own: Wording | None) -> dict[str, Any]:
    phrase = messages.REPHRASABLE[kind]
    own = own if own and messages.may_say(salon, own.text) else None
    text = messages.text_in_force(phrase, salon=salon, language=language, own=own.text if own else "")
    allowed, required = messages.placeholders_for(phrase, salon)
    return {
        "kind": kind,
        "language": language,
        "text": text,
        "is_own": own is not None,
        "changed_at": rfc3339(own.changed_at, salon.zone) if own else None,
        "placeholders": allowed,
        "required_placeholders": required,
        "preview": messages.preview(text, salon=salon, language=language),
    }


routes = [
    path("manage/salons/<str:salon>/wordings", Wordings.as_view(), name="manage-wordings"),
    path(
        "manage/salons/<str:salon>/wordings/<str:kind>/<str:language>",
        WordingItem.as_view(),
        name="manage-wording",
    ),
]
