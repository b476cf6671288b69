"""`errors.json`: every code an app can meet, with both languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypedDict

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError
from django.utils import translation

from backend.core.api.problems import status_of
from backend.core.errors import FIELD_ERRORS, all_refusals


class ErrorEntry(TypedDict):
    code: str
    status: int | None
    kind: str
    client: str
    retry: bool
    ar: str
    en: str


def errors_json() -> str:
    """Every code an app can meet, with both languages, one per line so that a change reads well."""
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in error_entries())
    return f"[\n{lines}\n]\n"


def error_entries() -> list[ErrorEntry]:
    """Sorted by kind and code. `kind`:

    problem  the `code` of an error answer, with its HTTP status
    field    a code inside `errors[]` of a `validation_failed`
    failure  the `failure.code` of a payment that failed, in an answer that is no error itself
    """
    _load_everything()
    entries: dict[tuple[str, str], ErrorEntry] = {}
    for refusal in all_refusals():
        entry = ErrorEntry(
            code=refusal.code,
            status=status_of(refusal),
            kind="problem",
            client=refusal.client,
            retry=refusal.client == "retry",
            **texts_of(refusal.message),
        )
        if entries.setdefault(("problem", refusal.code), entry) != entry:
            raise CommandError(f"{refusal.code} is used with two meanings.")
    for code, message in FIELD_ERRORS.items():
        entries["field", code] = ErrorEntry(
            code=code, status=400, kind="field", client="fix", retry=False, **texts_of(message)
        )
    for code, message in _failures():
        entries["failure", code] = ErrorEntry(
            code=code, status=None, kind="failure", client="show", retry=False, **texts_of(message)
        )
    order = ("problem", "field", "failure")
    return sorted(entries.values(), key=lambda e: (order.index(e["kind"]), e["code"]))


def _load_everything() -> None:
    """A refusal is known once its module is imported; the URLs lead to all but an operator's."""
    import_module(settings.ROOT_URLCONF)
    for app in apps.get_app_configs():
        if app.name.startswith("backend.") and find_spec(f"{app.name}.operations"):
            import_module(f"{app.name}.operations")


def _failures() -> Iterator[tuple[str, Any]]:
    """`FAILURES` of each app's refusals: codes that stand inside an answer rather than being one."""
    for app in apps.get_app_configs():
        if app.name.startswith("backend.") and find_spec(f"{app.name}.refusals"):
            yield from getattr(import_module(f"{app.name}.refusals"), "FAILURES", {}).items()


class _Texts(TypedDict):
    ar: str
    en: str


def texts_of(message: Any) -> _Texts:
    """The message in both languages, `{name}` standing for a value; of a message that counts, the form for many."""
    found = {}
    for language in ("ar", "en"):
        with translation.override(language):
            text = str(message)
            if not text or "%(" in text:  # a lazy plural has no text before it is given its number
                values = _StandIns()
                text = str(message % values)
                for name, number in values.items():
                    text = text.replace(str(number), f"{{{name}}}")
            found[language] = text
    return _Texts(ar=found["ar"], en=found["en"])


class _StandIns(dict[str, int]):
    """A value for whatever placeholder is asked: unmistakable numbers that Arabic counts in its form for many."""

    def __missing__(self, name: str) -> int:
        self[name] = 7_000_042 + 100 * len(self)
        return self[name]
