"""Chooses the contract's examples from what tests noted (`tests.support.recording`).

`python -m tests.support.examples NOTES --tests` names the tests worth repeating in English; without the last word
the examples are written. One that still holds stays as it is, so that recording anew changes only what the API changed.
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import django
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from backend.core.contract.examples import SHARED
from backend.core.contract.reading import operations, resolve

FOLDER = Path(__file__).resolve().parents[2] / "mobile-contract/examples"
SHARED_FOLDER = "problems"
ENOUGH = 2
"""Tests repeated for one example: the first may turn out not to."""
MOST_ROWS = 2
"""A list is told by its first rows: the shape shows, and the page can be read."""
MOST_BYTES = 24_000
TOLD_IN_EACH_STATE = ("getBooking", "getPayment")
"""What a screen waits for: each state it may find, or why that failed, has an example beside `ok`."""
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ODD = re.compile("[\u0000-\u0008\u200b-\u200f\u202a-\u202e\u2060\ufeff\ufffd]|(.)\\1{9}")
_TOKENS = {"access_token", "refresh_token", "token", "secret"}


@dataclass(frozen=True)
class Note:
    turn: tuple[str, int]
    """The test, and how many requests it had sent."""
    method: str
    path: str
    status: int
    language: str
    request: Any
    body: Any

    @property
    def case(self) -> str:
        return self.body["code"] if self.status >= 400 else "ok"


def main(notes: Path, *, only_name_tests: bool) -> None:
    """Write a pair for whatever has none that still holds; or name the tests whose answers would be taken."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    django.setup()
    from tests.support import contract

    judge = Judge(contract.schema())
    told = {language: _read(notes, language) for language in ("ar", "en")}
    wanted: dict[Place, list[Note]] = defaultdict(list)
    for note in told["ar"].values():
        for place in judge.places_of(note):
            wanted[place].append(note)
    tests: set[str] = set()
    written = 0
    for place, found in sorted(wanted.items()):
        if place.is_current(judge):
            continue
        suiting = (note for note in sorted(found, key=_worth) if place.suits(judge, note))
        if only_name_tests:
            tests |= {note.turn[0] for note in islice(suiting, ENOUGH)}
            continue
        for note in suiting:
            english = told["en"].get(note.turn) or told["en"].get(_told_in_english(note.turn))
            if english is not None and place in judge.places_of(english) and place.suits(judge, english):
                written += place.write(note, english)
                break
    print(
        "\n".join(sorted(tests))
        if only_name_tests
        else f"{written} files written, {len(wanted)} examples known"
    )


def _told_in_english(turn: tuple[str, int]) -> tuple[str, int]:
    """The same turn of a test that is told in each language by itself."""
    return turn[0].replace("[ar", "[en"), turn[1]


def _read(notes: Path, language: str) -> dict[tuple[str, int], Note]:
    found = {}
    for file in sorted(notes.glob(f"{language}-*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            read = json.loads(line)
            turn = tuple(read.pop("turn"))
            if read["language"] == language:
                found[turn] = Note(turn=turn, **read)
    return found


@dataclass(frozen=True, order=True)
class Place:
    """Where an example belongs: an operation's answer, or a refusal that any operation may give."""

    owner: str
    stem: str
    asks: bool
    answers: bool

    @property
    def status(self) -> str:
        return self.stem.partition("-")[0]

    @property
    def asked(self) -> Path:
        return FOLDER / self.owner / "request-ok.json"

    @property
    def paths(self) -> list[Path]:
        return [
            FOLDER / self.owner / f"{self.stem}.{language}.json" for language in ("ar", "en") if self.answers
        ]

    def is_current(self, judge: Judge) -> bool:
        files = [*self.paths, *([self.asked] if self.asks else [])]
        if not all(path.exists() for path in files):
            return False
        kept = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        request = kept.pop() if self.asks else None
        return all(self._holds(judge, request, body) for body in kept or [None])

    def suits(self, judge: Judge, note: Note) -> bool:
        return self._holds(judge, *_tidy(note))

    def write(self, ar: Note, en: Note) -> int:
        if self.asks:
            _save(self.asked, _tidy(ar)[0])
        for path, note in zip(self.paths, (ar, en), strict=False):
            _save(path, _tidy(note)[1])
        return len(self.paths) + self.asks

    def _holds(self, judge: Judge, request: Any, body: Any) -> bool:
        if self.owner == SHARED_FOLDER:
            return True
        return (not self.asks or judge.accepts_request(self.owner, request)) and (
            not self.answers or judge.accepts_answer(self.owner, self.status, body)
        )


def _worth(note: Note) -> tuple[Any, ...]:
    """First what shows most and strains least; the test's name decides the rest."""
    text = json.dumps([note.request, note.body], ensure_ascii=False)
    leaves = list(_leaves([note.request, note.body]))
    empty = sum(1 for leaf in leaves if leaf in (None, "", [], {}))
    odd = bool(_ODD.search(text)) or any(isinstance(leaf, str) and len(leaf) > 400 for leaf in leaves)
    if note.status >= 400:
        return odd, len(text), note.turn
    return odd or len(text) > MOST_BYTES, empty / max(1, len(leaves)), len(text), note.turn


def _leaves(node: Any) -> Iterator[Any]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    if not inner:
        yield node
        return
    for value in inner:
        yield from _leaves(value)


def _save(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _tidy(told: Note) -> tuple[Any, Any]:
    """Request and answer with ids that tell nothing, no tokens, and lists cut short."""
    names: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        return names.setdefault(match[0], str(uuid.UUID(int=(0x018F3A527C1170008000 << 48) + len(names) + 1)))

    def clean(node: Any, key: str = "") -> Any:
        if isinstance(node, dict):
            return {_UUID.sub(rename, name): clean(value, name) for name, value in node.items()}
        if isinstance(node, list):
            rows = node[:MOST_ROWS] if node and isinstance(node[0], dict) else node
            return [clean(value) for value in rows]
        if not isinstance(node, str):
            return node
        if (key in _TOKENS and len(node) > 20) or (node.count(".") == 2 and node.startswith("eyJ")):
            return "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl"
        if key == "request_id":
            return "7f3c9a1e5b2d4c60"
        node = re.sub(r"http://(127\.0\.0\.1(:\d+)?|testserver)", "https://api.example.sa", node)
        node = node.replace("127.0.0.1", "calendar.example")
        node = re.sub(r"(?<!\d)(\+?966|0)56\d{7}(?!\d)", r"\g<1>512345678", node)
        return _UUID.sub(rename, node)

    _UUID.sub(rename, told.path)
    return clean(told.request), clean(told.body)


def _matches(_: Any, pattern: str, text: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(text, str) and not re.search(pattern, text, re.ASCII):
        yield ValidationError(f"{text!r} does not match {pattern!r}")


# A digit is one of ten in the patterns of JSON Schema, whatever Python's own think of Arabic ones.
_Strict: Any = extend(Draft202012Validator, {"pattern": _matches})


class Judge:
    """What the schema says of a request or an answer."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.by_id: dict[str, dict[str, Any]] = {}
        self.routes: list[tuple[re.Pattern[str], str, dict[str, Any]]] = []
        ordered = sorted(operations(schema), key=lambda found: found[1].count("{"))
        for method, path, operation in ordered:
            self.by_id[operation["operationId"]] = operation
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")
            self.routes.append((pattern, method, operation))

    def places_of(self, note: Note) -> list[Place]:
        """Where the note would be an example; nowhere when the contract does not know its operation."""
        wanted = note.method.lower()
        operation = next((o for p, m, o in self.routes if m == wanted and p.match(note.path)), None)
        if operation is None or "provider-webhooks" in operation["tags"]:
            return []
        if note.case in SHARED:
            return [Place(SHARED_FOLDER, note.case, asks=False, answers=True)]
        name, status = operation["operationId"], str(note.status)
        cases = [note.case]
        if note.status < 400 and name in TOLD_IN_EACH_STATE:
            cases.append((note.body.get("failure") or {}).get("code") or note.body["state"])
        return [
            Place(
                name,
                f"{status}-{case}",
                asks=note.status < 400 and self.request_schema(name) is not None,
                answers=self.answer_schema(name, status) is not None,
            )
            for case in cases
        ]

    def answer_schema(self, name: str, status: str) -> dict[str, Any] | None:
        """What an answer of this status holds; None when it is promised to be empty, or no JSON."""
        responses = self.by_id[name]["responses"]
        found = responses.get(status) or (responses["default"] if status >= "4" else {})
        content = resolve(self.schema, found).get("content", {})
        return next((told["schema"] for kind, told in content.items() if kind.endswith("json")), None)

    def request_schema(self, name: str) -> dict[str, Any] | None:
        content: dict[str, Any] = self.by_id[name].get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if "application/json" in content else None

    def accepts_answer(self, name: str, status: str, body: Any) -> bool:
        schema = self.answer_schema(name, status)
        return schema is not None and not self.complaints(schema, body)

    def accepts_request(self, name: str, body: Any) -> bool:
        schema = self.request_schema(name)
        return schema is not None and not self.complaints(schema, body)

    def complaints(self, schema: dict[str, Any], body: Any) -> list[str]:
        """Where `body` leaves the schema; a member that the schema does not know counts too."""
        node = schema | {"components": self.schema["components"]}
        found = [
            f"{list(e.absolute_path)}: {e.message}"
            for e in _Strict(node, format_checker=_Strict.FORMAT_CHECKER).iter_errors(body)
        ]
        return found or list(self._unknown(schema, body, ""))

    def _unknown(self, schema: dict[str, Any], body: Any, where: str) -> Iterator[str]:
        schema = resolve(self.schema, schema)
        for part in schema.get("oneOf", schema.get("anyOf", schema.get("allOf", []))):
            part = resolve(self.schema, part)
            if "properties" in part or "items" in part:
                schema = part
        if isinstance(body, dict) and "properties" in schema and not schema.get("additionalProperties"):
            for name, value in body.items():
                if name not in schema["properties"]:
                    yield f"{where}/{name} is not in the contract"
                else:
                    yield from self._unknown(schema["properties"][name], value, f"{where}/{name}")
        if isinstance(body, list) and "items" in schema:
            for value in body:
                yield from self._unknown(schema["items"], value, f"{where}[]")


if __name__ == "__main__":
    main(Path(sys.argv[1]), only_name_tests="--tests" in sys.argv)
