from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.project.tree import ROOT

WELL_MADE = {
    "APP_ENV": "production",
    "SECRET_KEY": "".join(chr(33 + n % 90) for n in range(0, 60 * 7, 7)),
    "ALLOWED_HOSTS": "api.example.sa",
    "CONTROLLER_CONTACT": "privacy@example.sa",
    "PUBLIC_BASE_URL": "https://api.example.sa",
    "DATABASE_URL": "postgresql://mawid@db.example.sa/mawid",
    "PHOTO_STORAGE": "disk",
    "MEDIA_DIR": "/srv/mawid/media",
    "OTP_PROVIDER": "unifonic",
    "SMS_PROVIDER": "unifonic",
    "UNIFONIC_APP_SID": "an app sid",
    "UNIFONIC_SENDER_ID": "Mawid",
    "MOYASAR_SECRET_KEY": "a secret key",
    "MOYASAR_PUBLISHABLE_KEY": "a publishable key",
    "MOYASAR_WEBHOOK_SECRET": "a webhook secret",
}


def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment | WELL_MADE | changes,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_django_finds_nothing_to_say_about_a_well_made_production():
    result = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no issues (0 silenced)" in result.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "staging"),
        ("DEBUG", "true"),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("ALLOWED_HOSTS", ""),
        ("ALLOWED_HOSTS", "*"),
        ("PUBLIC_BASE_URL", "http://api.example.sa"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "sqlite:///db.sqlite3"),
        ("OTP_PROVIDER", "console"),
        ("SMS_PROVIDER", "unifonic,console"),
        ("MOYASAR_BASE_URL", "http://127.0.0.1:9000/v1"),
        ("UNIFONIC_BASE_URL", "http://127.0.0.1:9001"),
        ("MOYASAR_SECRET_KEY", "sk_test_anything"),
        ("MOYASAR_WEBHOOK_SECRET", ""),
        ("PHOTO_STORAGE", ""),
        ("MEDIA_DIR", ""),
        ("LIMITS_SCALE", "10"),
        ("PORT", "eighty"),
        ("SECRET_KEY_FILE", "no/such/file"),
    ],
)
def test_a_half_made_production_refuses_to_start_and_names_the_variable(name, value):
    changes = {name: value}
    if name.endswith("_FILE"):
        script = f"import os; os.environ.pop({name.removesuffix('_FILE')!r}); import backend.config.settings"
    else:
        script = "import backend.config.settings"
    result = run("-c", script, **changes)
    assert result.returncode != 0
    assert name in result.stderr.splitlines()[-1]
    assert "ImproperlyConfigured" in result.stderr


def test_a_secret_may_come_from_a_file(tmp_path):
    path = tmp_path / "secret_key"
    path.write_text(WELL_MADE["SECRET_KEY"] + "\n")
    script = "import os; os.environ.pop('SECRET_KEY'); from backend.config import settings; print(settings.SECRET_KEY)"
    result = run("-c", script, SECRET_KEY_FILE=str(path))
    assert result.stdout.strip() == WELL_MADE["SECRET_KEY"], result.stderr


def test_the_sandbox_gateway_refuses_production():
    result = run("-m", "backend.payments.sandbox", "--state", os.devnull)
    assert result.returncode != 0
    assert "production" in result.stderr
