"""Everything the server answers. `docs` and the contract need no sign-in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from backend.config.app_config import AppConfig
from backend.console import errors
from backend.core.api import problems
from backend.core.api.contract import OpenApi
from backend.core.api.system import healthz, readyz
from backend.notifications.api.metrics import metrics
from backend.payments.api.views import payment_return
from backend.salons.api.media import photo_file

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.page_not_found
handler500 = errors.server_error


class Docs(SpectacularSwaggerView):
    """The reference and the console. Assets come from this server; the page may run its own inline start script."""

    url_name = "openapi"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data:; frame-ancestors 'none'"
        )
        return response


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("docs", Docs.as_view(), name="docs"),
    path("console", RedirectView.as_view(pattern_name="admin:index"), name="console"),
    path("console/", admin.site.urls),
    path("pay/return/<uuid:payment_id>", payment_return, name="payment-return"),
    re_path(
        r"^media/(?P<key>[0-9a-f]{2}/[0-9a-f]{30})/(?P<width>[0-9]{1,4})\.webp\Z",
        photo_file,
        name="photo-file",
    ),
    path(
        "api/v1/",
        include(
            [
                path("app-config", AppConfig.as_view(), name="app-config"),
                path("openapi.json", OpenApi.as_view(), name="openapi"),
                path("", include("backend.accounts.api.urls")),
                path("", include("backend.notifications.api.urls")),
                path("", include("backend.bookings.api.urls")),
                path("", include("backend.salons.api.urls")),
                path("", include("backend.payments.api.urls")),
            ]
        ),
    ),
]
if settings.DEBUG:
    # With DEBUG on Django would answer unknown addresses with its own page.
    urlpatterns.append(re_path(r"^.*$", problems.page_not_found))
