"""The catalogue in the console: texts in both languages, money in riyals, hours as a clock; memberships recorded."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dates import WEEKDAYS as DAY_NAMES
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_
from modeltranslation.admin import TranslationAdmin

from backend.accounts.console import NumberField, called
from backend.core.console import (
    ConsoleAdmin,
    ConsoleForm,
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    _Governed,
    amount,
    clock,
    code,
    label,
    label_translated,
    ltr,
    name,
    person,
    words,
)
from backend.core.text import clean_name
from backend.salons.models import (
    Business,
    Category,
    City,
    Closure,
    District,
    Membership,
    Review,
    ReviewReport,
    Salon,
    SalonStatus,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from backend.salons.operations.reviews import hide_review, publish_review
from backend.salons.operations.standing import SalonCannotChangeStatus, move, verb_between

label(
    City,
    _("city"),
    _("cities"),
    slug=_("short name in addresses"),
    name=_("name"),
    position=_("position in lists"),
)
label(
    District,
    _("district"),
    _("districts"),
    slug=_("short name in addresses"),
    city=_("city"),
    name=_("name"),
    position=_("position in lists"),
)
label(
    Category,
    _("category"),
    _("categories"),
    slug=_("short name in addresses"),
    name=_("name"),
    position=_("position in lists"),
)
label(
    Business,
    _("business"),
    _("businesses"),
    name=_("name"),
    vat_number=_("VAT number"),
    created_at=_("created"),
)
label(
    Salon,
    _("salon"),
    _("salons"),
    choices=(
        *(N_("Women"), N_("Men"), N_("Family"), N_("Children")),
        *(N_("Draft"), N_("In Review"), N_("Live"), N_("Suspended")),
    ),
    business=_("business"),
    slug=_("short name in addresses"),
    name=_("name"),
    description=_("description"),
    city=_("city"),
    district=_("district"),
    address=_("address"),
    latitude=_("latitude"),
    longitude=_("longitude"),
    phone=_("telephone"),
    audience=_("audience"),
    status=_("status"),
    timezone=_("time zone"),
    auto_confirm=_("confirms bookings by itself"),
    grid_minutes=_("minutes between starts"),
    min_notice_minutes=_("minutes of notice at least"),
    horizon_days=_("days that can be booked ahead"),
    respond_within_minutes=_("minutes to answer a request"),
    deposit_percent=_("deposit (%)"),
    free_cancel_hours=_("hours until which cancelling is free"),
    late_cancel_percent=_("part of the deposit kept after that (%)"),
    rating_count=_("reviews"),
    created_at=_("created"),
)
label(
    Service,
    _("service"),
    _("services"),
    salon=_("salon"),
    category=_("category"),
    name=_("name"),
    description=_("description"),
    duration_minutes=_("minutes it takes"),
    buffer_before_minutes=_("minutes kept free before"),
    buffer_after_minutes=_("minutes kept free after"),
    price_minor=_("price"),
    is_active=_("on offer"),
    position=_("position in lists"),
)
label(
    StaffMember,
    _("staff member"),
    _("staff members"),
    salon=_("salon"),
    name=_("name"),
    title=_("title"),
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
    WorkingWindow,
    _("weekly hours"),
    _("weekly hours"),
    salon=_("salon"),
    staff_member=_("staff member"),
    weekday=_("day"),
    opens_minute=_("opens"),
    closes_minute=_("closes"),
)
label(
    Closure,
    _("closure"),
    _("closures"),
    salon=_("salon"),
    staff_member=_("staff member"),
    starts_at=_("starts"),
    ends_at=_("ends"),
    reason=_("reason"),
)
label(
    Membership,
    _("membership"),
    _("memberships"),
    choices=(N_("Staff"), N_("Receptionist"), N_("Manager"), N_("Owner")),
    user=_("person"),
    salon=_("salon"),
    role=_("role"),
    created_at=_("created"),
)
label(
    Review,
    _("review"),
    _("reviews"),
    salon=_("salon"),
    author=_("author"),
    rating=_("stars"),
    comment=_("comment"),
    reply=_("reply"),
    status=_("state"),
    hidden_reason=_("reason for hiding"),
    moderated_at=_("decided"),
    created_at=_("created"),
    choices=(N_("Published"), N_("Hidden")),
)
label(
    ReviewReport,
    _("report of a review"),
    _("reports of reviews"),
    review=_("review"),
    reporter=_("person"),
    reason=_("reason"),
    created_at=_("created"),
)
label_translated(City, "name")
label_translated(Category, "name")
label_translated(Business, "name")
label_translated(Salon, "name", "description", "address")
label_translated(Service, "name", "description")
label_translated(StaffMember, "name", "title")
label_translated(Closure, "reason")

WEEKDAYS = {day: DAY_NAMES[day - 1] for day in (7, 1, 2, 3, 4, 5, 6)}
"""ISO numbers, in the order of a Saudi week."""

_SALON = name("salon", _("salon"))
_WHO = person("user", _("person"), link=True)


class CatalogueAdmin(ConsoleAdmin[Any], TranslationAdmin[Any]):
    """Both languages of every text side by side, the Arabic one first."""


@admin.register(City, District, Category)
class PlaceAdmin(CatalogueAdmin):
    list_display = (name("pk", _("short name in addresses")), "name_ar", "name_en", "position")
    ordering = ("position", "slug")
    search_fields = ("slug", "name_ar", "name_en")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("slug",) if obj else ()


@admin.register(Business)
class BusinessAdmin(CatalogueAdmin):
    list_display = ("name_ar", "name_en", code("vat_number", _("VAT number")), "created_at")
    ordering = ("-id",)
    search_fields = ("name_ar", "name_en", "vat_number")
    fields = ("name", "vat_number")

    def save_model(self, request: HttpRequest, obj: Business, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)


class SalonForm(ConsoleForm):
    rules = {
        "salon_percents_are_percents": _("A percentage is at most 100."),
        "salon_grid_is_sensible": _("Between 5 and 240 minutes between starts."),
    }

    def clean_timezone(self) -> str:
        zone = str(self.cleaned_data["timezone"]).strip()
        if zone not in available_timezones():
            raise ValidationError(_("This time zone is not known. Example: Asia/Riyadh"))
        return zone


@admin.register(Salon)
class SalonAdmin(CatalogueAdmin):
    """The status moves by its own actions, along `operations.standing`; everything else is edited here."""

    form = SalonForm
    list_display = (
        name("pk", _("short name in addresses")),
        "name_ar",
        "name_en",
        name("city", _("city")),
        "audience",
        "status",
        "auto_confirm",
    )
    list_filter = ("status", "audience", "auto_confirm", "city")
    ordering = ("-id",)
    related = ("business", "city", "district")
    search_fields = ("slug__istartswith", "name_ar__icontains", "name_en__icontains")
    search_help_text = _("Name, short name or ID")
    autocomplete_fields = ("business",)
    actions = ("send_to_review", "put_live", "suspend", "back_to_draft")
    action_form = ReasonForm
    fieldsets = (
        (None, {"fields": ("name", "slug", "status", "business", "audience", "description")}),
        (
            _("Where it is"),
            {"fields": ("city", "district", "address", "latitude", "longitude", "phone", "timezone")},
        ),
        (
            _("How it is booked"),
            {
                "fields": (
                    "auto_confirm",
                    "grid_minutes",
                    "min_notice_minutes",
                    "horizon_days",
                    "respond_within_minutes",
                )
            },
        ),
        (
            _("Deposit and cancelling"),
            {"fields": ("deposit_percent", "free_cancel_hours", "late_cancel_percent")},
        ),
    )

    def get_list_display(self, request: HttpRequest) -> Any:
        return (code("slug", _("short name in addresses")), *self.list_display[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The address of a live salon is printed on its cards.
        return ("status", "slug") if obj and obj.status != SalonStatus.DRAFT else ("status",)

    def save_model(self, request: HttpRequest, obj: Salon, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            Salon.objects.filter(pk=obj.pk).update(version=F("version") + 1)

    def has_move_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "move")

    @admin.action(description=_("Send to review"), permissions=["move"])
    def send_to_review(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, SalonStatus.IN_REVIEW)

    @admin.action(description=_("Put live"), permissions=["move"])
    def put_live(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, SalonStatus.LIVE)

    @admin.action(description=_("Suspend"), permissions=["move"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, SalonStatus.SUSPENDED)

    @admin.action(description=_("Back to draft"), permissions=["move"])
    def back_to_draft(self, request: HttpRequest, queryset: QuerySet[Salon]) -> None:
        self._move(request, queryset, SalonStatus.DRAFT)

    def _move(self, request: HttpRequest, queryset: QuerySet[Salon], to: SalonStatus) -> None:
        reason = clean_name(request.POST.get("reason", ""))

        def act(salon: Salon) -> None:
            verb = verb_between(salon.status, to)
            if verb is None:
                raise SalonCannotChangeStatus
            move(salon=salon, verb=verb, actor=request.user, now=timezone.now(), reason=reason)

        self.each(request, queryset, act, done=f"status: {to.value}")


class ServiceForm(ConsoleForm):
    rules = {
        "service_duration_is_sensible": _("A service takes between 5 and 720 minutes."),
        "service_buffers_are_sensible": _("At most 240 minutes are kept free."),
    }


@admin.register(Service)
class ServiceAdmin(CatalogueAdmin):
    form = ServiceForm
    list_display = (
        "name_ar",
        "name_en",
        _SALON,
        name("category", _("category")),
        "duration_minutes",
        amount("price_minor", _("price")),
        "is_active",
    )
    list_filter = ("is_active", "category")
    ordering = ("-id",)
    related = ("salon", "category")
    search_fields = ("name_ar__icontains", "name_en__icontains", "salon__slug__iexact")
    search_help_text = _("Name, the salon's short name or ID")
    autocomplete_fields = ("salon",)
    fields = (
        "salon",
        "category",
        "name",
        "description",
        "duration_minutes",
        "buffer_before_minutes",
        "buffer_after_minutes",
        "price_minor",
        "is_active",
        "position",
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_SALON, *self.fields[1:]) if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_SALON,) if obj else ()


class ServicesPerformed(_Governed[Any], admin.TabularInline[Any, Any]):
    model = StaffService
    extra = 0
    autocomplete_fields = ("service",)
    verbose_name_plural = _("services performed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("service")


@admin.register(StaffMember)
class StaffMemberAdmin(CatalogueAdmin):
    list_display = ("name_ar", "name_en", _SALON, "title", "is_active")
    list_filter = ("is_active",)
    ordering = ("-id",)
    related = ("salon",)
    search_fields = ("name_ar__icontains", "name_en__icontains", "salon__slug__iexact")
    search_help_text = _("Name, the salon's short name or ID")
    autocomplete_fields = ("salon",)
    fields = ("salon", "name", "title", "is_active", "position")
    inlines = (ServicesPerformed,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_SALON, *self.fields[1:]) if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_SALON,) if obj else ()


class OfOneSalonForm(ConsoleForm):
    """A row of a salon that may narrow itself to one of its people."""

    rules = {
        "window_minutes_in_order": _(
            "Closing comes after opening, at noon of the next day (36:00) at the latest."
        ),
        "closure_ends_after_start": _("The end comes after the start."),
    }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        salon = cleaned.get("salon") or getattr(self.instance, "salon", None)
        member = cleaned.get("staff_member")
        if member is not None and salon is not None and member.salon_id != salon.pk:
            self.add_error("staff_member", ValidationError(_("This person does not work at this salon.")))
        return cleaned


class WorkingWindowForm(OfOneSalonForm):
    weekday = forms.TypedChoiceField(label=_("Day"), coerce=int, choices=[*WEEKDAYS.items()])


@admin.register(WorkingWindow)
class WorkingWindowAdmin(ConsoleAdmin[WorkingWindow]):
    form = WorkingWindowForm
    list_display = (_SALON, name("staff_member", _("staff member")), "day", "hours")
    ordering = ("salon", "weekday", "opens_minute", "id")
    related = ("salon", "staff_member")
    search_fields = ("salon__slug__iexact",)
    search_help_text = _("The salon's short name or ID")
    autocomplete_fields = ("salon", "staff_member")
    fields = ("salon", "staff_member", "weekday", "opens_minute", "closes_minute")

    @admin.display(description=_("day"))
    def day(self, obj: WorkingWindow) -> Any:
        return WEEKDAYS[obj.weekday]

    @admin.display(description=_("hours"))
    def hours(self, obj: WorkingWindow) -> Any:
        return format_html(
            "{} {} {} {}",
            gettext("from"),
            ltr(clock(obj.opens_minute)),
            gettext("to"),
            ltr(clock(obj.closes_minute)),
        )

    def name_of(self, obj: WorkingWindow) -> str:
        opens, closes = clock(obj.opens_minute), clock(obj.closes_minute)
        return f"{obj.salon.name} {WEEKDAYS[obj.weekday]} {gettext('from')} {opens} {gettext('to')} {closes}"


@admin.register(Closure)
class ClosureAdmin(CatalogueAdmin):
    """Moments are typed and shown in Riyadh's time, as everywhere in the console."""

    form = OfOneSalonForm
    list_display = (
        _SALON,
        name("staff_member", _("staff member")),
        "starts_at",
        "ends_at",
        words("reason", _("reason")),
    )
    ordering = ("-id",)
    related = ("salon", "staff_member")
    search_fields = ("salon__slug__iexact",)
    search_help_text = _("The salon's short name or ID")
    autocomplete_fields = ("salon", "staff_member")
    fields = ("salon", "staff_member", "starts_at", "ends_at", "reason")

    def name_of(self, obj: Closure) -> str:
        return f"{obj.salon.slug} {obj.kind}"


class MembershipForm(forms.ModelForm[Membership]):
    somebody = NumberField()

    class Meta:
        model = Membership
        fields = ("salon", "role")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if somebody := cleaned.get("somebody"):
            self.instance.user = somebody
        return cleaned

    def _get_validation_exclusions(self) -> Any:
        # A role is held once, also by somebody who is no field of this form.
        found = {"user"} if self.instance.user_id else set()
        return super()._get_validation_exclusions() - found  # type: ignore[misc]


class RoleOnlyForm(forms.ModelForm[Membership]):
    class Meta:
        model = Membership
        fields = ("role",)


@admin.register(Membership)
class MembershipAdmin(ConsoleAdmin[Membership]):
    """Who works at a desk. The role can change; the person and the salon cannot. The log keeps who did it."""

    form = MembershipForm
    list_display = (_WHO, _SALON, "role", "created_at")
    list_filter = ("role",)
    ordering = ("-id",)
    related = ("user", "salon")
    phone_fields = ("user__phone",)
    person_fields = ("user",)
    search_fields = ("salon__slug__iexact",)
    search_help_text = _("A whole mobile number, or the salon's short name")
    autocomplete_fields = ("salon",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return (_WHO, _SALON, "role", "created_at")
        return ("somebody", "salon", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_WHO, _SALON, "created_at") if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs | ({"form": RoleOnlyForm} if obj else {}))

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)

    def name_of(self, obj: Membership) -> str:
        return f"{obj.get_role_display()}: {called(obj.user)}"

    def name_in_log(self, obj: Membership) -> str:
        return f"{obj.role} @ {obj.salon.slug}: {obj.user_id}"


class Reports(ReadOnlyRows[ReviewReport]):
    model = ReviewReport
    related = ("reporter",)
    fields = ("created_at", person("reporter", _("person")), words("reason", _("reason")))


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin[Review]):
    def name_of(self, obj: Review) -> str:
        return str(obj.salon.name)

    list_display = (_SALON, "rating", words("comment", _("comment")), "status", "created_at")
    list_filter = ("status", "rating")
    ordering = ("-id",)
    related = ("salon", "author", "moderated_by")
    inlines = (Reports,)
    action_form = ReasonForm
    actions = ("hide", "publish")
    search_fields = ("salon__slug__iexact",)
    search_help_text = _("The salon's short name or ID")
    fields = (
        _SALON,
        person("author", _("author")),
        "rating",
        words("comment", _("comment")),
        words("reply", _("reply")),
        "status",
        words("hidden_reason", _("reason for hiding")),
        person("moderated_by", _("decided by")),
        "moderated_at",
        "created_at",
    )

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "moderate")

    @admin.action(description=_("Hide, for the reason given"), permissions=["moderate"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        reason = clean_name(request.POST.get("reason", ""))[:300]

        def act(review: Review) -> str | None:
            if not reason:
                return gettext("A reason is needed.")
            hide_review(
                review_id=review.pk,
                reason=reason,
                moderator=request.user,
                version=review.version,
                now=timezone.now(),
            )
            return None

        self.each(request, queryset, act, done="hide")

    @admin.action(description=_("Let stand"), permissions=["moderate"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        def act(review: Review) -> None:
            publish_review(
                review_id=review.pk, moderator=request.user, version=review.version, now=timezone.now()
            )

        self.each(request, queryset, act, done="publish")
