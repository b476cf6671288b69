"""What pages of the catalogue have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from modeltranslation.admin import TranslationAdmin

from backend.core.console import ConsoleAdmin, ConsoleForm, name
from backend.core.errors import DomainError, ValidationFailed
from backend.salons.models import Salon
from backend.salons.operations.editing import lock_salon

SALON = name("salon", _("salon"))
STAFF_MEMBER = name("staff_member", _("staff member"))
BY_SALON = _("The salon's short name or ID")


class CatalogueAdmin(ConsoleAdmin[Any], TranslationAdmin[Any]):
    """Both languages of every text side by side, the Arabic one first."""


class VersionedAdmin(ConsoleAdmin[Any]):
    """A row that the desk edits too: each change here raises its version, so that an edit begun before is refused."""

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if change and (form.changed_data or any(formset.has_changed() for formset in formsets)):
            self.model._default_manager.filter(pk=form.instance.pk).update(version=F("version") + 1)


class OfSalonAdmin(VersionedAdmin):
    """A row of one salon, which it never leaves. The salon is locked before the row changes."""

    search_fields: ClassVar[Any] = ("salon__slug__iexact",)
    search_help_text = BY_SALON
    autocomplete_fields: ClassVar[Any] = ("salon",)
    set_once: ClassVar[Any] = (("salon", SALON),)
    """Fields that are chosen when the row is made, and the columns that show them from then on."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = dict(self.set_once)
        return [shown.get(field, field) for field in self.fields] if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.readonly_fields, *(dict(self.set_once).values() if obj else ())]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        lock_salon(obj.salon)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        lock_salon(obj.salon)
        super().delete_model(request, obj)


class OfSalonForm(ConsoleForm):
    """A form of such a row: whatever else it names belongs to the same salon."""

    of_the_salon: ClassVar[Any] = {
        "staff_member": _("This person does not work at this salon."),
        "resource": _("This salon does not have it."),
        "season": _("This is another salon's season."),
        "variant_of": _("This is another salon's service."),
    }

    @property
    def salon(self) -> Salon | None:
        found: Salon | None = self.cleaned_data.get("salon") or (
            self.instance.salon if self.instance.salon_id else None
        )
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        salon = self.salon
        for field, sentence in self.of_the_salon.items():
            row = cleaned.get(field)
            if salon is not None and row is not None and row.salon_id != salon.pk:
                self.add_error(field, ValidationError(sentence))
        return cleaned

    def value(self, field: str) -> Any:
        """What this field will be: as typed, or as it stands where it can no longer be chosen."""
        return self.cleaned_data.get(field) if field in self.fields else getattr(self.instance, field)

    def require(self, change: Callable[[], object], *, at: str) -> None:
        """Put what an operation says against a change at a field. Nothing of the change stays."""
        if self.errors:
            return
        try:
            with transaction.atomic():
                change()
                transaction.set_rollback(True)
        except ValidationFailed as refused:
            self.add_error(at, ValidationError(refused.errors[0].detail))
        except DomainError as refused:
            self.add_error(at, ValidationError(refused.detail))

    def _get_validation_exclusions(self) -> Any:
        # What can no longer be chosen counts in the database's rules all the same.
        kept = {
            field
            for field in ("salon", "kind", "staff_member", "resource", "season")
            if field not in self.fields
        }
        return super()._get_validation_exclusions() - kept  # type: ignore[misc]


class OptionalChoice(forms.TypedChoiceField):
    """A number chosen by name, or none."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(
            choices=[("", "—"), *choices], coerce=int, empty_value=None, required=False, **kwargs
        )
