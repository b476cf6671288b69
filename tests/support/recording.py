"""The examples of the contract are answers that tests received: kept here, in a run that records.

`make examples` runs tests twice, the phones speaking Arabic and then English. RECORD_EXAMPLES names the folder for the
notes and RECORD_LANGUAGE the language; `tests.support.examples` then chooses and writes.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

NOTES = os.environ.get("RECORD_EXAMPLES", "")
LANGUAGE = os.environ.get("RECORD_LANGUAGE", "")
_turns: dict[str, int] = defaultdict(int)


def note(method: str, path: str, request: Any, response: Any, body: Any) -> None:
    """Keep what was asked and answered, if this run records."""
    if not NOTES:
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    _turns[test] += 1
    try:
        line = json.dumps(
            {
                "turn": [test, _turns[test]],
                "method": method,
                "path": path.partition("?")[0],
                "status": response.status_code,
                "language": response.headers["Content-Language"],
                "request": request,
                "body": body,
            },
            ensure_ascii=False,
        )
        line.encode()
    except (TypeError, ValueError):  # a test that sends what is no JSON is no example
        return
    with (Path(NOTES) / f"{LANGUAGE}-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
