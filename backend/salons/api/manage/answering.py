"""What all of the desk's endpoints do the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from backend.core.errors import NotFound, VersionConflict

OWN = {"Cache-Control": "private, no-cache"}

OPTIONAL_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    required=False,
    description="A UUID made when the person taps: a retry with it gets the first answer and adds nothing twice.",
)


@contextmanager
def current(show: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """A version conflict inside carries the row as it is now, if it is still there."""
    try:
        yield
    except VersionConflict as conflict:
        try:
            shown = show()
        except NotFound:
            raise conflict from None
        raise VersionConflict(current=shown) from conflict
