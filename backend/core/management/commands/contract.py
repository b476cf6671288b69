"""`manage.py contract`: what the apps are built against, as the code would write it now."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import redirect_stderr
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypedDict

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from drf_spectacular.drainage import reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

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


class Command(BaseCommand):
    help = "Write mobile-contract/openapi.yaml and errors.json, or say with --check what is out of date."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing, fail where a file is stale")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.BASE_DIR / "mobile-contract"
        files = {"openapi.yaml": openapi_yaml(), "errors.json": errors_json()}
        stale = []
        for name, text in files.items():
            path = folder / name
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            if options["check"]:
                stale.append(f"{path.relative_to(settings.BASE_DIR)} {_first_difference(path, text)}")
            else:
                folder.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
                self.stdout.write(f"{path.relative_to(settings.BASE_DIR)} written")
        if stale:
            raise CommandError("The contract is out of date; `make contract` writes it:\n" + "\n".join(stale))
        if options["check"]:
            self.stdout.write("The contract is current.")


def openapi_yaml() -> str:
    """The whole API in OpenAPI 3.1, in English. Raises CommandError where the generator had to guess."""
    reset_generator_stats()
    complaints = StringIO()
    with translation.override("en"), redirect_stderr(complaints):
        schema = _generator().get_schema(request=None, public=True)
    reset_generator_stats()
    if complaints.getvalue():
        raise CommandError(f"The schema could not be generated without guessing:\n{complaints.getvalue()}")
    _validate(schema)
    renderer: Any = OpenApiYamlRenderer()
    return str(renderer.render(schema, renderer_context={}).decode())


def _generator() -> Any:
    kind: Any = SchemaGenerator
    return kind()


def _validate(schema: dict[str, Any]) -> None:
    if find_spec("openapi_spec_validator") is None:  # a tool of developers, not of servers
        return
    validator: Any = import_module("openapi_spec_validator")
    problems = list(validator.OpenAPIV31SpecValidator(schema).iter_errors())
    if problems:
        listed = "\n".join(f"{'/'.join(map(str, p.absolute_path))}: {p.message}" for p in problems[:20])
        raise CommandError(f"The schema is not valid OpenAPI 3.1:\n{listed}")


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
            **_texts(refusal.message),
        )
        if entries.setdefault(("problem", refusal.code), entry) != entry:
            raise CommandError(f"{refusal.code} is used with two meanings.")
    for code, message in FIELD_ERRORS.items():
        entries["field", code] = ErrorEntry(
            code=code, status=400, kind="field", client="fix", retry=False, **_texts(message)
        )
    for code, message in _failures():
        entries["failure", code] = ErrorEntry(
            code=code, status=None, kind="failure", client="show", retry=False, **_texts(message)
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


def _texts(message: Any) -> _Texts:
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


def _first_difference(path: Path, text: str) -> str:
    if not path.exists():
        return "is missing"
    there = path.read_text(encoding="utf-8").splitlines()
    for number, (old, new) in enumerate(zip_longest(there, text.splitlines(), fillvalue="(end)"), start=1):
        if old != new:
            return f"differs from line {number}:\n  committed: {old.strip()}\n  now:       {new.strip()}"
    return "differs in its line ends"
