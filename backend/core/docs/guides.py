"""The guides of `mobile-contract/` as pages: written in Markdown, shown with links, anchors, colours and diagrams."""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from backend.core.docs.diagrams import drawn
from backend.core.docs.reference import Operation, areas

HOME = "/docs"
FOLDER: Path = settings.BASE_DIR / "mobile-contract"
_SCHEMA = "/api/v1/openapi.json"

_REQUEST = re.compile(r"(GET|POST|PUT|PATCH|DELETE) /?(?:api/v1/)?([a-z][^\s?]*)(?:\?\S*)?")
_EXAMPLES = re.compile(r"examples/(\w+)/")


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Guide:
    """One page: `html` is safe to show, `headings` are those below the title."""

    html: str
    headings: tuple[Heading, ...]


@cache
def files() -> dict[str, Path]:
    """Every guide by its name in addresses: `auth`, `readme`, `screens/checkout`. Nothing else can be read."""
    found = sorted([*FOLDER.glob("*.md"), *FOLDER.glob("screens/*.md")])
    return {path.relative_to(FOLDER).with_suffix("").as_posix().lower(): path for path in found}


@cache
def guide(name: str) -> Guide:
    """Raises KeyError for a name that is none of `files()`."""
    path = files()[name]
    reader = _reader()
    tokens = reader.parse(path.read_text(encoding="utf-8"), {"guide": name})
    headings = tuple(heading for heading in _headings(tokens) if heading.level > 1)
    return Guide(reader.renderer.render(tokens, reader.options, {}), headings)


@cache
def error_codes() -> tuple[dict[str, Any], ...]:
    """The entries of `errors.json`, each with its `anchor`: some codes are both a problem's and a field's."""
    entries: list[dict[str, Any]] = json.loads((FOLDER / "errors.json").read_text(encoding="utf-8"))
    problems = {entry["code"] for entry in entries if entry["kind"] == "problem"}
    return tuple(
        entry
        | {
            "anchor": f"{entry['kind']}-{entry['code']}"
            if entry["kind"] != "problem" and entry["code"] in problems
            else entry["code"]
        }
        for entry in entries
    )


@cache
def _operations() -> dict[tuple[str, str], Operation]:
    """By method and path; a guide may call a parameter otherwise than the contract does."""
    return {
        (operation.method, _nameless(operation.path)): operation
        for area in areas().values()
        for operation in area.operations
    }


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


# Reading --------------------------------------------------------------------------------------------------------


@cache
def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.core.ruler.push("anchors", _give_anchors)
    reader.core.ruler.push("addresses", _give_addresses)
    reader.add_render_rule("fence", _fence)
    reader.add_render_rule("table_open", _table_open)
    reader.add_render_rule("table_close", _table_close)
    return reader


def _headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open":
            yield Heading(int(opening.tag[1:]), _text_of(inside), str(opening.attrGet("id")))


def _text_of(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def _give_anchors(state: StateCore) -> None:
    """The same anchors as the code hosts make, so that `auth.md#tokens` works there and here."""
    seen: Counter[str] = Counter()
    for opening, inside in pairwise(state.tokens):
        if opening.type == "heading_open":
            anchor = re.sub(r"[^\w\- ]", "", _text_of(inside).lower()).replace(" ", "-")
            opening.attrSet("id", f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
            seen[anchor] += 1


def _give_addresses(state: StateCore) -> None:
    """Links between files become links between pages, and code that names something leads to it."""
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_linked(token.children, state.env["guide"]))


def _linked(children: Sequence[Token], guide_name: str) -> Iterator[Token]:
    folder = posixpath.dirname(guide_name)
    in_link = False
    for child in children:
        if child.type == "link_open":
            in_link = True
            child.attrSet("href", _address(str(child.attrGet("href")), folder))
        elif child.type == "link_close":
            in_link = False
        # What stands in the list of values is a value, also where an error has the same name.
        can_lead = child.type == "code_inline" and not in_link and guide_name != "enums"
        address = _named(child.content, folder) if can_lead else None
        if address is None:
            yield child
        else:
            yield Token("link_open", "a", 1, attrs={"href": address})
            yield child
            yield Token("link_close", "a", -1)


def _address(href: str, folder: str) -> str:
    file, mark, anchor = href.partition("#")
    page = _page_of(file, folder)
    return f"{page}{mark}{anchor}" if page else href


def _page_of(file: str, folder: str) -> str | None:
    if file in ("errors.json", "openapi.yaml"):
        return {"errors.json": f"{HOME}/error-codes", "openapi.yaml": _SCHEMA}[file]
    if file.endswith(".md"):
        # As links say it, from the folder of this guide, else as sentences do, from that of the contract.
        for wanted in (posixpath.normpath(posixpath.join(folder, file)), file):
            name = wanted.removesuffix(".md").lower()
            if name in files():
                return f"{HOME}/guides/{name}"
    return None


def _named(code: str, folder: str) -> str | None:
    """Where a piece of code leads: a file, an operation, an error code."""
    if page := _page_of(code, folder):
        return page
    if code == "screens/":
        return f"{HOME}#screens"
    if request := _REQUEST.fullmatch(code):
        called = _operations().get((request[1], _nameless(request[2])))
        return called.address if called else None
    if examples := _EXAMPLES.fullmatch(code):
        return next((each.address for each in _operations().values() if each.name == examples[1]), None)
    if "_" in code and any(entry["code"] == code for entry in error_codes()):
        return f"{HOME}/error-codes#{code}"
    return None


# Showing --------------------------------------------------------------------------------------------------------


def coloured(code: str, language: str) -> str:
    """Code as a block of HTML, its words marked for docs.css. An unknown language stays plain."""
    try:
        inside = highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    except ClassNotFound:
        inside = escape(code)
    return f'<pre dir="ltr" tabindex="0"><code>{inside}</code></pre>\n'


def _fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    token = tokens[index]
    language = token.info.strip()
    diagram = drawn(token.content) if language == "mermaid" else None
    return diagram or coloured(token.content, language or "text")


def _table_open(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any
) -> str:
    return '<div class="wide" tabindex="0"><table>\n'


def _table_close(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any
) -> str:
    return "</table></div>\n"
