"""Everything the server answers. `docs` and the contract need no sign-in."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from backend.config.app_config import AppConfig
from backend.console import errors
from backend.core.api import problems
from backend.core.api.contract import OpenApi
from backend.core.api.system import healthz, readyz
from backend.core.docs import pages as docs
from backend.demo import trying
from backend.notifications.api.metrics import metrics
from backend.payments.api.views import payment_return
from backend.salons.api.media import photo_file

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.page_not_found
handler500 = errors.server_error

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("docs", docs.landing, name="docs"),
    path("docs/guides/<path:name>", docs.guide, name="docs-guide"),
    path("docs/error-codes", docs.error_codes, name="docs-error-codes"),
    path("docs/reference", docs.reference, name="docs-reference"),
    path("docs/reference/<slug:area>", docs.reference_area, name="docs-reference-area"),
    path("docs/reference/<slug:area>.json", docs.reference_document, name="docs-reference-document"),
    path("docs/try", trying.page, name="docs-try"),
    path("docs/demo-token", trying.DemoToken.as_view(), name="docs-demo-token"),
    re_path(r"^docs/(?P<name>.*)\Z", docs.nowhere, name="docs-nowhere"),
    path("problems/<slug:code>", docs.problem_type, name="problem-type"),
    path("console", RedirectView.as_view(pattern_name="admin:index"), name="console"),
    path("console/try", admin.site.admin_view(trying.staff_page), name="console-try"),
    path("console/", admin.site.urls),
    path("pay/return/<id:payment_id>", payment_return, name="payment-return"),
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
