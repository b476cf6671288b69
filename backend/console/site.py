"""The site: Django's admin with sign-in by phone, two languages, and the policy in place of its permissions."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, auth
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from backend.accounts import operations
from backend.accounts.models import Device, User
from backend.accounts.operations import support
from backend.console import policy, reports, sign_in
from backend.console.languages import links
from backend.core import phone
from backend.core.console import named
from backend.core.errors import NotFound

_PASSWORDS = ("password_change", "password_change_done")


class ByName(AutocompleteJsonView):
    """Choices are called by their names."""

    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        return super().serialize_result(obj, to_field_name) | {"text": named(obj)}


class Console(admin.AdminSite):
    site_title = _("Mawid console")
    site_header = _("Mawid console")
    index_title = _("Overview")
    site_url = None
    empty_value_display = "—"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # rows go one by one, each with its page of what goes with it

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: Iterable[type[Model]] = (
            [cast(Any, model_or_iterable)] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        )
        for model in models:
            label = model._meta.label_lower
            if label in policy.NOT_SHOWN or model._meta.swapped:
                continue  # Django's own
            if label not in policy.POLICY:
                raise ImproperlyConfigured(f"{label} has no line in backend.console.policy.POLICY.")
            super().register(model, admin_class, **options)

    # The rules the admins ask for (core.console.Rules).

    def may(self, user: Any, model: str, verb: str) -> bool:
        return policy.may(user, model, verb)

    def must_search(self, user: Any, model: str) -> bool:
        return policy.must_search(user, model)

    def looked(self, user: Any, *, number: str = "", person: Any = None, asked_for: str = "") -> None:
        support.note_look(by=user, number=number, person=person, asked_for=asked_for, now=timezone.now())

    def count_look(self, user: Any) -> None:
        support.count_look(by=user, now=timezone.now())

    # Getting in and out.

    def has_permission(self, request: HttpRequest) -> bool:
        """Asked before every page: still an operator, and the device that signed in not signed out elsewhere."""
        kept: bool | None = request.__dict__.get("_console_open")
        if kept is None:
            kept = policy.is_operator(request.user) and _device(request) is not None
            request.__dict__["_console_open"] = kept
        return kept

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_permission(request):
            return redirect("admin:index")
        return sign_in.page(request, self.each_context(request))

    @method_decorator(require_POST)
    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        device = _device(request)
        if device is not None:
            with contextlib.suppress(NotFound):
                operations.revoke_device(user=cast(User, request.user), device_id=device, now=timezone.now())
        auth.logout(request)
        return redirect("admin:login")

    # Pages.

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        user = request.user
        operator = ""
        if user.is_authenticated:
            operator = user.name or (phone.masked(user.phone) if user.phone else "")
        return super().each_context(request) | {"language_links": links(request), "operator": operator}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """What this person reads, in the overview and beside every page: the reports before the lists."""
        lists = super().get_app_list(request, app_label)
        return lists if app_label else [*reports.as_app(request), *lists]

    def get_urls(self) -> list[URLPattern | URLResolver]:
        kept = [url for url in super().get_urls() if getattr(url, "name", "") not in _PASSWORDS]
        return [*reports.urls(self), *kept]

    def autocomplete_view(self, request: HttpRequest) -> JsonResponse:
        return cast(JsonResponse, ByName.as_view(admin_site=self)(request))


def _device(request: HttpRequest) -> uuid.UUID | None:
    """The live device this session was opened on; one in doubt (a recycled number) opens nothing here."""
    device_id = request.session.get(sign_in.DEVICE)
    if not device_id or not request.user.is_authenticated:
        return None
    live = Device.objects.filter(pk=device_id, user_id=request.user.pk, revoked_at=None, history_from=None)
    return live.values_list("pk", flat=True).first()
