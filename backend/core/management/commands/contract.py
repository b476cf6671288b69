"""`manage.py contract`: what the apps are built against, as the code would write it now."""

from __future__ import annotations

from argparse import ArgumentParser
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backend.core.contract import examples
from backend.core.contract.changes import breaking
from backend.core.contract.document import as_yaml, schema, validate
from backend.core.contract.enums import enums_md
from backend.core.contract.errors import errors_json
from backend.core.contract.ready_made import ready_made

FOLDER = "mobile-contract"
RELEASED = "released/v1.yaml"


class Command(BaseCommand):
    help = "Write the generated files of mobile-contract/, or say with --check what is stale or would break an app."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing, fail where a file is stale")
        parser.add_argument("--folder", type=Path, help=f"write there instead of {FOLDER}/")
        parser.add_argument("--release", action="store_true", help=f"also take today's schema as {RELEASED}")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.BASE_DIR / FOLDER
        target = options["folder"] or folder
        plain = schema()
        files = generated(plain, folder)
        if options["release"]:
            files[RELEASED] = as_yaml(plain)
        stale = []
        for name, text in files.items():
            path = target / name
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            if options["check"]:
                stale.append(f"{FOLDER}/{name} {_first_difference(path, text)}")
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                self.stdout.write(f"{FOLDER}/{name} written")
        for path in _left_behind(target, files):
            if options["check"]:
                stale.append(f"{FOLDER}/{path.relative_to(target)} is of no operation any more")
            else:
                path.unlink()
        if stale:
            raise CommandError("The contract is out of date; `make contract` writes it:\n" + "\n".join(stale))
        if not options["release"]:
            self._compare(target / RELEASED, plain)
        if options["check"]:
            self.stdout.write("The contract is current.")

    def _compare(self, released: Path, plain: dict[str, Any]) -> None:
        if not released.exists():
            return
        old = yaml.load(released.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        found = breaking(old, plain)
        if found:
            listed = "\n".join(f"  {sentence}" for sentence in found)
            raise CommandError(
                f"Installed apps would break. Add beside what is there (COMPATIBILITY.md), or before the first release"
                f" accept it with `manage.py contract --release`:\n{listed}"
            )


def _left_behind(target: Path, files: dict[str, str]) -> list[Path]:
    """Requests of operations that are gone."""
    kept = {target / name for name in files}
    return sorted(path for path in (target / "collections").rglob("*.bru") if path not in kept)


def generated(plain: dict[str, Any], folder: Path) -> dict[str, str]:
    """Name and text of each file, from the schema without examples and what people wrote in `folder`.

    Raises CommandError where the schema is not valid. Sets the examples into `plain` only while it works.
    """
    full = examples.embedded(plain, folder / "examples")
    validate(full)
    return {
        "openapi.yaml": as_yaml(full),
        "errors.json": errors_json(),
        "enums.md": enums_md(plain, folder / "labels.json"),
        **ready_made(full),
    }


def _first_difference(path: Path, text: str) -> str:
    if not path.exists():
        return "is missing"
    there = path.read_text(encoding="utf-8").splitlines()
    for number, (old, new) in enumerate(zip_longest(there, text.splitlines(), fillvalue="(end)"), start=1):
        if old != new:
            return f"differs from line {number}:\n  committed: {old.strip()}\n  now:       {new.strip()}"
    return "differs in its line ends"
