"""What is sold, by whom and with what: services with their variants, staff members, rooms, chairs and devices."""

from __future__ import annotations

from typing import Any

from babel import Locale
from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.core.console import (
    ConsoleForm,
    Governed,
    ReadOnlyRows,
    amount,
    code,
    label,
    label_translated,
    name,
    person,
)
from backend.core.errors import DomainError
from backend.salons.admin.shared import SALON, CatalogueAdmin, OfSalonAdmin, OfSalonForm
from backend.salons.models import Resource, Service, ServiceNeed, StaffMember, StaffService
from backend.salons.operations.staff import check_employment

label(
    Service,
    _("service"),
    _("services"),
    salon=_("salon"),
    category=_("category"),
    variant_of=_("variant of"),
    name=_("name"),
    description=_("description"),
    duration_minutes=_("minutes it takes"),
    buffer_before_minutes=_("minutes kept free before"),
    buffer_after_minutes=_("minutes kept free after"),
    processing_starts_minute=_("minute from which the customer only waits"),
    processing_minutes=_("minutes the customer waits"),
    price_minor=_("price"),
    min_notice_minutes=_("minutes of notice at least"),
    horizon_days=_("days that can be booked ahead"),
    deposit_percent=_("deposit (%)"),
    is_active=_("on offer"),
    position=_("position in lists"),
)
label(
    ServiceNeed,
    _("resource needed"),
    _("resources needed"),
    service=_("service"),
    kind=_("kind"),
)
label(
    StaffMember,
    _("staff member"),
    _("staff members"),
    choices=(N_("Female"), N_("Male")),
    salon=_("salon"),
    name=_("name"),
    title=_("title"),
    gender=_("sex"),
    languages=_("languages"),
    max_bookings_per_day=_("bookings a day at most"),
    is_active=_("working"),
    position=_("position in lists"),
)
label(
    StaffService,
    _("service performed"),
    _("services performed"),
    staff_member=_("staff member"),
    service=_("service"),
)
label(
    Resource,
    _("resource"),
    _("resources"),
    salon=_("salon"),
    kind=_("kind"),
    code=_("code on the door"),
    name=_("name"),
    attributes=_("attributes"),
    is_active=_("in use"),
    position=_("position in lists"),
)
label_translated(Service, "name", "description")
label_translated(StaffMember, "name", "title")
label_translated(Resource, "name")

_KIND_SHAPE = _("A kind is a short word in small Latin letters, such as room or chair.")
_BY_NAME = _("Name, the salon's short name or ID")
_ABOVE = name("variant_of", _("variant of"))


class ServiceForm(OfSalonForm):
    rules = {
        "service_duration_is_sensible": _("A service takes between 5 and 720 minutes."),
        "service_buffers_are_sensible": _("At most 240 minutes are kept free."),
        "service_processing_inside": _(
            "The wait lies inside the service: begun after it, and over before its end."
        ),
        "service_deposit_is_a_percent": _("A percentage is at most 100."),
        "service_horizon_is_sensible": _("At most 366 days ahead."),
    }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        above = self.value("variant_of")
        if above is None:
            return cleaned
        if above.variant_of_id is not None:
            self.add_error("variant_of", ValidationError(_("A variant has no variants of its own.")))
        for field in ("min_notice_minutes", "horizon_days", "deposit_percent"):
            if cleaned.get(field) is not None:
                self.add_error(field, ValidationError(_("A variant takes this from the service above it.")))
        return cleaned


class Variants(ReadOnlyRows[Service]):
    model = Service
    fk_name = "variant_of"
    verbose_name_plural = _("variants")
    show_change_link = True
    fields = ("name_ar", "name_en", "duration_minutes", amount("price_minor", _("price")), "is_active")


class NeedForm(ConsoleForm):
    rules = {"service_need_kind_shape": _KIND_SHAPE}


class Needs(Governed[Any], admin.TabularInline[Any, Any]):
    model = ServiceNeed
    form = NeedForm
    extra = 0
    max_num = 10


@admin.register(Service)
class ServiceAdmin(OfSalonAdmin, CatalogueAdmin):
    """What a variant takes from the service above it (who performs it, what it needs) is edited there."""

    form = ServiceForm
    list_display = (
        "name_ar",
        "name_en",
        _ABOVE,
        SALON,
        name("category", _("category")),
        "duration_minutes",
        amount("price_minor", _("price")),
        "is_active",
    )
    list_filter = ("is_active", "category")
    ordering = ("-id",)
    related = ("salon", "category", "variant_of")
    search_fields = ("name_ar__icontains", "name_en__icontains", "salon__slug__iexact")
    search_help_text = _BY_NAME
    autocomplete_fields = ("salon", "variant_of")
    set_once = (("salon", SALON), ("variant_of", _ABOVE))
    inlines = (Needs, Variants)
    fields = (
        "salon",
        "variant_of",
        "category",
        "name",
        "description",
        "duration_minutes",
        "buffer_before_minutes",
        "buffer_after_minutes",
        "processing_starts_minute",
        "processing_minutes",
        "price_minor",
        "min_notice_minutes",
        "horizon_days",
        "deposit_percent",
        "is_active",
        "position",
    )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return () if obj is None or obj.variant_of_id else self.inlines

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        if obj.variant_of is not None:
            obj.category_id = obj.variant_of.category_id
        super().save_model(request, obj, form, change)
        if change and "category" in form.changed_data:
            obj.variants.update(category=obj.category)


class ServicesPerformed(Governed[Any], admin.TabularInline[Any, Any]):
    model = StaffService
    extra = 0
    autocomplete_fields = ("service",)
    verbose_name_plural = _("services performed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("service")

    def get_formset(self, request: Any, obj: Any = None, **kwargs: Any) -> Any:
        return super().get_formset(request, obj, **kwargs | {"formset": PerformedFormSet})


class PerformedFormSet(forms.BaseInlineFormSet[Any, Any, Any]):
    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            service = form.cleaned_data.get("service") if hasattr(form, "cleaned_data") else None
            if service is None:
                continue
            if service.salon_id != self.instance.salon_id:
                form.add_error("service", ValidationError(_("This is another salon's service.")))
            elif service.variant_of_id is not None:
                form.add_error(
                    "service", ValidationError(_("A variant takes this from the service above it."))
                )


class StaffMemberForm(OfSalonForm):
    rules = {"staff_day_limit_is_sensible": _("A limit is at least 1; none means no limit.")}
    languages = SimpleArrayField(
        forms.CharField(max_length=3),
        label=_("Languages"),
        required=False,
        max_length=10,
        help_text=_("Codes with commas between them: ar, en, ur"),
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )

    def clean_languages(self) -> list[str]:
        codes = [text.strip().lower() for text in self.cleaned_data["languages"]]
        for one in codes:
            if one not in Locale("en").languages:
                raise ValidationError(_("This is no code of a language: %(code)s"), params={"code": one})
        return list(dict.fromkeys(codes))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.salon is not None and cleaned.get("is_active"):
            try:
                check_employment(self.salon.audience, [cleaned.get("gender", "")])
            except DomainError as refused:
                self.add_error("gender", ValidationError(refused.detail))
        return cleaned


@admin.register(StaffMember)
class StaffMemberAdmin(OfSalonAdmin, CatalogueAdmin):
    form = StaffMemberForm
    list_display = ("name_ar", "name_en", SALON, "title", "gender", "is_active")
    list_filter = ("is_active", "gender")
    ordering = ("-id",)
    related = ("salon", "user")
    search_fields = ("name_ar__icontains", "name_en__icontains", "salon__slug__iexact")
    search_help_text = _BY_NAME
    fields = (
        "salon",
        "name",
        "title",
        "gender",
        "languages",
        "max_bookings_per_day",
        "is_active",
        "position",
    )
    inlines = (ServicesPerformed,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_fields(request, obj), *((_ACCOUNT,) if obj else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), _ACCOUNT]


_ACCOUNT = person("user", _("their account"), link=True)


class ResourceForm(OfSalonForm):
    rules = {"resource_kind_shape": _KIND_SHAPE}

    def clean_attributes(self) -> dict[str, Any]:
        found = self.cleaned_data["attributes"] or {}
        flat = isinstance(found, dict) and all(isinstance(v, str | int | float) for v in found.values())
        if not flat or len(found) > 20:
            raise ValidationError(_("At most 20 names, each with a text, a number, true or false."))
        return dict(found)


@admin.register(Resource)
class ResourceAdmin(OfSalonAdmin, CatalogueAdmin):
    form = ResourceForm
    list_display = (code("code", _("code on the door")), "name_ar", "name_en", SALON, "kind", "is_active")
    list_filter = ("is_active",)
    ordering = ("-id",)
    related = ("salon",)
    search_fields = ("code__iexact", "name_ar__icontains", "name_en__icontains", "salon__slug__iexact")
    search_help_text = _BY_NAME
    fields = ("salon", "kind", "code", "name", "attributes", "is_active", "position")
