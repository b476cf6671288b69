"""Log lines: JSON in production, readable in development, with the request id and without phones or codes."""

from __future__ import annotations

import logging
import re
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from backend.core.request_context import current_request_id
from backend.core.text import ascii_digits

_PHONE = re.compile(
    r"(?<![0-9A-Fa-f\-])(?:\+|00)?(?:966|0)?5[0-9]{8}(?![0-9A-Fa-f\-])"
    r"|(?<![0-9A-Fa-f\-])(?:(?:\+|00)?966[ -]?|0)5[0-9][ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9A-Fa-f\-])"
    r"|\+[1-9][0-9]{7,14}"
)
_DETAIL = re.compile(
    r"^DETAIL: .*?(?=^(?:HINT|CONTEXT|QUERY): |^The above exception|^During handling|^Traceback |\Z)",
    re.M | re.S,
)
"""PostgreSQL quotes the whole refused row there, names included."""


def redact(text: str) -> str:
    """The text without what looks like a phone number or quotes a database row: the last net, not the first.

    Lines stay lines: a traceback that quotes Arabic text is still read line by line.
    """
    if not text.isascii():
        text = "\n".join(map(ascii_digits, text.split("\n")))
    return _PHONE.sub("[phone]", _DETAIL.sub("DETAIL:  [withheld]\n", text))


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id.get() or "-"
        return True


class ReadableFormatter(logging.Formatter):
    """One line a person can read; extras follow as key=value."""

    _standard = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        extras = " ".join(
            f"{k}={v}" for k, v in vars(record).items() if k not in self._standard and k != "request"
        )
        line = super().format(record)
        first, _, rest = line.partition("\n")
        return redact(f"{first} {extras}".rstrip() + (f"\n{rest}" if rest else ""))


class JsonLinesFormatter(JsonFormatter):
    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data.pop("request", None)
        return {k: redact(v) if isinstance(v, str) and k != "request_id" else v for k, v in log_data.items()}
