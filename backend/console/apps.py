from __future__ import annotations

from datetime import datetime

from django.apps import AppConfig, apps
from django.contrib.admin import apps as django_admin
from django.utils.translation import gettext_lazy as _


class ConsoleConfig(AppConfig):
    """Templates and styles; listed before Django's admin, whose templates it replaces in part."""

    name = "backend.console"
    label = "console"
    default = True

    def ready(self) -> None:
        from backend.core import jobs

        for app, title in AREAS.items():
            apps.get_app_config(app).verbose_name = title
        jobs.register("console sessions", forget_ended_sessions)


class SiteConfig(django_admin.AdminConfig):
    """Django's admin, on our site: every app's `admin.py` registers there."""

    default = False
    default_site = "backend.console.site.Console"


AREAS = {
    "accounts": _("People"),
    "salons": _("Catalogue"),
    "bookings": _("Bookings"),
    "payments": _("Payments"),
    "notifications": _("Messages"),
    "core": _("System"),
    "admin": _("Console log"),
}
"""What the apps are called in the console."""


def forget_ended_sessions(now: datetime) -> int:
    from django.contrib.sessions.models import Session

    return Session.objects.filter(expire_date__lt=now).delete()[0]
