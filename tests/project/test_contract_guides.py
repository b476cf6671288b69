"""What people wrote in mobile-contract/ names only what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from backend.core.api.schema import OPEN_LISTS
from backend.core.contract.enums import enums
from backend.core.contract.reading import operations
from tests.project.tree import ROOT

FOLDER = ROOT / "mobile-contract"
GUIDES = sorted([*FOLDER.glob("*.md"), *FOLDER.glob("screens/*.md")])
SCREENS = {
    "launch", "sign-in", "home", "search", "salon", "pick-time", "checkout", "ticket", "my-bookings", "profile",
    "staff-day",
}  # fmt: skip
REQUEST = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) ([a-z/][\w{}/.,*-]*)")
STATUS_AND_CODE = re.compile(r"\b(4\d\d|503) ((?:`[a-z_]+`(?:, | and )?)+)")
DIAGRAMS = ("sequenceDiagram", "stateDiagram-v2", "flowchart")
DOCUMENT = yaml.load((FOLDER / "openapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
ROUTES = [
    (method.upper(), re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path.removeprefix("/api/v1/")))))
    for method, path, _ in operations(DOCUMENT)
]


def known(method: str, path: str) -> bool:
    wanted = path.removeprefix("/").removeprefix("api/v1/").split("?")[0].rstrip(".,")
    return any(m == method and route.fullmatch(wanted) for m, route in ROUTES)


@pytest.mark.parametrize("path", GUIDES, ids=lambda p: str(p.relative_to(FOLDER)))
def test_every_address_in_a_guide_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [f"{m} {p}" for m, p in REQUEST.findall(text) if not known(m, p)] == []


@pytest.mark.parametrize("path", GUIDES, ids=lambda p: str(p.relative_to(FOLDER)))
def test_every_code_in_a_guide_exists_with_its_status(path: Path) -> None:
    entries = json.loads((FOLDER / "errors.json").read_text(encoding="utf-8"))
    codes = {(entry["code"], entry["status"]) for entry in entries}
    for status, named in STATUS_AND_CODE.findall(path.read_text(encoding="utf-8")):
        for code in re.findall(r"`([a-z_]+)`", named):
            assert (code, int(status)) in codes


@pytest.mark.parametrize("path", GUIDES, ids=lambda p: str(p.relative_to(FOLDER)))
def test_every_file_a_guide_names_is_there(path: Path) -> None:
    named = re.findall(r"`([\w./-]+(?:\.(?:md|json|yaml)|/))`", path.read_text(encoding="utf-8"))
    assert [
        name
        for name in named
        if "/" not in name.rstrip("/") and name[0] != "." and not (FOLDER / name).exists()
    ] == []
    assert [
        name for name in named
        if name.startswith(("examples/", "screens/", "flows/", "snippets/", "clients/", "collections/", "released/"))
        and not (FOLDER / name).exists()
    ] == []  # fmt: skip


@pytest.mark.parametrize("path", GUIDES, ids=lambda p: str(p.relative_to(FOLDER)))
def test_diagrams_are_of_a_known_kind_and_closed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("```") % 2 == 0
    for diagram in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL):
        first, *rest = diagram.strip().splitlines()
        assert first in DIAGRAMS
        opened = sum(bool(re.match(r"\s*(alt|loop|par|opt)\b", line)) for line in rest)
        assert opened == sum(line.strip() == "end" for line in rest)


def test_every_screen_is_described() -> None:
    assert {path.stem for path in FOLDER.glob("screens/*.md")} >= SCREENS


def test_every_value_has_a_name_in_both_languages() -> None:
    labels = json.loads((FOLDER / "labels.json").read_text(encoding="utf-8"))
    missing = []
    for name, schema in enums(DOCUMENT).items():
        for value in schema["enum"]:
            arabic, english = labels.get(name, {}).get(value, ("", ""))
            if not (english and arabic):
                missing.append(f"{name}.{value}")
            assert not re.search("[\u0610-\u061a\u064b-\u0652]", arabic), "no harakat"
    assert not missing, f"labels.json lacks {missing}"


def test_a_bookings_state_is_called_what_the_answers_call_it() -> None:
    from django.utils import translation

    from backend.bookings.api.present import STATE_LABELS

    labels = json.loads((FOLDER / "labels.json").read_text(encoding="utf-8"))["BookingState"]
    for position, language in enumerate(("ar", "en")):
        with translation.override(language):
            assert {str(k): str(v) for k, v in STATE_LABELS.items()} == {
                k: v[position] for k, v in labels.items()
            }


def test_every_open_list_is_one_of_the_schema_and_marked() -> None:
    assert {name for name, schema in enums(DOCUMENT).items() if schema.get("x-open-enum")} == OPEN_LISTS
