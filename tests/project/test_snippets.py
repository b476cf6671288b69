"""What mobile-contract/ shows in Swift, Kotlin, Dart and TypeScript parses, and names only what exists."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.core.contract.reading import operations
from tests.project.syntax import EXTENSIONS, literals, mistakes
from tests.project.tree import ROOT
from tests.support.node import package

FOLDER = ROOT / "mobile-contract"
CLIENT = FOLDER / "clients/typescript"
SNIPPETS = sorted(path for path in (FOLDER / "snippets").rglob("*") if path.suffix in EXTENSIONS)
GUIDES = sorted([*FOLDER.glob("*.md"), *FOLDER.glob("screens/*.md")])
FENCES = {"swift": ".swift", "kotlin": ".kt", "dart": ".dart", "ts": ".ts"}
DOCUMENT: dict[str, Any] = yaml.load(
    (FOLDER / "openapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
SCHEMAS = DOCUMENT["components"]["schemas"]
ERRORS = json.loads((FOLDER / "errors.json").read_text(encoding="utf-8"))

OWN_WORDS = {"key", "body", "html"}
"""Of a draft on the phone's own disk, and what a captive portal sends."""


def label(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def of(language: str) -> str:
    """All snippets of a language; TypeScript's duties are the reference client itself."""
    folders = [FOLDER / "snippets" / language, *([CLIENT / "src"] if language == "typescript" else [])]
    names = [path for folder in folders for path in sorted(folder.glob("*")) if path.suffix in EXTENSIONS]
    return "\n".join(path.read_text(encoding="utf-8") for path in names if path.name != "schema.d.ts")


def known_words() -> set[str]:
    """Error codes, the schema's field names, and the values of its lists."""
    words = {entry["code"] for entry in ERRORS}
    for schema in SCHEMAS.values():
        words |= schema.get("properties", {}).keys()
        words |= {str(value) for value in schema.get("enum", ())}
    return words


def known_headers() -> set[str]:
    text = (FOLDER / "conventions.md").read_text(encoding="utf-8")
    told = re.findall(r"`([A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)*)(?:: [^`]*)?`", text)
    asked = [
        p["name"] for _, _, o in operations(DOCUMENT) for p in o.get("parameters", ()) if p["in"] == "header"
    ]
    return {*told, *asked, "Accept", "Content-Type"}


def fenced() -> Iterator[tuple[str, str, str]]:
    """Guide, language and text of each piece of a client in the guides."""
    for path in GUIDES:
        for language, text in re.findall(
            r"^```(\w+)\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S
        ):
            if language in FENCES:
                yield label(path), language, text


@pytest.mark.parametrize("path", SNIPPETS, ids=label)
def test_a_snippet_parses(path: Path) -> None:
    assert mistakes(path.suffix, path.read_bytes()) == []


def test_what_the_guides_show_parses_too() -> None:
    pieces = list(fenced())
    assert {language for _, language, _ in pieces} == FENCES.keys()
    for guide, language, text in pieces:
        assert mistakes(FENCES[language], text.encode()) == [], guide


@pytest.mark.parametrize(
    ("suffix", "broken"),
    [
        (".swift", "func f( { }"),
        (".kt", "fun f( { }"),
        (".dart", "void f( { }"),
        (".ts", "function f( { }"),
    ],
)
def test_a_mistake_is_seen(suffix: str, broken: str) -> None:
    assert mistakes(suffix, broken.encode())


@pytest.mark.parametrize("path", SNIPPETS, ids=label)
def test_a_snippet_names_only_what_the_contract_knows(path: Path) -> None:
    routes = [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(p))) for _, p, _ in operations(DOCUMENT)]
    words, headers, unknown = known_words() | OWN_WORDS, known_headers(), []
    # TypeScript has its own names in quotes too; there the compiler knows the fields, but not the codes.
    word = re.compile("[a-z]+(_[a-z]+)+" if path.suffix == ".ts" else "[a-z][a-z0-9_]*")
    for text in literals(path.suffix, path.read_bytes()):
        if text.startswith("/api/"):
            fine = any(route.fullmatch(text) for route in routes)
        elif re.fullmatch(r"[A-Z][a-z]+(-[A-Z][a-z]+)+|Accept|Authorization", text):
            fine = text in headers
        elif word.fullmatch(text):
            fine = text in words
        else:
            continue
        if not fine:
            unknown.append(text)
    assert unknown == []


@pytest.mark.parametrize("language", ["swift", "kotlin", "dart", "typescript"])
def test_each_language_does_its_duties(language: str) -> None:
    """The codes that end a sign-in or ask for a new token, all of them and no others, and the constant headers."""
    text = of(language)
    for client in ("refresh", "sign_in"):
        codes = {entry["code"] for entry in ERRORS if entry["client"] == client}
        assert any(codes == set(re.findall(r"[\"'](\w+)[\"']", line)) for line in text.splitlines()), client
    for header in ("Accept-Language", "X-Client", "X-Installation-Id", "Authorization", "Idempotency-Key"):
        assert header in text
    assert "/api/v1/auth/token-refreshes" in text


@pytest.mark.parametrize("language", ["swift", "kotlin", "dart", "typescript"])
def test_each_language_waits_only_where_errors_json_says_that_a_retry_helps(language: str) -> None:
    listed = re.search(r"""^.*["']request_in_progress["'],.*$""", of(language), re.M)
    assert listed
    waited = set(re.findall(r"[\"'](\w+)[\"']", listed.group()))
    assert waited <= {entry["code"] for entry in ERRORS if entry["retry"]}


@pytest.mark.parametrize("language", ["swift", "kotlin", "dart"])
def test_a_list_of_values_is_the_schemas_and_one_for_the_unknown(language: str) -> None:
    body = re.search(r"^enum (?:class )?BookingState\b.*?\{$(.*?)^}", of(language), re.M | re.S)
    assert body
    bare = re.findall(r"^ +case ([a-z, ]+)$", body.group(1), re.M)
    values = set(re.findall(r"[\"']([a-z_]+)[\"']", body.group(1))) | {
        v for line in bare for v in line.split(", ")
    }
    assert values - {"unknown"} == set(SCHEMAS["BookingState"]["enum"])
    assert re.search(r"\bunknown\b", body.group(1), re.I)


@pytest.mark.server
def test_the_typescript_snippets_compile_strictly_and_tell_the_salons_time_anywhere(tmp_path: Path) -> None:
    package("clients/typescript")
    client = tmp_path / "clients/typescript"
    shutil.copytree(CLIENT / "src", client / "src")
    shutil.copy(CLIENT / "tsconfig.json", client)
    snippets = tmp_path / "snippets/typescript"
    shutil.copytree(FOLDER / "snippets/typescript", snippets)
    tools = CLIENT / "node_modules/.bin"
    run(tools / "openapi-typescript", FOLDER / "openapi.yaml", "--output", client / "src/schema.d.ts",
        "--default-non-nullable=false")  # fmt: skip
    assert mistakes(".ts", (client / "src/schema.d.ts").read_bytes()) == []
    run(tools / "tsc", "--project", snippets, "--noEmit", "false", "--outDir", tmp_path / "build")
    values = tmp_path / "build/snippets/typescript/values.js"
    (tmp_path / "build/package.json").write_text('{"type": "module"}')
    script = f"""
        import {{ day, onTheWire, clock, colour }} from {json.dumps(values.as_uri())};
        const late = new Date("2026-11-20T22:30:00.789Z");
        console.log(JSON.stringify([day(late, "Asia/Riyadh"), onTheWire(late),
            clock("2026-11-21T01:30:00+03:00", "en"), colour("confirmed"), colour("born_today")]));
    """
    told = run("node", "--input-type=module", "--eval", script, TZ="America/New_York", LC_ALL="ar_SA.UTF-8")
    moment_day, wire, clock, *colours = json.loads(told)
    assert (moment_day, wire) == ("2026-11-21", "2026-11-20T22:30:00Z")
    assert re.fullmatch(r"1:30\sAM", clock)
    assert colours == ["green", "grey"]


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [*map(str, command)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
