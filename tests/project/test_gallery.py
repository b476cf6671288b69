"""The catalogue of messages, looked at as a carrier, a lock screen and a reader of either direction would."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import smsutil
from bidi import get_display
from django.core.management import CommandError, call_command
from django.utils import translation
from django.utils.translation import gettext

from backend.console import gallery
from backend.notifications import kinds, phrases
from backend.notifications.phrases import Phrase, fill, placeholders_of
from backend.notifications.sms import sms_units

SAMPLES = [
    pytest.param(exhibit, sample, id=f"{exhibit.code}-{sample.language}-{sample.name}")
    for exhibit in gallery.exhibits()
    for sample in exhibit.samples
]
PHRASES = [pytest.param(phrase, id=code) for code, phrase in sorted(phrases.registered().items())]
BOTH = pytest.mark.parametrize("language", ["ar", "en"])
TOKEN = re.compile(r"BK[0-9A-Z]{5}|(?<![A-Za-z])[+-]?[0-9](?:[0-9,.:/ -]*[0-9])?%?")
"""What is read as one thing, left to right, in both directions: references, amounts, clocks, dates, codes, phones."""


def visual(line: str, language: str) -> str:
    """The line as it is drawn from left to right in a paragraph of the language's own direction."""
    drawn: str = get_display(line, base_dir="R" if language == "ar" else "L")
    return re.sub("[\u2066-\u2069]", "", drawn)


def out_of_order(text: str, language: str) -> list[str]:
    """The tokens of each line that are drawn broken, or not in the order in which they are read."""
    wrong = []
    for line in text.split("\n"):
        drawn, found = visual(line, language), TOKEN.findall(line)
        if language == "ar":
            found.reverse()
        places, start = [], 0
        for token in found:
            place = drawn.find(token, start)
            if place < 0:
                wrong.append(token)
            else:
                places.append(place)
                start = place + len(token)
    return wrong


def test_the_page_is_what_the_catalogue_says_now() -> None:
    call_command("gallery", "--check", stdout=StringIO())


def test_a_page_that_fell_behind_is_noticed(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    with pytest.raises(CommandError):
        call_command("gallery", "--check", stdout=StringIO())
    call_command("gallery", stdout=StringIO())
    call_command("gallery", "--check", stdout=StringIO())
    page = tmp_path / "docs/messages.html"
    page.write_text(page.read_text(encoding="utf-8").replace("BK10427", "BK10428", 1), encoding="utf-8")
    with pytest.raises(CommandError):
        call_command("gallery", "--check", stdout=StringIO())


def test_every_kind_of_message_is_on_the_page_in_both_languages() -> None:
    shown = {exhibit.code: exhibit for exhibit in gallery.exhibits()}
    # What other tests register on their own is theirs.
    sent = {code for code in kinds.registered() if not code.startswith("trial")}
    assert sent <= shown.keys()
    for exhibit in shown.values():
        assert {sample.language for sample in exhibit.samples} == {"ar", "en"}, exhibit.code
    page = gallery.render()
    assert all(f"<code>{code}</code>" in page for code in shown)
    assert "http" not in page.replace("http-equiv", ""), "it loads nothing"


@pytest.mark.parametrize("phrase", PHRASES)
def test_both_languages_name_the_same_things(phrase: Phrase) -> None:
    for text in (phrase.title, phrase.text, phrase.push):
        with translation.override("ar"):
            assert sorted(placeholders_of(gettext(text))) == sorted(placeholders_of(text))
            assert re.search("[\u0600-\u06ff]", gettext(text)), "not translated"


@BOTH
@pytest.mark.parametrize("phrase", PHRASES)
def test_a_title_is_short_and_a_lock_screen_names_nobody(phrase: Phrase, language: str) -> None:
    with translation.override(language):
        title = gettext(phrase.title)
    assert 0 < len(title) <= 20
    assert not placeholders_of(title)
    assert set(placeholders_of(phrase.push)) <= {"ref", "day", "date", "time", "bookings", "requests"}


@BOTH
@pytest.mark.parametrize("phrase", PHRASES)
def test_a_text_is_one_part_with_a_salon_name_of_twelve_letters(phrase: Phrase, language: str) -> None:
    with translation.override(language):
        values = gallery.values(language, name=gallery.LONGEST_NAME[language])
        text = phrase.words(values).text
    assert len(smsutil.split(text).parts) == 1, (sms_units(text), text)


@pytest.mark.parametrize(("exhibit", "sample"), SAMPLES)
def test_we_count_a_text_as_others_count_it(exhibit: Any, sample: Any) -> None:
    split = smsutil.split(sample.words.text)
    assert sample.parts == len(split.parts)
    assert sample.units == sum(_units(part, split.encoding) for part in split.parts)


def _units(part: Any, encoding: str) -> int:
    return int(part.bytes) if encoding == "gsm0338" else int(part.bytes) // 2


@pytest.mark.parametrize(("exhibit", "sample"), SAMPLES)
def test_numbers_are_read_in_their_order(exhibit: Any, sample: Any) -> None:
    for text in (sample.words.title, sample.words.text, sample.words.push):
        assert out_of_order(text, sample.language) == []


@pytest.mark.parametrize(("exhibit", "sample"), SAMPLES)
def test_marks_that_isolate_come_in_pairs(exhibit: Any, sample: Any) -> None:
    for text in (sample.words.title, sample.words.text, sample.words.push):
        for line in text.split("\n"):
            depth = 0
            for letter in line:
                depth += (letter in "\u2066\u2067\u2068") - (letter == "\u2069")
                assert depth in (0, 1)
            assert depth == 0
        assert not re.search("[\u200e\u200f\u061c\u202a-\u202e]", text)


@pytest.mark.parametrize(("exhibit", "sample"), SAMPLES)
def test_a_line_begins_in_its_own_direction(exhibit: Any, sample: Any) -> None:
    """A phone takes the direction of a paragraph from its first letter; one name alone on a line may go its own way."""
    first = re.search(r"[^\W\d_]", sample.words.text)
    assert first is not None
    assert bool(re.match("[\u0600-\u06ff]", first[0])) is (sample.language == "ar")


APPROVALS = [
    pytest.param(exhibit, approval, id=f"{exhibit.code}-{approval.language}")
    for exhibit in gallery.exhibits()
    for approval in exhibit.approvals
]


def test_what_goes_by_whatsapp_on_our_own_accord_has_a_wording_to_approve() -> None:
    for exhibit in gallery.exhibits():
        by_whatsapp = any("whatsapp" in sample.channels for sample in exhibit.samples)
        answers_or_codes = exhibit.topic == "account" or exhibit.code in REPLIES
        assert bool(exhibit.approvals) is (by_whatsapp and not answers_or_codes), exhibit.code


REPLIES = {code for code, kind in kinds.registered().items() if kind.reply}


@pytest.mark.parametrize(("exhibit", "approval"), APPROVALS)
def test_a_wording_to_approve_neither_begins_nor_ends_with_a_value(exhibit: Any, approval: Any) -> None:
    """WhatsApp refuses those that do."""
    assert not re.search(r"^\{\{|\}\}$", approval.text), approval.text
    numbers = sorted(int(number) for number in re.findall(r"\{\{(\d+)\}\}", approval.text))
    assert numbers == list(range(1, len(approval.values) + 1))
    if exhibit.code in phrases.registered():
        assert approval.values == phrases.phrase_of(exhibit.code).placeholders
    for sample in exhibit.samples:
        assert len(sample.words.values) == len(approval.values)


# Witnesses: the rules above can fail --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("رمز التحقق 482 913", "ar"),
        ("رقم الجوال +966512345678", "ar"),
        ("من 10:00-11:30", "ar"),
        ("خصم 15%", "ar"),
        ("يوم 2026-11-24", "ar"),
        ("At صالون 24/11, 5:30", "en"),
    ],
)
def test_numbers_out_of_order_are_seen(text: str, language: str) -> None:
    assert out_of_order(text, language)


@pytest.mark.parametrize(
    "text", ["رقم الجوال 0512345678", "المبلغ 1,234.50 ريال", "الأحد 22/11 الساعة 8:30 م", "الحجز BK10427"]
)
def test_numbers_in_their_order_are_let_pass(text: str) -> None:
    assert out_of_order(text, "ar") == []


def test_a_name_is_isolated_only_where_it_would_draw_a_number_to_itself() -> None:
    values = {"salon": "صالون روز", "date": "24/11", "time": "5:30 PM"}
    with translation.override("en"):
        bare = "See you at %(salon)s, %(date)s at %(time)s"
        assert fill(bare, values) == "See you at \u2068صالون روز\u2069, 24/11 at 5:30 PM"
        assert fill("Your visit to %(salon)s is on %(date)s", values) == "Your visit to صالون روز is on 24/11"
        assert fill("At %(salon)s\n%(date)s", values) == "At صالون روز\n24/11"
        assert fill(bare, values | {"salon": "Rose"}) == "See you at Rose, 24/11 at 5:30 PM"
    drawn = visual("See you at \u2068صالون روز\u2069, 24/11", "en")
    assert drawn.endswith(", 24/11")
    assert not visual("See you at صالون روز, 24/11", "en").endswith(", 24/11"), "the reason for the marks"
