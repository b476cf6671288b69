"""What surrounds every answer: security headers, other origins, the two probes."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests.core.helpers import problem, send
from tests.factories import SalonFactory

OURS, THEIRS = "https://www.example.sa", "https://evil.example"
ADDRESSES = [
    "/healthz",
    "/readyz",
    "/api/v1/cities",
    "/api/v1/openapi.json",
    "/api/v1/me",
    "/nowhere",
    "/docs",
]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_is_armoured(address: str) -> None:
    headers = send("GET", address).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert headers["X-Request-Id"]
    assert headers["Content-Language"] == "ar"
    assert "Strict-Transport-Security" not in headers, "a laptop has no certificate"
    assert not {"Server", "X-Powered-By", "Set-Cookie"} & set(headers)


@pytest.mark.django_db
class TestOtherOrigins:
    @pytest.fixture(autouse=True)
    def listed(self, settings: Any) -> None:
        settings.CORS_ALLOWED_ORIGINS = [OURS]

    @pytest.mark.parametrize("address", ["/api/v1/cities", "/api/v1/me", "/api/v1/nowhere"])
    def test_a_listed_origin_may_read_answers_and_refusals(self, address: str) -> None:
        headers = send("GET", address, Origin=OURS).headers
        assert headers["Access-Control-Allow-Origin"] == OURS
        assert "origin" in headers["Vary"].lower()
        exposed = {name.strip() for name in headers["Access-Control-Expose-Headers"].split(",")}
        assert {"Content-Language", "X-Request-Id", "Retry-After", "ETag", "Idempotent-Replayed"} <= exposed
        assert "Access-Control-Allow-Credentials" not in headers, (
            "tokens travel in a header, never in a cookie"
        )

    @pytest.mark.parametrize(
        "origin", [THEIRS, "null", "http://www.example.sa", f"{OURS}.evil.example", f"{OURS}:8443"]
    )
    def test_no_other_origin_may(self, origin: str) -> None:
        for method in ("GET", "OPTIONS"):
            headers = send(
                method, "/api/v1/cities", Origin=origin, Access_Control_Request_Method="GET"
            ).headers
            assert not [name for name in headers if name.lower().startswith("access-control-allow")]

    def test_a_browser_may_send_the_headers_of_the_contract(self) -> None:
        answer = send(
            "OPTIONS",
            "/api/v1/bookings",
            Origin=OURS,
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="idempotency-key",
        )
        assert answer.status_code == 200
        allowed = {name.strip() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
        assert {
            "accept-language",
            "authorization",
            "content-type",
            "idempotency-key",
            "if-none-match",
            "x-client",
            "x-installation-id",
            "x-request-id",
        } <= allowed
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]


# Probes ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_a_well_server_says_so_to_nobodys_cache(address: str) -> None:
    answer = send("GET", address)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_being_alive_needs_no_database() -> None:
    """pytest-django would fail a query here."""
    assert send("GET", "/healthz").status_code == 200


@pytest.fixture
def database_away() -> Any:
    """New connections go to a port where nobody listens."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": "1"}
    yield
    connection.close()
    connection.settings_dict |= before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["ar", "en"])
def test_without_its_database_the_server_is_alive_and_not_ready(database_away: Any, language: str) -> None:
    assert send("GET", "/healthz").status_code == 200
    for address in ("/readyz", "/api/v1/salons", "/pay/return/018f3a52-0000-7000-8000-000000000001"):
        body = problem(send("GET", address, language=language), 503, "unavailable", language=language)
        assert body["retry_after"] == 2
    problem(send("GET", "/api/v1/nowhere"), 404, "not_found")


@pytest.mark.django_db
def test_without_its_cache_the_server_is_not_ready(settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    problem(send("GET", "/readyz"), 503, "unavailable")
    assert send("GET", "/healthz").status_code == 200


@pytest.mark.django_db
def test_the_cache_in_the_database_keeps_what_it_is_given() -> None:
    cache.set("trial", {"name": "لمسة"}, 60)
    assert cache.get("trial") == {"name": "لمسة"}


# Caching on the way -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/api/v1/categories", "/api/v1/cities", "/api/v1/salons", "/api/v1/salons/lamsa"]
)
def test_public_pages_are_kept_compressed_and_confirmed_by_their_tag(address: str) -> None:
    SalonFactory.create(slug="lamsa", description_ar="وصف " * 200)
    first = send("GET", address, Accept_Encoding="gzip")
    assert first.status_code == 200
    assert first.headers["Cache-Control"].startswith("public, max-age=")
    assert {"Accept-Language"} <= {name.strip() for name in first.headers["Vary"].split(",")}
    tag = first.headers["ETag"]
    for language, encoding in (("ar", "gzip"), ("ar", "identity")):
        again = send("GET", address, language=language, Accept_Encoding=encoding, If_None_Match=tag)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert "Accept-Language" in again.headers["Vary"]
    if "lamsa" in address:
        assert first.headers["Content-Encoding"] == "gzip"
        assert len(first.content) < len(send("GET", address).content) / 2
        other = send("GET", address, language="en", If_None_Match=tag)
        assert other.status_code == 200, "another language is another text"
        SalonFactory._meta.model.objects.update(description_ar="جديد")
        assert send("GET", address, If_None_Match=tag).status_code == 200


@pytest.mark.django_db
def test_what_is_somebodys_own_is_kept_by_nobody_else() -> None:
    client = Client()
    for address in ("/api/v1/me", "/api/v1/manage/salons", "/api/v1/bookings"):
        assert "public" not in client.get(address).headers.get("Cache-Control", "")
