"""Who holds a role at a salon, and what customers say about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.accounts.console import NumberField, called
from backend.core.console import (
    ConsoleAdmin,
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    label,
    person,
    words,
)
from backend.core.text import clean_name
from backend.salons.admin.shared import BY_SALON, SALON, OfSalonForm
from backend.salons.models import Membership, Review, ReviewReport
from backend.salons.operations import members
from backend.salons.operations.reviews import hide_review, publish_review

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

_WHO = person("user", _("person"), link=True)


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


class RoleOnlyForm(OfSalonForm):
    class Meta:
        model = Membership
        fields = ("role",)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if role := cleaned.get("role"):
            self.require(lambda: _change(self.instance, role), at="role")
        return cleaned


def _change(member: Membership, role: str) -> None:
    members.change_role(salon=member.salon, member_id=member.pk, version=member.version, role=role)


@admin.register(Membership)
class MembershipAdmin(ConsoleAdmin[Membership]):
    """Who works at a desk. The role can change; the person and the salon cannot. The log keeps who did it."""

    form = MembershipForm
    list_display = (_WHO, SALON, "role", "created_at")
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
            return (_WHO, SALON, "role", "created_at")
        return ("somebody", "salon", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (_WHO, SALON, "created_at") if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs | ({"form": RoleOnlyForm} if obj else {}))

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            _change(obj, obj.role)
            return
        obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        members.remove_member(salon=obj.salon, member_id=obj.pk, version=obj.version)

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

    list_display = (SALON, "rating", words("comment", _("comment")), "status", "created_at")
    list_filter = ("status", "rating")
    ordering = ("-id",)
    related = ("salon", "author", "moderated_by")
    inlines = (Reports,)
    action_form = ReasonForm
    actions = ("hide", "publish")
    search_fields = ("salon__slug__iexact",)
    search_help_text = BY_SALON
    fields = (
        SALON,
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
