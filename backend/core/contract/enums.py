"""`enums.md`: every list of values in the schema, what each value is called, and whether the list may grow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.core.contract.changes import OPEN

_HEAD = """# Values

Every list of values that requests or answers use, with the words to show for them. `make contract` writes this page
from `openapi.yaml` and `labels.json`.

**Open** lists may grow at any time: an app shows `state_label` or a neutral word for a value it does not know, and
goes on. **Closed** lists never change within `/api/v1`.
"""


def enums_md(document: dict[str, Any], labels: Path) -> str:
    """The page. `labels` is a JSON file: list, value, then the Arabic and the English word."""
    told = json.loads(labels.read_text(encoding="utf-8")) if labels.exists() else {}
    parts = [_HEAD]
    for name, schema in sorted(enums(document).items()):
        kind = "open" if schema.get(OPEN) else "closed"
        rows = [f"## {name} ({kind})", "", "| Value | Arabic | English |", "|---|---|---|"]
        for value in schema["enum"]:
            arabic, english = told.get(name, {}).get(value, ("", ""))
            rows.append(f"| `{value}` | {arabic} | {english} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def enums(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The lists of values among the models, without those that only say that a text may be empty."""
    models: dict[str, dict[str, Any]] = document["components"]["schemas"]
    return {name: schema for name, schema in models.items() if any(schema.get("enum", ()))}
