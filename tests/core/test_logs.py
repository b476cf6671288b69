"""What is written down about a request: enough to help, never a phone number or a code."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils.module_loading import import_string

from backend.core.logs import RequestIdFilter, redact
from backend.core.request_context import current_request_id
from tests.core.helpers import send

ARABIC_PHONE = "٠٥١٢٣٤٥٦٧٨"


class Lines(io.StringIO):
    def read_lines(self) -> list[str]:
        return self.getvalue().splitlines()


def handler(name: str) -> tuple[Lines, logging.Handler]:
    """One of the project's own formatters, as the settings describe it."""
    described = configured.LOGGING["formatters"][name]
    made = logging.StreamHandler(Lines())
    made.setFormatter(import_string(described["()"])(described["format"]))
    made.addFilter(RequestIdFilter())
    return made.stream, made


@pytest.fixture
def written() -> Iterator[dict[str, Lines]]:
    """Everything any logger says, at its chattiest, as it would be written in production and in development."""
    root, level = logging.getLogger(), logging.getLogger().level
    made = {name: handler(name) for name in ("json", "readable")}
    for _, added in made.values():
        root.addHandler(added)
    root.setLevel(logging.DEBUG)
    try:
        yield {name: lines for name, (lines, _) in made.items()}
    finally:
        root.setLevel(level)
        for _, added in made.values():
            root.removeHandler(added)


log = logging.getLogger("mawid.trial")


def entries(written: dict[str, Lines], logger: str = "mawid.trial") -> list[dict[str, Any]]:
    return [e for e in map(json.loads, written["json"].read_lines()) if e["name"] == logger]


def test_production_writes_one_json_object_a_line(written: dict[str, Lines]) -> None:
    token = current_request_id.set("request-1")
    try:
        log.info(
            "salon %s\nopened",
            "لمسة",
            extra={"ms": 7, "at": datetime(2026, 11, 20, tzinfo=UTC), "who": {"a": {1}}},
        )
        log.warning("odd", extra={"thing": object(), "raw": b"\xff", "half": "\ud800", "request": object()})
        try:
            raise ValueError("line one\nline two")
        except ValueError:
            log.exception("failed")
    finally:
        current_request_id.reset(token)
    log.info("outside of any request")
    first, second, third, last = entries(written)
    assert first["message"] == "salon لمسة\nopened"
    assert (first["levelname"], first["name"], first["ms"], first["request_id"]) == (
        "INFO",
        "mawid.trial",
        7,
        "request-1",
    )
    assert re.match(r"20\d\d-\d\d-\d\d", first["asctime"])
    assert "request" not in second
    assert "ValueError: line one" in third["exc_info"]
    assert last["request_id"] == "-"


def test_development_writes_what_a_person_can_read(written: dict[str, Lines]) -> None:
    try:
        raise ValueError("صالون لمسة")
    except ValueError:
        log.exception("failed", extra={"ms": 7})
    lines = written["readable"].read_lines()
    assert re.search(r"ERROR   mawid\.trial \[-\] failed ms=7$", lines[0])
    assert lines[1] == "Traceback (most recent call last):", (
        "a traceback stays one line a line, Arabic or not"
    )
    assert lines[-1] == "ValueError: صالون لمسة"


PHONES = [
    "0512345678",
    "512345678",
    "966512345678",
    "+966512345678",
    "00966512345678",
    ARABIC_PHONE,
    "+٩٦٦٥١٢٣٤٥٦٧٨",
    "۰۵۱۲۳۴۵۶۷۸",
    "0512\u200e345678",
    "051 234 5678",
    "+966 51 234 5678",
    "051-234-5678",
    "+971501234567",
    "+201001234567",
]


@pytest.mark.parametrize("phone", PHONES)
def test_a_phone_number_is_the_last_thing_to_be_written(phone: str, written: dict[str, Lines]) -> None:
    digits = "12345678"
    for line in (f"to {phone}", f'{{"phone":"{phone}"}}', f"({phone}),", f"نص {phone}؟"):
        assert "[phone]" in redact(line), line
    log.info("to %s", phone, extra={"phone": phone})
    try:
        raise ValueError(f"Key (phone)=({phone}) already exists.")
    except ValueError:
        log.exception("failed")
    for lines in written.values():
        text = re.sub("[ -]", "", lines.getvalue())
        assert digits not in text
        assert ARABIC_PHONE[2:] not in text
        assert "01234567" not in text


@pytest.mark.parametrize(
    "harmless",
    [
        "018f3a52-0000-7000-8000-512345678000",
        "5f3512345678ab90",
        "took 512 ms, 345 rows, 678 kB",
        "2026-11-20T05:12:34.567890+03:00",
        "amount 11500",
        "BK10427",
    ],
)
def test_what_is_no_phone_number_is_left_alone(harmless: str) -> None:
    assert redact(harmless) == harmless


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["0512345678", "+966512345678", ARABIC_PHONE])
def test_a_sign_in_leaves_neither_phone_nor_code_in_the_log(
    typed: str, sent: Any, written: dict[str, Lines]
) -> None:
    """Also not in what the loggers were handed, before the last net."""
    raw: list[str] = []

    class Everything(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raw.append(f"{record.getMessage()} {vars(record)}")

    listener = Everything()
    logging.getLogger().addHandler(listener)
    try:
        asked = send("POST", "/api/v1/auth/otp-requests", {"phone": typed})
        assert asked.status_code == 202, asked.content
        [text] = sent("+966512345678")
        [code] = re.findall("[0-9]{6}", text)
        wrong = f"{(int(code) + 1) % 10**6:06}"
        request_id = asked.json()["otp_request_id"]
        for attempt, status in (
            (wrong, 400),
            (code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")), 200),
        ):
            body = {"otp_request_id": request_id, "code": attempt}
            answer = send("POST", "/api/v1/auth/otp-verifications", body)
            assert answer.status_code == status, answer.content
        tokens = [answer.json()["access_token"], answer.json()["refresh_token"]]
        me = send("GET", "/api/v1/me", Authorization=f"Bearer {tokens[0]}")
        assert me.json()["phone"] == "+966512345678"
        assert send("GET", f"/api/v1/salons?phone={typed.replace('+', '%2B')}").status_code == 400
    finally:
        logging.getLogger().removeHandler(listener)
    everything = "\n".join([*raw, *(lines.getvalue() for lines in written.values())])
    assert "POST /api/v1/auth/otp-verifications 200" in everything
    for secret in ("512345678", ARABIC_PHONE[1:], code, wrong, text, *tokens):
        assert secret not in everything, secret


@pytest.mark.urls("tests.core.trial_urls")
def test_the_access_log_names_path_status_and_time_but_no_query(written: dict[str, Lines]) -> None:
    send("GET", "/trial/echo?number=5&day=2026-11-20", X_Request_Id="find-me-again")
    send("GET", "/nowhere/0512345678?code=123456")
    send("GET", "/healthz")
    found, lost = entries(written, "mawid.access")
    assert (found["message"], found["request_id"]) == ("GET /trial/echo 200", "find-me-again")
    assert found["ms"] >= 0
    assert lost["message"] == "GET /nowhere/[phone] 404"
    assert "123456" not in written["json"].getvalue()


@pytest.mark.urls("tests.core.trial_urls")
def test_a_crash_is_written_with_its_traceback_and_request(written: dict[str, Lines]) -> None:
    answer = send("GET", "/trial/crash")
    [entry] = entries(written, "mawid.errors")
    assert entry["request_id"] == answer.json()["request_id"]
    assert "RuntimeError" in entry["exc_info"]
    assert "[phone]" in entry["exc_info"]
    assert "512345678" not in written["json"].getvalue() + written["readable"].getvalue()


@pytest.mark.urls("tests.core.trial_urls")
def test_a_crash_outside_the_api_is_written_too(written: dict[str, Lines]) -> None:
    for address in ("/trial/plain/crash", "/trial/crash-while-writing"):
        answer = send("GET", address)
        assert any(
            "Traceback" in e.get("exc_info", "")
            for e in map(json.loads, written["json"].read_lines())
            if e["request_id"] == answer.json()["request_id"]
        ), address


@pytest.mark.parametrize("safe", ["12345678", "A-Za_z0.9", "f" * 64, "6f7a1e3e-2c9d-4b1a-9d0a-6a6f2b6b9b3a"])
def test_a_safe_request_id_is_echoed(safe: str) -> None:
    for address in ("/healthz", "/nowhere"):
        assert send("GET", address, X_Request_Id=safe).headers["X-Request-Id"] == safe


@pytest.mark.parametrize(
    "unsafe",
    ["", "1234567", "f" * 65, "has space in it", "<script>x", "a\tb-456789", "قصيرة-قصيرة", "a,b;c=d-1"],
)
def test_any_other_request_id_is_replaced(unsafe: str) -> None:
    given = send("GET", "/nowhere", X_Request_Id=unsafe)
    assert re.fullmatch("[0-9a-f]{16}", given.headers["X-Request-Id"])
    assert given.json()["request_id"] == given.headers["X-Request-Id"]
    assert (
        send("GET", "/nowhere", X_Request_Id=unsafe).headers["X-Request-Id"] != given.headers["X-Request-Id"]
    )
