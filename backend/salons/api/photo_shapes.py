"""Photos on the wire: as customers see them, and as the desk edits them."""

from __future__ import annotations

from typing import Any, Protocol

from django.conf import settings
from rest_framework import serializers

from backend.core.api.both import Both, both
from backend.core.api.shapes import Shape
from backend.salons.models import Photo
from backend.salons.photos import sizes


class RenditionShape(Shape):
    width = serializers.IntegerField(help_text="Pixels")
    height = serializers.IntegerField()
    url = serializers.URLField(help_text="WebP; what it shows never changes")


class _PictureShape(Shape):
    id = serializers.UUIDField()
    url = serializers.URLField(help_text="The largest rendition")
    renditions = RenditionShape(many=True, help_text="Narrowest first, at most 1600 wide")
    blurhash = serializers.CharField(help_text="To show until the picture is there")
    is_primary = serializers.BooleanField(help_text="The one to show where there is room for one")


class PhotoShape(_PictureShape):
    caption = serializers.CharField(allow_null=True)
    alt = serializers.CharField(allow_null=True, help_text="What the picture shows, for screen readers")


class DeskPhotoShape(_PictureShape):
    caption = Both(max_length=200)
    alt = Both(max_length=200)
    resource_id = serializers.UUIDField(allow_null=True)
    staff_member_id = serializers.UUIDField(allow_null=True)
    service_id = serializers.UUIDField(
        allow_null=True, help_text="With all three null it shows the salon itself"
    )
    is_hidden = serializers.BooleanField(help_text="Hidden photos are seen by the desk alone")
    position = serializers.IntegerField()
    version = serializers.IntegerField()


class PhotoRow(Protocol):
    """As much of a photo as customers see, however it was read."""

    @property
    def pk(self) -> Any: ...
    @property
    def key(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def blurhash(self) -> str: ...
    @property
    def caption(self) -> str | None: ...
    @property
    def alt(self) -> str | None: ...
    @property
    def is_primary(self) -> bool: ...


def photo(row: PhotoRow) -> dict[str, Any]:
    """A photo in the active language."""
    folder = f"{settings.PHOTO_BASE_URL}/{row.key}"
    renditions = [
        {"width": width, "height": height, "url": f"{folder}/{width}.webp"}
        for width, height in sizes(row.width, row.height)
    ]
    return {
        "id": str(row.pk),
        "url": renditions[-1]["url"],
        "renditions": renditions,
        "blurhash": row.blurhash,
        "caption": row.caption or None,
        "alt": row.alt or None,
        "is_primary": row.is_primary,
    }


def desk_photo(row: Photo) -> dict[str, Any]:
    """A photo in both languages, with what the desk may change."""
    subject = {
        name: str(pk) if (pk := getattr(row, name)) else None
        for name in ("resource_id", "staff_member_id", "service_id")
    }
    return photo(row) | {
        "caption": both(row, "caption"),
        "alt": both(row, "alt"),
        **subject,
        "is_hidden": row.is_hidden,
        "position": row.position,
        "version": row.version,
    }
