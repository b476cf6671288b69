"""Photo files that lie on this machine's disk, served to everybody who was given their address."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse


def photo_file(request: HttpRequest, key: str, width: str) -> HttpResponse:
    """One rendition. `key` and `width` are hexadecimal and decimal digits, as the route sees to."""
    if settings.PHOTO_STORAGE != "disk":
        raise Http404
    try:
        with storages["photos"].open(f"{key}/{width}.webp") as file:
            data = file.read()
    except FileNotFoundError:
        raise Http404 from None
    request.META.pop("HTTP_ACCEPT_ENCODING", None)  # compressed already: gzip would only cost time
    return HttpResponse(
        data,
        content_type="image/webp",
        headers={"Cache-Control": settings.PHOTO_CACHE_CONTROL, "ETag": f'"{key}/{width}"'},
    )
