"""The real application, and a bare Django beside it in the same process: what is measured, and its floor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

settings.ROOT_URLCONF = "tests.bench.urls"
# The floor has a connection of its own, as Django opens it: it must not gain or lose by our settings.
settings.DATABASES["bare"] = settings.DATABASES["default"] | {
    "ENGINE": "django.db.backends.postgresql",
    "CONN_HEALTH_CHECKS": False,
}

from backend.config.wsgi import application as real  # noqa: E402


class Bare(WSGIHandler):
    def load_middleware(self, is_async: bool = False) -> None:
        with override_settings(MIDDLEWARE=[]):
            super().load_middleware(is_async)


bare = Bare()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    return (bare if environ["PATH_INFO"] == "/bench/bare" else real)(environ, start_response)
