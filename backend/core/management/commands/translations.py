"""`manage.py translations`: the texts of the code and of locale/ compared, and brought together. Needs no gettext."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract, extract_from_dir
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation.template import templatize

LANGUAGES = ("ar", "en")
SHOWN = 60
PLURALS = {
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : "
    "n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5);",
    "en": "nplurals=2; plural=(n != 1);",
}
"""As Django's own catalogues count, so that all Arabic texts agree on the order of the six forms."""

_LAZY = {f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext", "npgettext")}
_KEYWORDS = DEFAULT_KEYWORDS | _LAZY
_PLACEHOLDER = re.compile(r"%(?:\((?P<name>\w+)\))?(?P<kind>[sdif%])")


class Command(BaseCommand):
    help = (
        "Compare the texts in backend/ with locale/; --update merges new ones in, --check fails on any gap."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--check", action="store_true", help="fail on missing, obsolete or damaged translations"
        )
        what.add_argument(
            "--update", action="store_true", help="add new texts, drop obsolete ones, keep the rest"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        template = texts_of(settings.BASE_DIR / "backend")
        folder = settings.LOCALE_PATHS[0]
        if options["update"]:
            for language in LANGUAGES:
                added, dropped = update(folder, language, template)
                self.stdout.write(f"{language}: {added} new, {dropped} dropped")
        problems = [problem for language in LANGUAGES for problem in problems_of(folder, language, template)]
        shown = problems[:SHOWN]
        if len(problems) > SHOWN:
            shown.append(f"... and {len(problems) - SHOWN} more")
        if problems and options["check"]:
            raise CommandError(
                "Translations are incomplete; `make translations` adds new texts to locale/:\n"
                + "\n".join(shown)
            )
        for line in shown or [f"{len(template)} texts, all there."]:
            self.stdout.write(line)


def texts_of(folder: Path) -> Catalog:
    """Every text marked for translation below `folder`: Python calls and Django templates."""
    template = Catalog(fuzzy=False)
    for name, _, text, comments, context in extract_from_dir(
        folder,
        [("**.py", "python")],
        keywords=_KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    ):
        _add(template, text, context, folder / name, comments)
    for path in sorted(folder.rglob("templates/**/*")):
        if path.is_file():
            # Django's own step: everything but the texts is blanked out and the tags become gettext calls.
            source = templatize(path.read_text(encoding="utf-8"), origin=str(path))
            for _, text, comments, context in extract("python", BytesIO(source.encode()), keywords=_KEYWORDS):
                _add(template, text, context, path, comments)
    return template


def _add(template: Catalog, text: Any, context: str | None, path: Path, comments: Any) -> None:
    template.add(
        text,
        context=context,
        locations=[(str(path.relative_to(settings.BASE_DIR)), 0)],
        auto_comments=comments,
    )


def update(folder: Path, language: str, template: Catalog) -> tuple[int, int]:
    """Merge the template into one language's catalogue. Returns how many texts are new and how many went."""
    path = _path(folder, language)
    catalogue = _read(path, language)
    before = {_key(message) for message in _messages(catalogue)}
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    after = {_key(message) for message in _messages(catalogue)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, ignore_obsolete=True, include_lineno=False, sort_by_file=True)
    return len(after - before), len(before - after)


def problems_of(folder: Path, language: str, template: Catalog) -> Iterator[str]:
    """What is wrong with one language's catalogue. English needs no translations: the texts are English."""
    path = _path(folder, language)
    if not path.exists():
        yield f"{language}: {path} is missing"
        return
    catalogue = _read(path, language)
    wanted = {_key(message): message for message in _messages(template)}
    found = {_key(message): message for message in _messages(catalogue)}
    for key in sorted(wanted.keys() - found.keys(), key=str):
        yield f"{language}: not in the catalogue: {_show(wanted[key])}"
    for key in sorted(found.keys() - wanted.keys(), key=str):
        yield f"{language}: no longer used: {_show(found[key])}"
    if PLURALS[language].split("plural=")[0] not in catalogue.plural_forms:
        yield f"{language}: the header counts {catalogue.plural_forms!r}, not {PLURALS[language]!r}"
    for key in sorted(wanted.keys() & found.keys(), key=str):
        message = found[key]
        if message.fuzzy:
            yield f"{language}: marked fuzzy: {_show(message)}"
        if language != "en":
            yield from (
                f"{language}: {why}: {_show(message)}" for why in _faults(message, catalogue.num_plurals)
            )


def _faults(message: Message, plurals: int) -> Iterator[str]:
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
    if len(strings) != (1 if len(ids) == 1 else plurals):
        yield f"{len(strings)} of {plurals} plural forms"
    allowed = set().union(*map(_placeholders, ids))
    # Templates write every value as a text, the number they count by too.
    counted = {name for name in allowed if name[1] == "d"} or (allowed if len(allowed) == 1 else set())
    if not all(string.strip() for string in strings):
        yield "not translated"
        return
    for string in strings:
        # One and two are words in Arabic, so a form may do without the number, never without anything else.
        if not allowed - (counted if len(ids) > 1 else set()) <= _placeholders(string) <= allowed:
            yield f"other placeholders in {string!r}"
        elif string.startswith("\n") != ids[-1].startswith("\n") or string.endswith("\n") != ids[-1].endswith(
            "\n"
        ):
            yield f"other line ends in {string!r}"


def _placeholders(text: str) -> set[tuple[str | None, str]]:
    return {(found["name"], found["kind"]) for found in _PLACEHOLDER.finditer(text)}


def _path(folder: Path, language: str) -> Path:
    return Path(folder) / language / "LC_MESSAGES" / "django.po"


def _read(path: Path, language: str) -> Catalog:
    if path.exists():
        with path.open("rb") as file:
            return read_po(file, locale=language, domain="django")
    catalogue = Catalog(
        locale=language,
        domain="django",
        project="Mawid",
        version="1",
        header_comment=f"# The texts of the backend, {language}. `make translations` adds new ones.",
        msgid_bugs_address="-",
        last_translator="-",
        language_team=language,
        creation_date=datetime.now(UTC),
        revision_date=datetime.now(UTC),
        fuzzy=False,
    )
    catalogue.mime_headers = [
        (name, PLURALS[language] if name == "Plural-Forms" else value)
        for name, value in catalogue.mime_headers
    ]
    return catalogue


def _messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def _key(message: Message) -> tuple[str | None, str]:
    return message.context, message.id if isinstance(message.id, str) else message.id[0]


def _show(message: Message) -> str:
    text = _key(message)[1]
    return repr(text if message.context is None else f"{message.context}: {text}")
