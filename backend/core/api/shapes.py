"""Shapes that many answers share. Every field of an answer is always present; `null` means unknown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class Shape(serializers.Serializer[Any]):
    """An object in an answer, declared for the contract; views return plain dicts of this shape.

    Building dicts is several times faster than serializers, and every test checks its answers against the contract.
    """

    def get_fields(self) -> Any:
        fields = super().get_fields()
        for field in fields.values():
            field.read_only = True
        return fields


class MoneyShape(Shape):
    amount_minor = serializers.IntegerField(help_text="Whole halalas")
    currency = serializers.CharField(help_text="ISO 4217")
    display = serializers.CharField(help_text="For showing, never for parsing")


class NamedShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()


class SlugNameShape(Shape):
    slug = serializers.CharField()
    name = serializers.CharField()
