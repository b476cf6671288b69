"""Texts are found by the names they are marked with: one marked by another name is never translated."""

from __future__ import annotations

import ast

from babel.messages.extract import DEFAULT_KEYWORDS

from tests.project.tree import ROOT


def other_names(source: str) -> list[str]:
    """The names by which a module calls Django's functions of translation, and no extraction knows."""
    return [
        name.asname
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
        if name.asname is not None and name.asname not in DEFAULT_KEYWORDS
    ]


def test_texts_are_marked_by_names_that_are_looked_for() -> None:
    assert other_names("from django.utils.translation import gettext as say") == ["say"]
    found = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / "backend").rglob("*.py")
        if (names := other_names(path.read_text(encoding="utf-8")))
    }
    assert found == {}
