"""The pages: who may open them, how rows are found in them, and how a change gets a name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.core import phone as phones
from backend.core.console.columns import EMPTY
from backend.core.console.forms import ConsoleForm, MinuteOfDay, Riyals
from backend.core.console.labels import named
from backend.core.errors import DomainError
from backend.core.text import ascii_digits

M = TypeVar("M", bound=models.Model)

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
CLOCKS = ("opens_minute", "closes_minute")
MOST_COUNTED = 10_000
MOST_AT_ONCE = 50
"""Rows one action takes on: each is an operation of its own, with messages to send."""


class Rules(Protocol):
    """What the site knows about people (`backend.console.policy`)."""

    def may(self, user: Any, model: str, verb: str) -> bool: ...

    def must_search(self, user: Any, model: str) -> bool: ...

    def count_look(self, user: Any) -> None: ...

    def looked(self, user: Any, *, number: str = "", person: Any = None, asked_for: str = "") -> None: ...


class BoundedPaginator(Paginator[Any]):
    """Counts no further than people page: the length of a table of millions is nobody's question."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_COUNTED + 1].count())

    @property
    def goes_on(self) -> bool:
        return self.count > MOST_COUNTED


class _List(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count  # nothing was left out, so nothing is said about it


@dataclass(frozen=True)
class _Shown:
    """A row, as templates name and link it."""

    pk: Any
    name: str

    def __str__(self) -> str:
        return self.name


class Governed(admin.options.BaseModelAdmin[M]):
    """Asks the policy instead of Django's table of permissions."""

    def may(self, request: HttpRequest, verb: str) -> bool:
        rules = cast(Rules, self.admin_site)
        return rules.may(request.user, self.opts.label_lower, verb)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view")

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name.endswith("_minor"):
            return Riyals(
                label=capfirst(db_field.verbose_name),
                help_text=_("Riyals, VAT included"),
                required=not db_field.blank,
            )
        if db_field.name in CLOCKS:
            return MinuteOfDay(label=capfirst(db_field.verbose_name), required=not db_field.blank)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            _direct(field, db_field)
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if isinstance(field, forms.ModelChoiceField):
            field.label_from_instance = named  # type: ignore[method-assign]
        return field


def _direct(field: forms.Field, db_field: Any) -> None:
    """Which way a text runs does not follow the page: numbers and slugs to the right, names as they are written."""
    language = getattr(db_field, "language", None)
    attrs = field.widget.attrs
    if language:
        attrs |= {"dir": "rtl" if language == "ar" else "ltr", "lang": language}
    elif isinstance(db_field, models.IntegerField | models.DecimalField | models.SlugField):
        attrs["dir"] = "ltr"
    elif isinstance(db_field, models.CharField | models.TextField) and not db_field.choices:
        attrs["dir"] = "auto"
    if isinstance(field.widget, forms.Textarea):
        attrs["rows"] = 4


class ConsoleAdmin(Governed[M], admin.ModelAdmin[M]):
    """A model in the console. The policy decides who sees, adds, changes and deletes.

    `phone_fields` are searched by a whole number in any spelling, `search_fields` by other words, an id finds its row.
    Who must search (support) sees nothing before, and then only what a whole number or `whole_fields` name.
    """

    form: Any = ConsoleForm
    fields: ClassVar[Any] = None
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ()
    list_per_page = 50
    list_max_show_all = 200
    empty_value_display = EMPTY
    actions_selection_counter = True
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    view_on_site = False
    phone_fields: Sequence[str] = ()
    person_fields: Sequence[str] = ()
    """Whose row it is; a person's id finds theirs, and stands only in links of their page."""
    whole_fields: Sequence[str] = ()
    """Lookups for a whole reference, `reference__iexact`."""
    related: Sequence[str] = ()
    """What lists and pages show beside the row itself, fetched with it."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _List

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.related) if self.related else rows

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        # A list searched by phone alone has no words to search, and needs its search box all the same.
        return tuple(super().get_search_fields(request)) or (("pk",) if self.phone_fields else ())

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what a filter of the list asks: an address must not probe columns that the page does not show."""
        names = [
            one
            if isinstance(one, str)
            else one[0]
            if isinstance(one, tuple)
            else cast(Any, one).parameter_name
            for one in self.get_list_filter(request)
        ]
        return any(lookup == name or lookup.startswith(f"{name}__") for name in names)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        term = ascii_digits(search_term).strip()
        rules = cast(Rules, self.admin_site)
        sees_all = not rules.must_search(request.user, self.opts.label_lower)
        if not term:
            return (queryset if sees_all else queryset.none()), False
        number = whole_number(term) if self.phone_fields else ""
        if number:
            return queryset.filter(_any(self.phone_fields, number)), False
        if _UUID.fullmatch(term):
            found = self.of_person(term)
            if sees_all and isinstance(self.opts.pk, models.UUIDField):
                found |= Q(pk=term)
            if found:
                return queryset.filter(found), False
        if not sees_all:
            named = _any(self.whole_fields, term)
            return (queryset.filter(named) if named else queryset.none()), False
        if not self.search_fields:
            return queryset.none(), False
        return super().get_search_results(request, queryset, term)

    # Who must search is on record with whatever they find, on every list and page.

    def notes_looks(self, request: HttpRequest) -> bool:
        rules = cast(Rules, self.admin_site)
        return self.has_view_permission(request) and rules.must_search(request.user, self.opts.label_lower)

    def person_of(self, obj: Any) -> Any:
        """Whose row it is, when that is somebody with an account."""
        value = obj
        for step in self.person_fields[0].split("__") if self.person_fields else ("",):
            value = getattr(value, step, None)
        return value

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        term = ascii_digits(request.GET.get("q", "")).strip()
        number = whole_number(term) if self.phone_fields else ""
        asks = number or (self.whole_fields and term and "\x00" not in term)  # no database takes that one
        if asks and self.notes_looks(request):
            rules = cast(Rules, self.admin_site)
            rules.count_look(request.user)
            if number:
                rules.looked(request.user, number=number)
            elif not _UUID.fullmatch(term):  # an id stands only in links of a page that was noted
                row = self.get_queryset(request).filter(_any(self.whole_fields, term)).first()
                if row is not None:
                    rules.looked(request.user, person=self.person_of(row), asked_for=term)
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if self.notes_looks(request):
            seen = self.get_object(request, object_id)
            person = self.person_of(seen) if seen is not None else None
            if person is not None:
                cast(Rules, self.admin_site).looked(request.user, person=person)
        return super().change_view(request, object_id, form_url, extra_context)

    def of_person(self, person_id: str) -> Q:
        return _any(self.person_fields, person_id)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what was changed and nothing else, so that two people do not undo each other's work."""
        if not change:
            obj.save(force_insert=True)
            return
        own = {field.name for field in self.opts.concrete_fields}
        changed = [name for name in form.changed_data if name in own]
        if changed:
            obj.save(update_fields=changed)

    # Every change has a name on it.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return self._log(request, obj, ADDITION, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return self._log(request, obj, CHANGE, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return [self._log(request, obj, DELETION, "") for obj in queryset]

    def name_of(self, obj: Any) -> str:
        """What people call this row."""
        return named(obj)

    def name_in_log(self, obj: Any) -> str:
        """The same for good: somebody is an id here, which says nothing any more once their account is erased."""
        return self.name_of(obj)

    def _log(self, request: HttpRequest, obj: Any, flag: int, message: Any) -> LogEntry:
        return LogEntry.objects.create(
            user_id=cast(Any, request.user).pk,
            content_type_id=get_content_type_for_model(obj).pk,
            object_id=str(obj.pk),
            object_repr=self.name_in_log(obj)[:200],
            action_flag=flag,
            change_message=json.dumps(message) if isinstance(message, list) else message,
        )

    # Headings say what people call the row, not what a developer does.

    def render_change_form(
        self,
        request: Any,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            shown = _Shown(obj.pk, self.name_of(obj))
            context |= {"original": shown, "subtitle": str(shown)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def render_delete_form(self, request: Any, context: Any) -> Any:
        obj = context["object"]
        shown = _Shown(obj.pk, self.name_of(obj))
        one = f"{capfirst(str(self.opts.verbose_name))}: {shown}"
        context |= {"object": shown, "deleted_objects": [one, *context["deleted_objects"][1:]]}
        return super().render_delete_form(request, context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        request.__dict__["_deleted"] = self.name_of(obj)
        super().delete_model(request, obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> Any:
        return super().response_delete(request, request.__dict__.get("_deleted", obj_display), obj_id)

    # Actions

    def each(
        self, request: HttpRequest, queryset: QuerySet[M], act: Callable[[M], str | None], *, done: str
    ) -> None:
        """Run one operation per row and tell, row by row, which were refused and why.

        `act` returns None when it did its work, or a sentence about why there was none to do. `done` goes to the log.
        """
        rows = list(queryset[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            self.message_user(
                request,
                gettext("Please choose at most %(most)d at a time. Nothing was done.")
                % {"most": MOST_AT_ONCE},
                messages.ERROR,
            )
            return
        finished = 0
        for row in rows:
            try:
                refused = act(row)
            except DomainError as error:
                refused = error.detail
            if refused is None:
                finished += 1
                self.log_change(request, row, done)
                continue
            self.message_user(
                request,
                format_html('<bdi dir="auto">{}</bdi>: {}', self.name_of(row), refused),
                messages.WARNING,
            )
        if finished:
            self.message_user(
                request,
                gettext("Done: %(count)d") % {"count": finished},
                messages.SUCCESS,
            )


class ReadOnlyAdmin(ConsoleAdmin[M]):
    """What the system decides: to be read. Nobody adds, changes or deletes, whatever a policy says."""

    fields: ClassVar[Any] = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyRows(Governed[M], admin.TabularInline[Any, M]):
    """Rows that belong to the one above, to be read."""

    fields: ClassVar[Any] = None
    extra = 0
    can_delete = False
    show_change_link = False
    related: Sequence[str] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.related) if self.related else rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def whole_number(text: str) -> str:
    """The E.164 form of a whole mobile number in any spelling; empty for anything else."""
    try:
        return phones.mobile_e164(text)
    except phones.PhoneInvalid:
        return ""


def _any(lookups: Iterable[str], value: Any) -> Q:
    found = Q()
    for lookup in lookups:
        found |= Q(**{lookup: value})
    return found
