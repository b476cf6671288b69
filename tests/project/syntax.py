"""Reads Swift, Kotlin, Dart and TypeScript without their compilers, by the grammars that editors use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import tree_sitter_dart
import tree_sitter_kotlin
import tree_sitter_swift
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

_GRAMMARS = {
    ".swift": tree_sitter_swift.language,
    ".kt": tree_sitter_kotlin.language,
    ".dart": tree_sitter_dart.language,
    ".ts": tree_sitter_typescript.language_typescript,
}
EXTENSIONS = frozenset(_GRAMMARS)
_LITERALS = {"line_string_literal", "string_literal", "string", "template_string"}
_INSERTED = re.compile(r"\\\([^)]*\)|\$\{[^}]*\}|\$\w+")


@cache
def _parser(suffix: str) -> Parser:
    return Parser(Language(_GRAMMARS[suffix]()))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def mistakes(suffix: str, source: bytes) -> list[str]:
    """What the grammar could not read: line, what was wrong, the line's text."""
    root = _parser(suffix).parse(source).root_node
    if not root.has_error:
        return []
    lines = source.decode().splitlines()
    found = []
    for node in _walk(root):
        if node.is_error or node.is_missing:
            row = node.start_point[0]
            line = lines[row].strip() if row < len(lines) else ""
            found.append(f"{row + 1}: {'missing ' if node.is_missing else ''}{node.type}: {line}")
    return found


def literals(suffix: str, source: bytes) -> Iterator[str]:
    """The texts in quotes; `X` stands for what is put in when the program runs."""
    for node in _walk(_parser(suffix).parse(source).root_node):
        if node.type in _LITERALS and node.text is not None:
            yield _INSERTED.sub("X", node.text.decode().strip("\"'`"))
