"""What models, fields and rows are called, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from django.contrib import admin
from django.db import models
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

Text = str | Promise


def label(
    model: type[models.Model], one: Text, many: Text, *, choices: Sequence[str] = (), **fields: Text
) -> None:
    """Name a model and its fields for people, and let the labels of its choices be translated.

    Said here rather than in the models, so that a word never needs a migration: migrations keep the texts of the class
    body, and a translated choice equals its English original while they are compared. `choices` are those originals,
    each in N_() for the catalogue to find.
    """
    model._meta.verbose_name, model._meta.verbose_name_plural = cast(str, one), cast(str, many)
    for name, text in fields.items():
        _field(model, name).verbose_name = cast(str, text)
    for field in model._meta.fields:
        if field.choices:
            field.choices = [(value, _lazy(text)) for value, text in field.choices]


def _lazy(text: Any) -> Any:
    return _(text) if isinstance(text, str) and text else text


def label_translated(model: type[models.Model], *names: str) -> None:
    """Texts that exist in both languages, once they have a label: "name (العربية)" and "name (English)"."""
    for name in names:
        text = _field(model, name).verbose_name
        for language, native in (("ar", "العربية"), ("en", "English")):
            _field(model, f"{name}_{language}").verbose_name = format_lazy("{} ({})", text, native)


def titled(titles: Mapping[str, Text]) -> type[admin.ChoicesFieldListFilter]:
    """A filter of a list whose values are called as its rows call them, rather than as the model does."""

    class Titled(admin.ChoicesFieldListFilter):
        def choices(self, changelist: Any) -> Iterator[Any]:
            everything, *each = super().choices(changelist)
            yield everything
            for (value, _text), one in zip(self.field.flatchoices, each, strict=True):
                yield one | {"display": titles[value]}

    return Titled


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    return cast("models.Field[Any, Any]", model._meta.get_field(name))


def named(obj: Any) -> str:
    """What people call this row: its name in their language, its reference, else what the model says."""
    return str(getattr(obj, "name", "") or obj)
