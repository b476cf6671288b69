"""Every error is a problem (RFC 9457): in both languages, with a stable code, and with nothing of our insides."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.db import close_old_connections
from django.test import override_settings

from backend.core import errors
from backend.core.api.problems import STATUS_OF_KIND, TITLES, status_of
from tests.core.helpers import field_error, problem, send
from tests.core.trial_urls import SECRET
from tests.factories import UserFactory
from tests.support.api import Api

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.trial_urls")]
OTP, SALONS, ECHO = "/api/v1/auth/otp-requests", "/api/v1/salons", "/trial/echo"
JSON, HTML, FORM = "application/json", "text/html", "application/x-www-form-urlencoded"
DEEP = b'{"phone":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

REFUSED = {
    "an unknown address of the API": ("GET", "/api/v1/nothing", None, {}, 404, "not_found"),
    "an unknown address elsewhere": ("GET", "/nothing", None, {}, 404, "not_found"),
    "the root": ("GET", "/", None, {}, 404, "not_found"),
    "an old favourite of scanners": ("POST", "/wp-login.php", b"a=b", {}, 404, "not_found"),
    "a slash at the end": ("GET", "/api/v1/salons/", None, {}, 404, "not_found"),
    "a slash at the end of a POST": ("POST", OTP + "/", {"phone": "0512345678"}, {}, 404, "not_found"),
    "a NUL in the address": ("GET", "/api/v1/salons/a%00b", None, {}, 404, "not_found"),
    "bytes that are no text in the address": (
        "GET",
        "/api/v1/salons/%ff%ed%a0%80",
        None,
        {},
        404,
        "not_found",
    ),
    "a line break in the address": ("GET", "/api/v1/salons/a%0d%0aSet-Cookie:x", None, {}, 404, "not_found"),
    "another method": ("DELETE", SALONS, None, {}, 405, "method_not_allowed"),
    "another method where writing is due": ("GET", OTP, None, {}, 405, "method_not_allowed"),
    "an invented method": ("BREW", SALONS, None, {}, 405, "method_not_allowed"),
    "another method at the reference": ("POST", "/docs", {}, {}, 405, "method_not_allowed"),
    "another method at the contract": ("PUT", "/api/v1/openapi.json", {}, {}, 405, "method_not_allowed"),
    "a page asked of the API": ("GET", SALONS, None, {"Accept": HTML}, 406, "not_acceptable"),
    "XML asked of the API": ("POST", OTP, {}, {"Accept": "application/xml"}, 406, "not_acceptable"),
    "a picture asked of the reference": (
        "GET",
        "/docs",
        None,
        {"Accept": "image/png"},
        406,
        "not_acceptable",
    ),
    "a page asked of the contract": (
        "GET",
        "/api/v1/openapi.json",
        None,
        {"Accept": HTML},
        406,
        "not_acceptable",
    ),
    "text instead of JSON": (
        "POST",
        OTP,
        b"x",
        {"Content-Type": "text/plain"},
        415,
        "unsupported_media_type",
    ),
    "no type at all": ("POST", OTP, b"x", {"Content-Type": ""}, 415, "unsupported_media_type"),
    "nonsense for a type": ("POST", OTP, b"x", {"Content-Type": "///;;"}, 415, "unsupported_media_type"),
    "a form where JSON is due": ("POST", ECHO, b"a=b", {"Content-Type": FORM}, 415, "unsupported_media_type"),
    "half an object": ("POST", OTP, b'{"phone":', {}, 400, "malformed_request"),
    "single quotes": ("POST", OTP, b"{'phone': 1}", {}, 400, "malformed_request"),
    "a comma too many": ("POST", OTP, b'{"phone":"1",}', {}, 400, "malformed_request"),
    "not a number": ("POST", ECHO, b'{"number":NaN}', {}, 400, "malformed_request"),
    "infinity": ("POST", ECHO, b'{"number":-Infinity}', {}, 400, "malformed_request"),
    "a number of 5000 digits": (
        "POST",
        ECHO,
        b'{"number":' + b"9" * 5000 + b"}",
        {},
        400,
        "malformed_request",
    ),
    "bytes that are no text": ("POST", OTP, b'{"phone":"\xff\xfe"}', {}, 400, "malformed_request"),
    "a thousand brackets": ("POST", OTP, b"[" * 1000, {}, 400, "malformed_request"),
    "a hundred thousand brackets": ("POST", OTP, DEEP, {}, 400, "malformed_request"),
    "a character set that is none": (
        ("POST", ECHO, b'{"text":"a"}', {"Content-Type": "application/json; charset=rot13"}, 415, None)
    ),
    "a character set of bytes": (
        ("POST", ECHO, b'{"text":"a"}', {"Content-Type": "application/json; charset=base64"}, 415, None)
    ),
    "an unknown character set": (
        (
            "POST",
            ECHO,
            b'{"text":',
            {"Content-Type": "application/json; charset=klingon"},
            400,
            "malformed_request",
        )
    ),
    "a body over the limit": ("POST", OTP, {"phone": "0" * 300_000}, {}, 413, "payload_too_large"),
    "a form over the limit": (
        ("POST", OTP, b"phone=" + b"0" * 300_000, {"Content-Type": FORM}, 413, "payload_too_large")
    ),
    "a form of two thousand fields": (
        (
            "POST",
            OTP,
            b"&".join(b"a%d=1" % n for n in range(2000)),
            {"Content-Type": FORM},
            413,
            "payload_too_large",
        )
    ),
    "nobody signed in": ("GET", "/api/v1/me", None, {}, 401, "auth_required"),
    "a token that is none": ("GET", "/api/v1/me", None, {"Authorization": "Bearer x"}, 401, "token_invalid"),
    "a host that is not ours": ("GET", SALONS, None, {"Host": "evil.example"}, 400, "malformed_request"),
    "a crash": ("GET", "/trial/crash", None, {}, 500, "server_error"),
    "a crash while the answer is written": (
        "GET",
        "/trial/crash-while-writing",
        None,
        {},
        500,
        "server_error",
    ),
    "a crash outside the API": ("GET", "/trial/plain/crash", None, {}, 500, "server_error"),
    "Django's refusal": ("GET", "/trial/denied", None, {}, 403, "permission_denied"),
    "Django's refusal outside the API": ("GET", "/trial/plain/denied", None, {}, 403, "permission_denied"),
    "Django's 404": ("GET", "/trial/missing", None, {}, 404, "not_found"),
    "Django's 404 outside the API": ("GET", "/trial/plain/missing", None, {}, 404, "not_found"),
    "Django's suspicion": ("GET", "/trial/suspicious", None, {}, 400, "malformed_request"),
    "Django's suspicion outside the API": (
        "GET",
        "/trial/plain/suspicious",
        None,
        {},
        400,
        "malformed_request",
    ),
}


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("case", REFUSED)
def test_every_refusal_is_a_problem(case: str, language: str) -> None:
    method, path, body, headers, status, code = REFUSED[case]
    response = send(
        method, path, body, language=language, **{k.replace("-", "_"): v for k, v in headers.items()}
    )
    if code is None:  # either is a fair answer; a crash is not
        status, code = {400: (400, "malformed_request"), 415: (415, "unsupported_media_type")}[
            response.status_code
        ]
    problem(response, status, code, language=language)


def test_the_methods_that_would_have_worked_are_named() -> None:
    assert {"GET", "HEAD"} <= set(send("DELETE", SALONS).headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/trial/crash", 500, "server_error"),
        ("/trial/denied", 403, "permission_denied"),
        ("/trial/missing", 404, "not_found"),
        ("/trial/suspicious", 400, "malformed_request"),
        ("/trial/overloaded", 503, "unavailable"),
        ("/api/v1/nowhere", 404, "not_found"),
    ],
)
def test_debugging_shows_the_insides_to_nobody(address: str, status: int, code: str) -> None:
    from django.urls import re_path

    from backend.core.api.problems import page_not_found
    from tests.core import trial_urls

    # What config.urls appends when the process starts with DEBUG.
    urls = type("DebugUrls", (), {"urlpatterns": [*trial_urls.urlpatterns, re_path(r"^.*$", page_not_found)]})
    with override_settings(DEBUG=True, ROOT_URLCONF=urls):
        problem(send("GET", address, Accept=JSON), status, code)


def test_a_crash_is_told_in_general_words_and_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    response = send("GET", "/trial/crash", X_Request_Id="look-me-up-123")
    assert problem(response, 500, "server_error")["request_id"] == "look-me-up-123"
    [record] = [r for r in caplog.records if r.name == "mawid.errors"]
    assert record.levelno == logging.ERROR
    assert SECRET in str(record.exc_info[1] if record.exc_info else "")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/trial/overloaded", "/trial/cut-off"])
def test_an_absent_database_is_unavailable_for_a_moment(address: str) -> None:
    for language in ("ar", "en"):
        body = problem(send("GET", address, language=language), 503, "unavailable", language=language)
        assert body["retry_after"] >= 1
    close_old_connections()  # what the server does between two requests
    assert send("GET", SALONS).status_code == 200


def test_a_head_request_is_a_get_without_a_body() -> None:
    for address in (SALONS, f"{SALONS}?limit=3", "/api/v1/categories"):
        head, get = send("HEAD", address), send("GET", address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert send("HEAD", f"{SALONS}?limit=900").status_code == 400


# Fields ---------------------------------------------------------------------------------------------------------

LONE = "\ud800"
UUID = "018f3a52-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ([], "wrong_type", ""),
        ([{"text": "a"}], "wrong_type", ""),
        ("text", "wrong_type", ""),
        (7, "wrong_type", ""),
        (True, "wrong_type", ""),
        (b"null", "field_null", ""),
        ({"txet": "a"}, "unknown_field", "/txet"),
        ({"a/b~c": 1}, "unknown_field", "/a~1b~0c"),
        ({"": 1}, "unknown_field", "/"),
        ({"الاسم": 1}, "unknown_field", "/الاسم"),
        ({"line": {"service_id": UUID, "price": 1}}, "unknown_field", "/line/price"),
        ({"text": 5}, "wrong_type", "/text"),
        ({"text": True}, "wrong_type", "/text"),
        ({"text": ["a"]}, "wrong_type", "/text"),
        ({"text": {"a": 1}}, "wrong_type", "/text"),
        ({"text": None}, "field_null", "/text"),
        ({"text": ""}, "field_blank", "/text"),
        ({"text": "   "}, "field_blank", "/text"),
        ({"text": "\u200f\u202e"}, "field_blank", "/text"),
        ({"text": "01234567890"}, "too_long", "/text"),
        ({"text": "a\0b"}, "invalid_format", "/text"),
        ({"prose": "a\0b"}, "invalid_format", "/prose"),
        ({"text": f"a{LONE}"}, "invalid_format", "/text"),
        ({"prose": f"a{LONE}"}, "invalid_format", "/prose"),
        ({"code": f"12{LONE}"}, "invalid_format", "/code"),
        ({"phone": f"05{LONE}12345678"}, "phone_invalid", "/phone"),
        ({"phone": "05\x0012345678"}, "phone_invalid", "/phone"),
        ({"id": LONE}, "uuid_invalid", "/id"),
        ({"choice": LONE}, "invalid_choice", "/choice"),
        ({"day": LONE}, "date_invalid", "/day"),
        ({"moment": LONE}, "datetime_invalid", "/moment"),
        ({"code": 123456}, "wrong_type", "/code"),
        ({"code": "12a4"}, "invalid_format", "/code"),
        ({"phone": 512345678}, "wrong_type", "/phone"),
        ({"phone": "0112345678"}, "phone_invalid", "/phone"),
        ({"phone": "+971501234567"}, "phone_not_supported", "/phone"),
        ({"number": "5"}, "wrong_type", "/number"),
        ({"number": 5.0}, "wrong_type", "/number"),
        ({"number": 1e300}, "wrong_type", "/number"),
        ({"number": True}, "wrong_type", "/number"),
        ({"number": None}, "field_null", "/number"),
        ({"number": 0}, "too_small", "/number"),
        ({"number": 10**40}, "too_large", "/number"),
        ({"flag": 1}, "wrong_type", "/flag"),
        ({"flag": "true"}, "wrong_type", "/flag"),
        ({"flag": []}, "wrong_type", "/flag"),
        ({"id": 7}, "wrong_type", "/id"),
        ({"id": "7"}, "uuid_invalid", "/id"),
        ({"choice": 1}, "wrong_type", "/choice"),
        ({"choice": "three"}, "invalid_choice", "/choice"),
        ({"choice": ["one"]}, "wrong_type", "/choice"),
        ({"day": 20261120}, "wrong_type", "/day"),
        ({"day": "20/11/2026"}, "date_invalid", "/day"),
        ({"day": "2026-02-30"}, "date_invalid", "/day"),
        ({"moment": 1795000000}, "wrong_type", "/moment"),
        ({"moment": "2026-11-20"}, "datetime_invalid", "/moment"),
        ({"line": []}, "wrong_type", "/line"),
        ({"line": {}}, "field_required", "/line/service_id"),
        ({"lines": {}}, "wrong_type", "/lines"),
        ({"lines": "x"}, "wrong_type", "/lines"),
        ({"lines": []}, "list_empty", "/lines"),
        ({"lines": [{"service_id": UUID}] * 4}, "list_too_long", "/lines"),
        ({"lines": [{"service_id": UUID}, {"service_id": 5}]}, "wrong_type", "/lines/1/service_id"),
        ({"lines": None}, "field_null", "/lines"),
        ({"lines": [{"service_id": UUID}, 5]}, "wrong_type", "/lines/1"),
        ({"lines": [{"service_id": UUID}, {"service_id": UUID, "x": 1}]}, "unknown_field", "/lines/1/x"),
        ({"words": ["a", 5]}, "wrong_type", "/words/1"),
        ({"words": ["a", "b", "c"]}, "list_too_long", "/words"),
    ],
)
def test_a_wrong_value_is_pointed_at(body: Any, code: str, pointer: str) -> None:
    field_error(send("POST", ECHO, body), code, pointer=pointer)


def test_a_key_that_is_no_text_is_still_answered() -> None:
    for body in ({LONE: 1}, {"\0": 1}, {"line": {LONE: 1, "service_id": UUID}}):
        found = problem(send("POST", ECHO, body), 400, "validation_failed")
        assert [e["code"] for e in found["errors"]] == ["unknown_field"]


def test_all_wrong_values_are_marked_at_once() -> None:
    body = problem(send("POST", ECHO, {"txet": 1, "number": "5", "line": {"x": 1}}), 400, "validation_failed")
    assert {(e["pointer"], e["code"]) for e in body["errors"]} == {
        ("/txet", "unknown_field"),
        ("/number", "wrong_type"),
        ("/line/x", "unknown_field"),
        ("/line/service_id", "field_required"),
    }


def test_a_body_of_unknown_keys_is_not_answered_with_megabytes() -> None:
    response = send("POST", ECHO, {f"key{n}": 1 for n in range(10_000)})
    assert len(problem(response, 400, "validation_failed")["errors"]) == 100
    response = send("POST", ECHO, {"k" * 200_000: 1})
    assert len(response.content) < 2000


def test_a_deep_value_in_a_known_field_is_of_the_wrong_type() -> None:
    body = b'{"text":' + b"[" * 500 + b"]" * 500 + b"}"
    field_error(send("POST", ECHO, body), "wrong_type", pointer="/text")


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("staus=held", "unknown_field", "staus"),
        ("%00=1", "unknown_field", "\0"),
        ("format=json", "unknown_field", "format"),
        ("number=x", "invalid_format", "number"),
        ("number=1.5", "invalid_format", "number"),
        ("number=1_0", "invalid_format", "number"),
        ("number=0", "too_small", "number"),
        ("number=-3", "too_small", "number"),
        ("number=999999999999", "invalid_format", "number"),
        ("number=%00", "invalid_format", "number"),
        ("flag=yes", "invalid_format", "flag"),
        ("day=tomorrow", "date_invalid", "day"),
        ("ids=1,2", "uuid_invalid", "ids"),
        ("ids=,,", "list_empty", "ids"),
        (f"ids={','.join([UUID] * 4)}", "list_too_long", "ids"),
    ],
)
def test_a_wrong_query_value_is_named(query: str, code: str, parameter: str) -> None:
    field_error(send("GET", f"{ECHO}?{query}"), code, parameter=parameter)


def test_a_booking_names_the_line_that_is_wrong() -> None:
    body = {
        "salon_id": UUID,
        "items": [{"service_id": UUID}, {"service_id": 5}],
        "starts_at": "2026-11-20T12:00:00+03:00",
    }
    found = Api(UserFactory.create()).post("bookings", body)
    assert [(e["pointer"], e["code"]) for e in found.json()["errors"]] == [
        ("/items/1/service_id", "wrong_type")
    ]


# The catalogue of errors ----------------------------------------------------------------------------------------


def test_every_refusal_has_one_code_a_status_a_title_and_a_sentence_in_both_languages() -> None:
    from django.utils import translation

    by_code: dict[str, set[int]] = {}
    for refusal in errors.all_refusals():
        by_code.setdefault(refusal.code, set()).add(status_of(refusal))
        assert status_of(refusal) in TITLES
        assert refusal.client in ("fix", "sign_in", "refresh", "show", "reload", "retry", "update")
    assert [code for code, statuses in by_code.items() if len(statuses) > 1] == []
    assert {s for _, s in STATUS_OF_KIND} == set(TITLES)
    untranslated = []
    for code, sentence in [*errors.FIELD_ERRORS.items(), *((str(k), v) for k, v in TITLES.items())]:
        with translation.override("ar"):
            arabic = str(sentence)
        with translation.override("en"):
            if arabic == str(sentence):
                untranslated.append(code)
    assert untranslated == []


def test_problems_carry_params_current_and_retry_after() -> None:
    from backend.core.api.problems import problem_response

    waiting = problem_response(errors.TooManyRequests(retry_after=17))
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (429, "17")
    moved = json.loads(problem_response(errors.VersionConflict(current={"version": 3})).content)
    assert (moved["status"], moved["current"]) == (409, {"version": 3})
    assert "current" not in json.loads(problem_response(errors.VersionConflict()).content)
