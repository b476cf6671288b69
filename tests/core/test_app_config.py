"""What an app asks when it starts, and what becomes of one that is too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from backend.config import env
from tests.core.helpers import field_error, problem, send
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db
CONFIG = "/api/v1/app-config"
VERSIONS = {"ios": {"minimum": "2.0.0", "latest": "2.4.0", "store_url": "https://apps.example.sa/ios"}}


@pytest.fixture
def versions(settings: Any) -> None:
    settings.APP_VERSIONS = VERSIONS


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    ("query", "policy"),
    [
        ("?platform=ios&version=1.9.9", "required"),
        ("?platform=ios&version=2.0.0", "recommended"),
        ("?platform=ios&version=2.3.10", "recommended"),
        ("?platform=ios&version=2.4.0", "none"),
        ("?platform=ios&version=10.0.0", "none"),
        ("?platform=android&version=0.0.1", "none"),
        ("?platform=ios", "none"),
        ("", "none"),
    ],
)
def test_the_policy_follows_the_version(query: str, policy: str) -> None:
    update = send("GET", CONFIG + query).json()["update"]
    assert update["policy"] == policy
    assert (update["message"] is None) == (policy == "none")
    assert update["store_url"] == ("https://apps.example.sa/ios" if "ios" in query else None)


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ("?platform=symbian", "platform", "invalid_choice"),
        ("?version=2", "version", "invalid_format"),
        ("?version=2.3.1%2B4", "version", "invalid_format"),
        ("?version=99999.0.0", "version", "invalid_format"),
        ("?os=ios", "os", "unknown_field"),
    ],
)
def test_nonsense_is_refused(query: str, name: str, code: str) -> None:
    field_error(send("GET", CONFIG + query), code, parameter=name)


@pytest.mark.parametrize(("language", "word"), [("ar", "إصدار"), ("en", "version")])
@pytest.mark.usefixtures("versions")
def test_the_answer_is_for_everybody_and_for_caches(language: str, word: str) -> None:
    answer = send(
        "GET", f"{CONFIG}?platform=ios&version=2.1.0", language=language, Authorization="Bearer stale"
    )
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["ETag"]
    assert "Accept-Language" in answer.headers["Vary"]
    body = answer.json()
    assert word in body["update"]["message"]
    assert body["locale"]["currency"] == "SAR"
    assert body["otp"] == {"length": 6, "resend_seconds": 60}
    assert len(answer.content) < 1000


def test_features_and_support_are_what_the_environment_says(settings: Any) -> None:
    assert send("GET", CONFIG).json()["features"] == {}
    settings.APP_FEATURES, settings.SUPPORT_PHONE = ["waitlist", "apple_pay"], "+966920000000"
    body = send("GET", CONFIG).json()
    assert body["features"] == {"waitlist": True, "apple_pay": True}
    assert body["support"] == {"phone": "+966920000000"}


@pytest.mark.usefixtures("versions")
def test_an_app_learns_all_it_needs_in_one_call(settings: Any) -> None:
    settings.APP_FEATURES, settings.SUPPORT_PHONE = ["waitlist"], "+966920000000"
    body = ok(Api().get("app-config", platform="ios", version="2.1.0"))
    assert body["update"]["policy"] == "recommended"
    assert set(body) == {"update", "maintenance", "features", "locale", "otp", "support"}


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("address", ["/api/v1/cities", "/api/v1/me"])
def test_an_app_below_the_minimum_is_told_to_update_everywhere(address: str, language: str) -> None:
    old = send("GET", address, language=language, X_Client="ios/1.9.9+431")
    assert "update" in old.json()["detail"] or "تحديث" in old.json()["detail"]
    problem(old, 403, "app_update_required", language=language)
    assert send("GET", f"{CONFIG}?platform=ios", X_Client="ios/1.9.9").status_code == 200


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    "client",
    ["ios/2.0.0", "ios/2.0.0+9", "android/1.0.0", "web/1.0.0", "curl/8", "ios/1", "ios/1.0.0 ", "ios/١.٠.٠"],
)
def test_every_other_client_is_served(client: str) -> None:
    assert send("GET", "/api/v1/cities", X_Client=client).status_code == 200


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_closed_service_says_until_when(settings: Any, language: str) -> None:
    settings.MAINTENANCE_UNTIL = timezone.now() + timedelta(minutes=10)
    body = problem(send("GET", "/api/v1/cities", language=language), 503, "maintenance", language=language)
    assert 590 <= body["retry_after"] <= 600
    told = send("GET", CONFIG, language=language).json()["maintenance"]
    assert told["until"].endswith("+03:00")
    assert told["message"] == body["detail"]
    assert send("GET", "/healthz").status_code == 200
    unsigned = send("POST", "/api/v1/webhooks/twilio/messages", language=language)
    problem(unsigned, 403, "permission_denied", language=language)  # it is read all the same
    settings.MAINTENANCE_UNTIL = timezone.now() - timedelta(seconds=1)
    assert send("GET", "/api/v1/cities").status_code == 200
    assert send("GET", CONFIG).json()["maintenance"] is None


@pytest.mark.parametrize(
    "value",
    [
        "[]",
        '{"symbian": {}}',
        '{"ios": {"minimum": "2.0.0"}}',
        '{"ios": {"minimum": "2", "latest": "2.4.0", "store_url": "https://a.sa"}}',
        '{"ios": {"minimum": "2.0.0", "latest": "2.4.0", "store_url": "http://a.sa"}}',
        '{"ios": {"minimum": 2, "latest": "2.4.0", "store_url": "https://a.sa"}}',
    ],
)
def test_versions_that_cannot_work_stop_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("APP_VERSIONS", value)
    with pytest.raises(ImproperlyConfigured, match="APP_VERSIONS"):
        env.app_versions("APP_VERSIONS")


@pytest.mark.parametrize("value", ["tomorrow", "2026-11-20T03:00:00", "2026-11-20"])
def test_a_moment_without_its_offset_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MAINTENANCE_UNTIL", value)
    with pytest.raises(ImproperlyConfigured, match="MAINTENANCE_UNTIL"):
        env.moment("MAINTENANCE_UNTIL")


def test_a_moment_is_read_with_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINTENANCE_UNTIL", "2026-11-20T03:00:00+03:00")
    found = env.moment("MAINTENANCE_UNTIL")
    assert found is not None
    assert found == datetime(2026, 11, 20, tzinfo=UTC)
