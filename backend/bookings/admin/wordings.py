"""Salons' own words in the console, with what a customer would read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from backend.bookings import messages
from backend.bookings.models import Wording
from backend.bookings.operations.wording import drop_wording, set_wording
from backend.core.console import EMPTY, ConsoleAdmin, code, label, language, name, person, words
from backend.core.errors import ValidationFailed
from backend.notifications.sms import sms_units
from backend.salons.models import Salon

label(
    Wording,
    _("salon's own wording"),
    _("salons' own wordings"),
    salon=_("salon"),
    kind=_("what it tells"),
    language=_("language"),
    text=_("text"),
    changed_by=_("changed by"),
    changed_at=_("changed"),
)

KINDS = [
    (kind, format_lazy("{} ({})", _(phrase.title), _("with a refund")))
    if kind.endswith("_refunded")
    else (kind, _(phrase.title))
    for kind, phrase in messages.REPHRASABLE.items()
]
_SALON = name("salon", _("salon"))
_KIND = code("kind", _("what it tells"))
_LANGUAGE = language("language", _("language"))
_CHANGED_BY = person("changed_by", _("changed by"))


class WordingForm(forms.ModelForm[Wording]):
    """Refuses what may not be sent, in the words owners get from their app."""

    kind = forms.ChoiceField(label=_("What it tells"), choices=KINDS)
    language = forms.ChoiceField(label=_("Language"), choices=[("ar", "العربية"), ("en", "English")])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:  # what it is about was chosen when it was made
            for name in ("kind", "language"):
                self.fields.pop(name, None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        salon: Salon | None = self._value("salon")
        kind, chosen, text = self._value("kind"), self._value("language"), cleaned.get("text")
        if salon is None or not (kind and chosen and text):
            return cleaned
        phrase = messages.REPHRASABLE[kind]
        try:
            cleaned["text"] = messages.checked(text, phrase=phrase, salon=salon, language=chosen)
        except ValidationFailed as refused:
            for error in refused.errors:
                self.add_error("text", ValidationError(error.detail))
        return cleaned

    def _value(self, field: str) -> Any:
        """As chosen, or as it stands where it can no longer be."""
        if field in self.fields:
            return self.cleaned_data.get(field)
        return self.instance.salon if field == "salon" else getattr(self.instance, field)


@admin.register(Wording)
class WordingAdmin(ConsoleAdmin[Wording]):
    form = WordingForm
    list_display = (_SALON, _KIND, _LANGUAGE, words("text", _("text")), "changed_at")
    ordering = ("-id",)
    related = ("salon", "changed_by")
    search_fields = ("salon__slug__iexact",)
    search_help_text = _("The salon's short name or ID")
    autocomplete_fields = ("salon",)
    fields = ("salon", "kind", "language", "text")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fields
        return (_SALON, _KIND, _LANGUAGE, "text", "preview", _CHANGED_BY, "changed_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [field for field in self.get_fields(request, obj) if field != "text"] if obj else ()

    @admin.display(description=_("preview"))
    def preview(self, obj: Wording) -> str:
        if not obj.text:
            return EMPTY
        shown = messages.preview(obj.text, salon=obj.salon, language=obj.language)
        units, parts = sms_units(shown)
        return format_html(
            '<div dir="{}" lang="{}">{}</div><small>{}: <bdi>{} / {}</bdi></small>',
            "rtl" if obj.language == "ar" else "ltr",
            obj.language,
            format_html_join(SafeString("<br>"), "{}", ((line,) for line in shown.split("\n"))),
            _("SMS units and parts"),
            units,
            parts,
        )

    def name_of(self, obj: Wording) -> str:
        return f"{obj.salon.slug} {obj.kind} {obj.language}"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        row = set_wording(
            salon=obj.salon,
            kind=obj.kind,
            language=obj.language,
            text=obj.text,
            by=request.user,
            now=timezone.now(),
        )
        obj.pk, obj.changed_by, obj.changed_at = row.pk, row.changed_by, row.changed_at

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        request.__dict__["_deleted"] = self.name_of(obj)
        drop_wording(salon=obj.salon, kind=obj.kind, language=obj.language)
