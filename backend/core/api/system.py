"""`/healthz` says the process answers; `/readyz` says it can do its work."""

from __future__ import annotations

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from backend.core.api.problems import problem_response
from backend.core.errors import Unavailable


def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Asks the database and the cache one cheap question each; 503 problem when either is away."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        cache.get("readyz")
    except (Error, OSError, RedisError):
        return problem_response(Unavailable(extra={"retry_after": 2}))
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})
