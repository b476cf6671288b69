"""How the server says that an operation will go: on each of its answers, and in the schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime

from django.conf import settings


@dataclass(frozen=True)
class Deprecation:
    """`since` and `sunset` are days (UTC); at least 180 lie between them.

    `removed` is set by hand once the sunset has passed and `manage.py clients` shows that hardly anybody calls: the
    method's code may then go, and each call is answered EndpointRemoved. The date alone closes nothing.
    """

    since: date
    sunset: date
    removed: bool = False

    def headers(self) -> dict[str, str]:
        """RFC 9745 writes seconds since 1970, RFC 8594 an HTTP date."""
        return {
            "Deprecation": f"@{int(_midnight(self.since).timestamp())}",
            "Sunset": format_datetime(_midnight(self.sunset), usegmt=True),
            "Link": f'<{settings.PUBLIC_BASE_URL}/docs>; rel="deprecation"; type="text/html"',
        }


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
