"""What the system itself reports: alarms, until somebody has seen them."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.core.console import ReadOnlyAdmin, code, document, label, person
from backend.core.models import Alarm

label(
    Alarm,
    _("alarm"),
    _("alarms"),
    kind=_("kind"),
    subject=_("subject"),
    hour=_("hour"),
    details=_("details"),
    count=_("times"),
    first_at=_("first"),
    last_at=_("last"),
    acknowledged_at=_("acknowledged"),
    acknowledged_by=_("acknowledged by"),
)


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin[Alarm]):
    list_display = (
        code("kind", _("kind")),
        code("subject", _("subject")),
        "count",
        "first_at",
        "last_at",
        "acknowledged_at",
        person("acknowledged_by", _("acknowledged by")),
    )
    list_filter = (("acknowledged_at", admin.EmptyFieldListFilter), "kind")
    ordering = ("-last_at", "-id")
    related = ("acknowledged_by",)
    search_fields = ("kind__istartswith", "subject__istartswith")
    search_help_text = _("Kind or subject")
    fields = (
        code("kind", _("kind")),
        code("subject", _("subject")),
        "hour",
        "count",
        "first_at",
        "last_at",
        document("details", _("details")),
        "acknowledged_at",
        person("acknowledged_by", _("acknowledged by")),
    )
    actions = ("acknowledge",)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "acknowledge")

    @admin.action(description=_("Acknowledge"), permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        def act(alarm: Alarm) -> str | None:
            seen = Alarm.objects.filter(pk=alarm.pk, acknowledged_at=None).update(
                acknowledged_at=timezone.now(), acknowledged_by=request.user.pk
            )
            return None if seen else gettext("Somebody has acknowledged this already.")

        self.each(request, queryset, act, done="acknowledge")
