"""A wrong value stops the start and says its name; what starts in production behaves like production."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "backend/config/settings.py"
SECRET = "hunter2-hunter2"
LOCAL = {"DATABASE_URL": f"postgresql://mawid:{SECRET}@127.0.0.1:1/mawid"}
PRODUCTION = LOCAL | {
    "APP_ENV": "production",
    "SECRET_KEY": "".join(chr(33 + n % 90) for n in range(0, 60 * 7, 7)),
    "ALLOWED_HOSTS": "api.example.sa",
    "PUBLIC_BASE_URL": "https://api.example.sa",
    "CONTROLLER_CONTACT": "privacy@example.sa",
    "OTP_PROVIDER": "unifonic",
    "SMS_PROVIDER": "unifonic",
    "UNIFONIC_APP_SID": "an-app-sid",
    "UNIFONIC_SENDER_ID": "Mawid",
    "MOYASAR_SECRET_KEY": "sk_live_x",
    "MOYASAR_PUBLISHABLE_KEY": "pk_live_x",
    "MOYASAR_WEBHOOK_SECRET": "a-webhook-secret",
    "CORS_ALLOWED_ORIGINS": "https://www.example.sa",
    "PHOTO_STORAGE": "disk",
    "MEDIA_DIR": "/srv/mawid/media",
}


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the settings anew under this environment and no other."""

    def run(environment: dict[str, str], **changes: str) -> dict[str, Any]:
        monkeypatch.setattr(os, "environ", environment | changes)
        return runpy.run_path(str(SETTINGS))

    return run


def test_nothing_needs_to_be_set_but_a_database(start: Any) -> None:
    found = start(LOCAL)
    assert (found["APP_ENV"], found["DEBUG"], found["PORT"], found["LIMITS_SCALE"]) == (
        "local",
        False,
        8000,
        1,
    )
    assert found["PUBLIC_BASE_URL"] == "http://127.0.0.1:8000"
    assert found["OTP_PROVIDER"] == found["SMS_PROVIDER"] == ["console"]
    assert found["DATABASES"]["default"]["NAME"] == "mawid"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "prod"),
        ("DEBUG", "maybe"),
        ("PORT", "abc"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80.0"),
        ("LIMITS_SCALE", "-1"),
        ("LIMITS_SCALE", "0"),
        ("LIMITS_SCALE", "nan"),
        ("LIMITS_SCALE", "inf"),
        ("LIMITS_SCALE", "many"),
        ("DATABASE_URL", "mysql://a/b"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "postgresql://u:hunter2-hunter2@h:port/x"),
        ("DATABASE_URL", "postgresql://u:hunter2-hunter2#@h/x"),
        ("DATABASE_URL", "postgresql://u:hunter2-hunter2@h"),
        ("CACHE_URL", "memcached://:hunter2-hunter2@h"),
        ("OTP_PROVIDER", "nope"),
        ("SMS_PROVIDER", "console,nope"),
        ("PUBLIC_BASE_URL", "ftp://x"),
        ("PUBLIC_BASE_URL", "https://"),
        ("MOYASAR_BASE_URL", "127.0.0.1:9000"),
        ("UNIFONIC_BASE_URL", "file:///x"),
        ("CORS_ALLOWED_ORIGINS", "www.example.sa"),
        ("CORS_ALLOWED_ORIGINS", "https://a.example, https://b.example/app"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("PHONE_COUNTRIES", "sa"),
        ("PHONE_COUNTRIES", "SA,XX"),
        ("LOG_LEVEL", "loud"),
        ("SECRET_KEY_FILE", "/no/such/file"),
        ("DATABASE_URL_FILE", "/dev"),
    ],
)
def test_a_malformed_variable_stops_the_start_and_is_named(name: str, value: str, start: Any) -> None:
    environment = {k: v for k, v in LOCAL.items() if k != name.removesuffix("_FILE")}
    with pytest.raises(ImproperlyConfigured, match=rf"^{name}\b") as refusal:
        start(environment, **{name: value})
    assert SECRET not in str(refusal.value)


def test_a_file_that_holds_no_text_is_named(start: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY_FILE"):
        start(LOCAL, SECRET_KEY_FILE=str(tmp_path / "key"))


@pytest.mark.parametrize("beside", [{}, {"SECRET_KEY": ""}])
def test_a_secret_may_come_from_a_file(beside: dict[str, str], start: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("  from-a-file-مفتاح\n", encoding="utf-8")
    assert start(LOCAL, SECRET_KEY_FILE=str(tmp_path / "key"), **beside)["SECRET_KEY"] == "from-a-file-مفتاح"
    named = start(LOCAL, SECRET_KEY_FILE=str(tmp_path / "key"), SECRET_KEY="named")
    assert named["SECRET_KEY"] == "named"


def test_lists_are_read_generously(start: Any) -> None:
    found = start(
        LOCAL,
        ALLOWED_HOSTS=" a.example , b.example,",
        CORS_ALLOWED_ORIGINS="https://a.example, http://localhost:3000",
        OTP_PROVIDER="unifonic, console",
        DEBUG="ON",
        LOG_LEVEL="debug",
        PUBLIC_BASE_URL="https://a.example/",
    )
    assert found["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert found["CORS_ALLOWED_ORIGINS"] == ["https://a.example", "http://localhost:3000"]
    assert found["OTP_PROVIDER"] == ["unifonic", "console"]
    assert (found["DEBUG"], found["PUBLIC_BASE_URL"]) == (True, "https://a.example")


def test_whatever_the_database_address_asks_for_our_own_patience_stays(start: Any) -> None:
    url = f"{LOCAL['DATABASE_URL']}?sslmode=require"
    database = start(LOCAL, DATABASE_URL=url)["DATABASES"]["default"]
    assert database["OPTIONS"]["sslmode"] == "require"
    assert "lock_timeout=" in database["OPTIONS"]["options"]
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (None, True)


def test_codes_tokens_and_signatures_have_keys_of_their_own(start: Any) -> None:
    found = start(PRODUCTION)
    assert len({found["SECRET_KEY"], found["SIGNING_KEY"], found["OTP_KEY"]}) == 3
    assert found["SIMPLE_JWT"]["SIGNING_KEY"] == found["SIGNING_KEY"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "1"),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "x" * 49),
        ("ALLOWED_HOSTS", ""),
        ("ALLOWED_HOSTS", "api.example.sa,*"),
        ("PUBLIC_BASE_URL", ""),
        ("PUBLIC_BASE_URL", "http://api.example.sa"),
        ("DATABASE_URL", ""),
        ("OTP_PROVIDER", ""),
        ("OTP_PROVIDER", "unifonic,console"),
        ("SMS_PROVIDER", "console"),
        ("MOYASAR_BASE_URL", "https://sandbox.example/v1"),
        ("UNIFONIC_BASE_URL", "https://stand-in.example"),
        ("MOYASAR_SECRET_KEY", "sk_test_x"),
        ("MOYASAR_WEBHOOK_SECRET", ""),
        ("LIMITS_SCALE", "2"),
        ("LIMITS_SCALE", "0.5"),
    ],
)
def test_half_a_production_does_not_start(name: str, value: str, start: Any) -> None:
    start(PRODUCTION)
    with pytest.raises(ImproperlyConfigured, match=rf"^{name}\b"):
        start(PRODUCTION, **{name: value})


# Whole processes ------------------------------------------------------------------------------------------------


def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    surroundings = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=surroundings | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SETUP = "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'backend.config.settings'; django.setup()"


def test_a_process_that_cannot_start_ends_with_the_name_on_its_last_line() -> None:
    for words in (("-c", SETUP), ("manage.py", "migrate"), ("-c", "import backend.config.wsgi")):
        ended = python(*words, **LOCAL, PORT="abc")
        assert ended.returncode != 0
        last = ended.stderr.strip().splitlines()[-1]
        assert "PORT" in last
        assert "'abc'" in last


ASK = """
import json, logging
from django.test import Client
client = Client(raise_request_exception=False, headers={"host": HOST})
def ask(path, secure=True, method="get", **headers):
    answer = getattr(client, method)(path, secure=secure, headers=headers)
    text = answer.content.decode()
    given = {name.title(): value for name, value in answer.headers.items()}
    body = json.loads(text) if "json" in given.get("Content-Type", "") else text
    return {"status": answer.status_code, "headers": given, "body": body}
print(json.dumps({name: ask(**request) for name, request in REQUESTS.items()}))
"""


def answers(requests: dict[str, Any], *, host: str, **environment: str) -> tuple[dict[str, Any], str]:
    """What a process with this environment answers, and what it writes to its log."""
    ended = python("-c", f"{SETUP}\nHOST = {host!r}\nREQUESTS = {requests!r}\n{ASK}", **environment)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1]), ended.stderr


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert answer["headers"]["Content-Type"] == "application/problem+json", answer
    assert (answer["status"], answer["body"]["status"], answer["body"]["code"]) == (status, status, code)


def test_production_speaks_https_only_and_tells_a_load_balancer_that_its_database_is_away() -> None:
    found, log = answers(
        {
            "alive": {"path": "/healthz"},
            "plain": {"path": "/api/v1/salons?x=1", "secure": False},
            "probe": {"path": "/healthz", "secure": False},
            "ready": {"path": "/readyz"},
            "salons": {"path": "/api/v1/salons", "accept-language": "en", "x-request-id": "look-for-me"},
            "nowhere": {"path": "/nowhere?phone=0512345678"},
            "foreign": {"path": "/healthz", "host": "evil.example"},
            "shared": {"path": "/healthz", "origin": "https://www.example.sa"},
            "unshared": {"path": "/healthz", "origin": "https://evil.example"},
        },
        host="api.example.sa",
        **PRODUCTION,
    )
    alive = found["alive"]
    assert alive["status"] == 200
    assert alive["headers"]["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains; preload"
    assert found["plain"]["status"] == 301
    assert found["plain"]["headers"]["Location"] == "https://api.example.sa/api/v1/salons?x=1"
    assert found["probe"]["status"] == 200
    for away in ("ready", "salons"):
        assert_problem(found[away], 503, "unavailable")
        assert found[away]["headers"]["Retry-After"] == "2"
        assert SECRET not in str(found[away])
    assert found["salons"]["headers"]["Content-Language"] == "en"
    assert_problem(found["nowhere"], 404, "not_found")
    assert found["nowhere"]["body"]["type"] == "https://api.example.sa/problems/not_found"
    assert_problem(found["foreign"], 400, "malformed_request")
    assert found["shared"]["headers"]["Access-Control-Allow-Origin"] == "https://www.example.sa"
    assert "Access-Control-Allow-Origin" not in found["unshared"]["headers"]

    lines = [json.loads(line) for line in log.splitlines()]
    assert any(e["request_id"] == "look-for-me" and e["name"] == "mawid.errors" for e in lines)
    assert "0512345678" not in log
    assert SECRET not in log


def test_debugging_shows_the_insides_to_nobody() -> None:
    found, _ = answers(
        {
            "nowhere": {"path": "/nowhere"},
            "slash": {"path": "/api/v1/salons/"},
            "salons": {"path": "/api/v1/salons"},
            "ready": {"path": "/readyz"},
        },
        host="localhost",
        **LOCAL,
        DEBUG="true",
    )
    assert_problem(found["nowhere"], 404, "not_found")
    assert_problem(found["slash"], 404, "not_found")
    assert_problem(found["salons"], 503, "unavailable")
    assert_problem(found["ready"], 503, "unavailable")


@pytest.mark.parametrize("environment", [{"APP_ENV": "production"}, {"APP_ENV": " Production "}])
def test_the_sandbox_gateway_refuses_production(environment: dict[str, str], tmp_path: Path) -> None:
    keys = {"MOYASAR_SECRET_KEY": "sk_test_1", "MOYASAR_PUBLISHABLE_KEY": "pk_test_1"}
    ended = python(
        "-m", "backend.payments.sandbox", "--state", str(tmp_path / "state"), **keys, **environment
    )
    assert ended.returncode != 0
    assert "production" in ended.stderr
    assert not (tmp_path / "state").exists()


def test_a_complete_production_passes_djangos_deployment_check() -> None:
    ended = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no issues (0 silenced)" in ended.stdout
