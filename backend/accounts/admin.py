"""People in the console: found by a whole number, looked at on the record, changed by nobody."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.accounts import operations, privacy_admin  # noqa: F401  (registers its own)
from backend.accounts.console import NumberField, called
from backend.accounts.models import Device, OtpChallenge, PhoneChange, PlatformRole, SupportLook, User
from backend.accounts.operations import support
from backend.core import phone
from backend.core.console import (
    ConsoleAdmin,
    ReadOnlyAdmin,
    ReadOnlyRows,
    code,
    label,
    person,
    to_list,
    whole_number,
    words,
)
from backend.core.console import phone as number

label(
    User,
    _("person"),
    _("people"),
    choices=(
        N_("undeclared"),
        N_("female"),
        N_("male"),
    ),
    id=_("ID"),
    phone=_("mobile number"),
    name=_("name"),
    language=_("language"),
    device_language=_("language of the device"),
    gender=_("gender"),
    is_active=_("active"),
    is_staff=_("may open the console"),
    is_superuser=_("superuser"),
    joined_at=_("joined"),
    deleted_at=_("deleted"),
    recycled_at=_("number passed to somebody else"),
)
label(
    PlatformRole,
    _("platform role"),
    _("platform roles"),
    choices=(
        N_("finance"),
        N_("support"),
        N_("platform admin"),
    ),
    user=_("person"),
    role=_("role"),
    granted_at=_("granted"),
)
label(
    Device,
    _("device"),
    _("devices"),
    choices=(
        N_("iOS"),
        N_("Android"),
        N_("web"),
    ),
    id=_("ID"),
    user=_("person"),
    platform=_("system"),
    name=_("name"),
    app_version=_("app version"),
    created_at=_("signed in"),
    last_seen_at=_("last seen"),
    rotated_at=_("sign-in renewed"),
    revoked_at=_("signed out"),
    history_from=_("shows nothing older than"),
    name_asked=_("name asked for"),
)
label(
    OtpChallenge,
    _("one-time code"),
    _("one-time codes"),
    choices=(
        N_("sign in"),
        N_("phone change, the new number"),
        N_("phone change, the old number"),
        N_("pending"),
        N_("accepted"),
        N_("refused"),
        N_("unknown"),
        N_("withheld"),
    ),
    id=_("ID"),
    purpose=_("purpose"),
    phone=_("mobile number"),
    language=_("language"),
    channel=_("channel"),
    created_at=_("asked for"),
    expires_at=_("expires"),
    tries=_("tries"),
    used_at=_("used"),
    superseded_at=_("replaced by a newer one"),
    send_outcome=_("sending"),
    provider=_("provider"),
    provider_message_id=_("provider's reference"),
    error_class=_("kind of error"),
)
label(
    PhoneChange,
    _("change of number"),
    _("changes of number"),
    choices=(
        N_("waiting for its codes"),
        N_("proven, not yet in effect"),
        N_("done"),
        N_("stopped"),
        N_("failed"),
    ),
    id=_("ID"),
    user=_("person"),
    assisted_by=_("helped by"),
    reason=_("reason"),
    old_phone=_("old number"),
    new_phone=_("new number"),
    needs_old=_("the old number is asked too"),
    state=_("state"),
    created_at=_("created"),
    takes_effect_at=_("takes effect"),
    finished_at=_("finished"),
)
label(
    SupportLook,
    _("look by support"),
    _("looks by support"),
    choices=(
        N_("looked somebody up"),
        N_("began a phone change"),
    ),
    id=_("ID"),
    by=_("who looked"),
    person=_("person"),
    what=_("what for"),
    asked_for=_("number asked for"),
    request_id=_("request"),
    at=_("when"),
)

_who = person("user", _("person"), link=True)
_WHOLE = number("phone", _("mobile number"), whole=True)
_MASKED = number("phone", _("mobile number"))


class PlatformRoles(ReadOnlyRows[PlatformRole]):
    model = PlatformRole
    fields = ("role", "granted_at")


class LiveDevices(ReadOnlyRows[Device]):
    model = Device
    verbose_name_plural = _("signed in on")
    fields = ("platform", words("name", _("name")), "app_version", "created_at", "last_seen_at")
    ordering = ("-last_seen_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        return super().get_queryset(request).filter(revoked_at=None)


@admin.register(User)
class UserAdmin(ReadOnlyAdmin[User]):
    """A look at one person is written down, whoever looks, before the page is shown; so many an hour and no more."""

    def name_of(self, obj: User) -> str:
        return called(obj)

    list_display = (words("name", _("name")), number("phone", _("mobile number")), "joined_at", "is_active")
    list_filter = ("is_active", "is_staff", "language")
    ordering = ("-id",)
    phone_fields = ("phone",)
    search_help_text = _("A whole mobile number")
    inlines = (PlatformRoles, LiveDevices)
    fields = (
        words("name", _("name")),
        "language",
        "device_language",
        "gender",
        "is_active",
        "is_staff",
        "is_superuser",
        "joined_at",
        "deleted_at",
        "recycled_at",
        to_list("bookings_booking", _("bookings"), _("Show"), q="pk"),
        to_list("notifications_message", _("messages"), _("Show"), q="pk"),
        to_list("accounts_otpchallenge", _("one-time codes"), _("Show"), q="pk"),
        to_list("accounts_phonechange", _("changes of number"), _("Show"), q="pk"),
        code("pk", _("ID")),
    )

    def notes_looks(self, request: HttpRequest) -> bool:
        return False  # its own way, below: whoever looks

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        name, *others = self.fields
        return (name, _WHOLE if self.may(request, "see_number") else _MASKED, *others)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        wanted = whole_number(request.GET.get("q", ""))
        if wanted and self.has_view_permission(request):
            now, by = timezone.now(), cast(User, request.user)
            support.count_look(by=by, now=now)
            support.look_up(by=by, number=wanted, now=now)
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        seen = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if seen is not None and seen.phone:
            now, by = timezone.now(), cast(User, request.user)
            support.count_look(by=by, now=now)
            support.record_look(by=by, person=seen, what=SupportLook.What.PERSON, number=seen.phone, now=now)
        return super().change_view(request, object_id, form_url, extra_context)


class RoleForm(forms.ModelForm[PlatformRole]):
    somebody = NumberField()

    class Meta:
        model = PlatformRole
        fields = ("role",)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if somebody := cleaned.get("somebody"):
            self.instance.user = somebody  # before the rows are compared: a role is held once
        return cleaned

    def _get_validation_exclusions(self) -> Any:
        # A role is held once, also by somebody who is no field of this form.
        found = {"user"} if self.instance.user_id else set()
        return super()._get_validation_exclusions() - found  # type: ignore[misc]


@admin.register(PlatformRole)
class PlatformRoleAdmin(ConsoleAdmin[PlatformRole]):
    """Granted and taken away, never edited; the log keeps who did it."""

    form = RoleForm
    list_display = (_who, "role", "granted_at")
    list_filter = ("role",)
    ordering = ("-granted_at", "-id")
    related = ("user",)
    phone_fields = ("user__phone",)
    person_fields = ("user",)
    search_help_text = _("A whole mobile number")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_who, "role", "granted_at") if obj else ("somebody", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_who, "role", "granted_at") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Nobody locks themselves out; another platform admin can do it.
        own = obj is not None and obj.user_id == request.user.pk and obj.role == "platform_admin"
        return super().has_delete_permission(request, obj) and not own

    def save_model(self, request: HttpRequest, obj: PlatformRole, form: Any, change: bool) -> None:
        obj.granted_at = timezone.now()
        super().save_model(request, obj, form, change)

    def name_of(self, obj: PlatformRole) -> str:
        return f"{obj.get_role_display()}: {called(obj.user)}"

    def name_in_log(self, obj: PlatformRole) -> str:
        return f"{obj.role}: {obj.user_id}"


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin[Device]):
    list_display = (_who, "platform", words("name", _("name")), "app_version", "last_seen_at", "revoked_at")
    list_filter = ("platform", ("revoked_at", admin.EmptyFieldListFilter))
    ordering = ("-id",)
    related = ("user",)
    phone_fields = ("user__phone",)
    person_fields = ("user",)
    search_help_text = _("A whole mobile number")
    fields = (
        _who,
        "platform",
        words("name", _("name")),
        code("app_version", _("app version")),
        "created_at",
        "last_seen_at",
        "rotated_at",
        "revoked_at",
        "history_from",
        "name_asked",
        code("pk", _("ID")),
    )
    actions = ("sign_out",)

    def has_sign_out_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "sign_out")

    @admin.action(description=_("Sign out"), permissions=["sign_out"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        def act(device: Device) -> str | None:
            if device.revoked_at is not None:
                return gettext("This device was signed out before.")
            operations.revoke_device(user=device.user, device_id=device.pk, now=timezone.now())
            return None

        self.each(request, queryset, act, done="sign_out")

    def name_of(self, obj: Device) -> str:
        return f"{obj.get_platform_display()} {obj.name}: {called(obj.user)}"

    def name_in_log(self, obj: Device) -> str:
        return f"{obj.platform}: {obj.user_id}"


@admin.register(OtpChallenge)
class OtpChallengeAdmin(ReadOnlyAdmin[OtpChallenge]):
    """What became of a code. The code itself is nowhere."""

    def name_of(self, obj: OtpChallenge) -> str:
        return phone.masked(obj.phone)

    list_display = (
        number("phone", _("mobile number")),
        "purpose",
        "channel",
        "created_at",
        "send_outcome",
        code("provider", _("provider")),
        "tries",
        "used_at",
    )
    list_filter = ("send_outcome", "purpose", "channel")
    ordering = ("-id",)
    phone_fields = ("phone",)
    search_help_text = _("A whole mobile number")
    fields = (
        number("phone", _("mobile number")),
        "purpose",
        "language",
        "channel",
        "created_at",
        "expires_at",
        "tries",
        "used_at",
        "superseded_at",
        "send_outcome",
        code("provider", _("provider")),
        code("provider_message_id", _("provider's reference")),
        code("error_class", _("kind of error")),
        code("pk", _("ID")),
    )

    def of_person(self, person_id: str) -> Q:
        # A code belongs to a number; whoever has the number now was sent it.
        return Q(phone__in=User.objects.filter(pk=person_id).values("phone"))


@admin.register(PhoneChange)
class PhoneChangeAdmin(ReadOnlyAdmin[PhoneChange]):
    def name_of(self, obj: PhoneChange) -> str:
        return called(obj.user)

    list_display = (
        _who,
        number("old_phone", _("old number")),
        number("new_phone", _("new number")),
        "state",
        "created_at",
        "takes_effect_at",
    )
    list_filter = ("state",)
    ordering = ("-id",)
    related = ("user", "assisted_by")
    phone_fields = ("user__phone", "old_phone", "new_phone")
    person_fields = ("user",)
    search_help_text = _("A whole mobile number")
    fields = (
        _who,
        number("old_phone", _("old number")),
        number("new_phone", _("new number")),
        "needs_old",
        "state",
        person("assisted_by", _("helped by")),
        words("reason", _("reason")),
        "created_at",
        "takes_effect_at",
        "finished_at",
        code("pk", _("ID")),
    )


@admin.register(SupportLook)
class SupportLookAdmin(ReadOnlyAdmin[SupportLook]):
    def name_of(self, obj: SupportLook) -> str:
        return called(obj.by)

    list_display = (person("by", _("who looked")), person("person", _("person")), "what", "at")
    list_filter = ("what",)
    ordering = ("-id",)
    related = ("by", "person")
    phone_fields = ("by__phone", "person__phone")
    search_help_text = _("A whole mobile number, of who looked or of whom they looked at")
    fields = (
        person("by", _("who looked")),
        person("person", _("person")),
        "what",
        code("asked_for", _("number asked for")),
        code("request_id", _("request")),
        "at",
    )
