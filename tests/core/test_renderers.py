"""The fast writer of JSON writes what DRF's would have written."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import TextChoices
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy, override
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.serializer_helpers import ReturnDict

from backend.core.api.renderers import FastJSONRenderer
from tests.core.helpers import problem, send


class State(TextChoices):
    HELD = "held"


Pair = namedtuple("Pair", "first second")
RIYADH = timezone(timedelta(hours=3))


@pytest.mark.parametrize(
    "value",
    [
        {
            "name": "لمسة",
            "empty": "",
            "none": None,
            "flag": True,
            "number": -7,
            "rate": 4.5,
            "list": [1, [2, {}]],
        },
        {"state": State.HELD, State.HELD: 1, 7: "seven", None: "nothing"},
        [
            datetime(2026, 11, 21, 6, tzinfo=UTC),
            datetime(2026, 11, 21, 9, 0, 0, 5, tzinfo=RIYADH),
            date(2026, 11, 21),
        ],
        [timedelta(minutes=90), Decimal("1.50"), uuid.UUID(int=7), b"bytes", mark_safe("<b>")],
        [Pair(1, 2), (3, 4), OrderedDict(z=1, a=2), ReturnDict({"a": 1}, serializer=None), {5}],
        'line\u2028separator and a quote " and \x01',
    ],
)
def test_it_means_the_same(value: Any) -> None:
    written = FastJSONRenderer().render(value, "application/json", {})
    assert json.loads(written) == json.loads(JSONRenderer().render(value, "application/json", {}))
    assert b"\\u06" not in written, "Arabic goes as it is"


def test_a_lazy_text_is_written_in_the_language_of_the_moment() -> None:
    said = gettext_lazy("Not found")
    with override("en"):
        assert FastJSONRenderer().render([said], "application/json", {}) == b'["Not found"]'
    with override("ar"):
        assert FastJSONRenderer().render([said], "application/json", {}) != b'["Not found"]'


def test_nothing_is_an_empty_body_and_an_indent_is_still_given() -> None:
    assert FastJSONRenderer().render(None, "application/json", {}) == b""
    assert FastJSONRenderer().render({"a": 1}, "application/json; indent=2", {}) == b'{\n  "a": 1\n}'


@pytest.mark.parametrize("value", [{object(): 1}, {"a": object()}, "\ud800"])
def test_what_json_cannot_say_is_an_error_and_never_half_an_answer(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        FastJSONRenderer().render(value, "application/json", {})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/json, text/plain, */*", 200),
        ("application/json, application/problem+json", 200),
        ("application/problem+json", 200),
        ("application/*;q=0.5", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("text/html", 406),
        ("", 406),
    ],
)
def test_json_is_what_there_is(accept: str, status: int) -> None:
    answer = send("GET", "/api/v1/cities", Accept=accept)
    if status == 406:
        problem(answer, 406, "not_acceptable")
    else:
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
