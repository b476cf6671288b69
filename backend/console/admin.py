"""Who changed what in the console, and when: added to, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Case, OuterRef, QuerySet, Subquery, UUIDField, When
from django.db.models.functions import Cast, Right
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.core.console import ReadOnlyAdmin, code, column, label, person, words

label(
    LogEntry,
    _("entry of the log"),
    _("who changed what"),
    action_time=_("when"),
    user=_("who"),
    content_type=_("kind"),
    object_id=_("ID"),
    object_repr=_("what"),
    action_flag=_("change"),
    change_message=_("details"),
)

_SHOWN = (
    "action_time",
    person("user", _("who")),
    "action_flag",
    column("content_type", _("kind"), lambda kind: kind.name),
    words("object_repr", _("what")),
    words("about", _("person")),
    words("get_change_message", _("details")),
)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin[LogEntry]):
    """The log keeps people as ids; their names are looked up while they have one."""

    list_display = _SHOWN
    list_filter = ("action_flag",)
    ordering = ("-id",)
    related = ("user", "content_type")
    phone_fields = ("user__phone",)
    search_help_text = _("A whole mobile number")
    fields = (*_SHOWN, code("object_id", _("ID")))

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        person_id = Case(
            When(object_repr__regex=r": [0-9a-f-]{36}$", then=Cast(Right("object_repr", 36), UUIDField()))
        )
        return (
            super()
            .get_queryset(request)
            .alias(person_id=person_id)
            .annotate(about=Subquery(User.objects.filter(pk=OuterRef("person_id")).values("name")))
        )

    def name_of(self, obj: LogEntry) -> str:
        return obj.object_repr
