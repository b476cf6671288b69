import pytest
from django.core.checks import run_checks

from backend.accounts import messages
from backend.accounts.checks import MAX_DOMAIN
from backend.notifications.sms import sms_units


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("minutes", [1, 2, 5, 10, 11])
@pytest.mark.parametrize("app_hash", [None, "FA+9qCX9VSu"])
@pytest.mark.parametrize("domain", ["", "d" * (MAX_DOMAIN - 3) + ".sa"])
def test_a_code_costs_one_part_and_stands_first(settings, language, minutes, app_hash, domain):
    settings.OTP_DOMAIN = domain
    text = messages.code_text(code="012345", language=language, minutes=minutes, app_hash=app_hash)
    assert sms_units(text)[1] == 1
    assert "012345" in text.splitlines()[0]
    assert text == text.strip()
    if app_hash:
        assert len(text.encode("utf-16-le" if language == "ar" else "ascii")) <= 140


def test_a_domain_too_long_for_one_part_stops_the_start(settings):
    settings.OTP_DOMAIN = "d" * MAX_DOMAIN + ".sa"
    assert "accounts.E001" in {found.id for found in run_checks()}
    settings.OTP_DOMAIN = "https://example.sa"
    assert "accounts.E002" in {found.id for found in run_checks()}
