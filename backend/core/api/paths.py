"""What stands in paths: `<id:booking_id>` is a UUID of either case."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import UUIDConverter


class IdConverter(UUIDConverter):
    """Readers of UUIDs take both cases (RFC 9562, section 4), and iPhones write capitals; Django's takes small ones.

    What we write ourselves is small.
    """

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def register() -> None:
    """Before any path is made: `<id:…>` is a mistake until then."""
    register_converter(IdConverter, "id")
