"""The desk's photos: sent as a form with a file, changed as JSON."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core import limits
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.both import Both
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import SALON
from backend.core.api.shapes import Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import ValidationFailed, VersionConflict
from backend.core.limits import Limit
from backend.salons.api.photo_shapes import DeskPhotoShape, desk_photo
from backend.salons.models import Photo
from backend.salons.operations import photos as operations
from backend.salons.operations.editing import in_both
from backend.salons.permissions import Desk, desk_of
from backend.salons.photos import PhotoRefused, read_photo

UPLOADS = Limit("photo-upload", 200, timedelta(hours=1))
OTHER_FIELDS_BYTES = 64 * 1024
OWN = {"Cache-Control": "private, no-cache"}


class PhotoForm(MultiPartParser):
    """A form as a plain dict. One too long for a photo is refused by its length, before anything is read."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = parser_context["request"].META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > settings.PHOTO_MAX_BYTES + OTHER_FIELDS_BYTES:
            raise ValidationFailed.at("/file", "photo_too_large")
        form = super().parse(stream, media_type, parser_context)
        return {**form.data.dict(), **form.files.dict()}


class PhotoFile(serializers.FileField):
    """A file of the form, read as a `Picture`."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, UploadedFile):
            raise serializers.ValidationError("", code="wrong_type")
        with data:
            if (data.size or 0) > settings.PHOTO_MAX_BYTES:
                raise serializers.ValidationError("", code="photo_too_large")
            try:
                return read_photo(data.read(), declared_type=data.content_type or "")
            except PhotoRefused as refused:
                raise serializers.ValidationError("", code=refused.code)


def _text(help_text: str = "") -> fields.Text:
    return fields.Text(max_length=200, required=False, allow_blank=True, default="", help_text=help_text)


class AddPhotoBody(Body):
    file = PhotoFile(help_text="JPEG, PNG or WebP; each side at least 320 pixels")
    caption_ar = _text()
    caption_en = _text()
    alt_ar = _text("What the picture shows, for screen readers")
    alt_en = _text()
    resource_id = fields.Identifier(required=False, help_text="What it shows: one of the three at most")
    staff_member_id = fields.Identifier(required=False)
    service_id = fields.Identifier(required=False)


class ChangePhotoBody(Body):
    version = fields.Integer(min_value=1)
    caption = Both(max_length=200, allow_blank=True, required=False)
    alt = Both(max_length=200, allow_blank=True, required=False)
    is_hidden = fields.Boolean(required=False)
    is_primary = fields.Boolean(
        required=False,
        help_text="`true` takes the place of the primary photo, which cannot step down by itself",
    )


class PhotoOrderBody(Body):
    photo_ids = serializers.ListField(
        child=fields.Identifier(), min_length=1, max_length=operations.MOST_PHOTOS
    )


class PhotoListQuery(PageQuery):
    resource_id = serializers.UUIDField(required=False)
    staff_member_id = serializers.UUIDField(required=False)
    service_id = serializers.UUIDField(required=False)


class DeskPhotoPage(Shape):
    items = DeskPhotoShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeskPhotoList(Shape):
    items = DeskPhotoShape(many=True)


class DeskPhotos(Endpoint):
    access = {"GET": Desk("edit_catalogue"), "POST": Desk("edit_catalogue")}
    queries = {"GET": PhotoListQuery}
    parser_classes = [PhotoForm]

    @extend_schema(
        operation_id="listSalonPhotos",
        summary="Photos of my salon and of all that is in it, hidden ones too",
        tags=["manage"],
        parameters=[SALON, PhotoListQuery],
        responses={200: DeskPhotoPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        filters = {name: value for name, value in self.query.items() if name not in ("limit", "cursor")}
        photos = Photo.objects.filter(salon=at, **filters)
        found = page(photos, order=("position", "id"), query=self.query)
        return Response(found.body(desk_photo), headers=OWN)

    @extend_schema(
        operation_id="addSalonPhoto",
        summary="Add a photo",
        description=(
            "The file is encoded anew without its metadata. The first photo of a subject is its primary one; a staff "
            "member's starts hidden. A file sent again is answered 200 with the photo it became."
        ),
        tags=["manage"],
        parameters=[SALON],
        request={"multipart/form-data": AddPhotoBody},
        responses={200: DeskPhotoShape, 201: DeskPhotoShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        now = timezone.now()
        at = desk_of(person(request), salon, "edit_catalogue")
        if wait := limits.take(UPLOADS, str(person(request).pk), now=now):
            raise UPLOADS.refusal(wait)
        body = self.body(AddPhotoBody, request)
        photo, is_new = operations.add_photo(
            album=operations.Album(
                salon=at,
                resource_id=body.get("resource_id"),
                staff_member_id=body.get("staff_member_id"),
                service_id=body.get("service_id"),
            ),
            picture=body["file"],
            texts={
                field: {"ar": body[f"{field}_ar"], "en": body[f"{field}_en"]} for field in ("caption", "alt")
            },
            now=now,
        )
        return Response(desk_photo(photo), status=201 if is_new else 200)


class DeskPhoto(Endpoint):
    access = {"PATCH": Desk("edit_catalogue"), "DELETE": Desk("edit_catalogue")}

    @extend_schema(
        operation_id="changeSalonPhoto",
        summary="Change a photo's texts, show or hide it, make it the primary one",
        tags=["manage"],
        parameters=[SALON],
        request=ChangePhotoBody,
        responses={200: DeskPhotoShape},
    )
    def patch(self, request: Request, salon: str, photo_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        changes = self.body(ChangePhotoBody, request)
        version = changes.pop("version")
        for field in ("caption", "alt"):
            if field in changes:
                changes |= in_both(field, changes.pop(field))
        try:
            photo = operations.change_photo(salon=at, photo_id=photo_id, version=version, changes=changes)
        except VersionConflict:
            current = Photo.objects.filter(salon=at, pk=photo_id).first()
            raise VersionConflict(current=desk_photo(current) if current else None)
        return Response(desk_photo(photo))

    @extend_schema(
        operation_id="deleteSalonPhoto",
        summary="Delete a photo; the next one becomes primary in its place",
        tags=["manage"],
        parameters=[SALON],
        responses={204: None},
    )
    def delete(self, request: Request, salon: str, photo_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        operations.delete_photo(salon=at, photo_id=photo_id)
        return Response(status=204)


class DeskPhotoOrder(Endpoint):
    access = {"PUT": Desk("edit_catalogue")}

    @extend_schema(
        operation_id="orderSalonPhotos",
        summary="Put all photos of one subject in order",
        tags=["manage"],
        parameters=[SALON],
        request=PhotoOrderBody,
        responses={200: DeskPhotoList},
    )
    def put(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        photo_ids = self.body(PhotoOrderBody, request)["photo_ids"]
        ordered = operations.order_photos(salon=at, photo_ids=photo_ids)
        return Response({"items": [desk_photo(photo) for photo in ordered]})


routes = [
    path("manage/salons/<str:salon>/photos", DeskPhotos.as_view(), name="manage-photos"),
    path("manage/salons/<str:salon>/photos/order", DeskPhotoOrder.as_view(), name="manage-photos-order"),
    path("manage/salons/<str:salon>/photos/<id:photo_id>", DeskPhoto.as_view(), name="manage-photo"),
]
