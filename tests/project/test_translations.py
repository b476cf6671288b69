from __future__ import annotations

import re
from io import StringIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.core.management import call_command
from django.utils import translation
from django.utils.translation import gettext, ngettext

from backend.core.management.commands import translations
from backend.notifications.sms import sms_units
from tests.project.tree import ROOT

LONGEST = {
    "salon": "ص" * 12,
    "ref": "BK10427",
    "day": "الأربعاء",
    "date": "31/12",
    "time": "12:30 م",
    "amount": "1,234.50",
    "code": "123456",
    "minutes": 15,
    "deposit": "أقله 100 %",
    "from": "31/12",
    "until": "31/12",
    "until_date": "31/12",
    "until_time": "12:30 م",
    "title": "ص" * 16,
}


@pytest.fixture(scope="module")
def arabic() -> Catalog:
    with (ROOT / "locale/ar/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale="ar")


def strings(catalogue: Catalog) -> list[str]:
    found = []
    for message in catalogue:
        if message.id:
            found += [message.string] if isinstance(message.string, str) else list(message.string or ())
    return found


def test_every_text_is_there_in_both_languages():
    call_command("translations", "--check", stdout=StringIO())


def test_templates_are_read_too():
    texts = {m.id for m in translations.texts_of(ROOT / "backend") if m.id}
    assert "You can return to the app now." in texts


def test_what_is_compiled_is_what_is_written(arabic):
    """make compiles; a stale .mo would let every other test of Arabic texts lie."""
    with translation.override("ar"):
        for message in arabic:
            if message.id and not message.context and isinstance(message.id, str):
                assert gettext(message.id) == message.string


@pytest.mark.parametrize(
    ("fault", "string"),
    [
        ("not translated", ""),
        ("other placeholders", "تم إلغاء حجزك"),
        ("other placeholders", "تم إلغاء حجزك %(reference)s"),
        ("other line ends", "تم إلغاء حجزك %(ref)s\n"),
    ],
)
def test_a_damaged_translation_is_noticed(tmp_path, fault, string):
    template = Catalog()
    template.add("Your booking %(ref)s was cancelled.")
    translations.update(tmp_path, "ar", template)
    path = tmp_path / "ar/LC_MESSAGES/django.po"
    untranslated = path.read_text(encoding="utf-8").rstrip().removesuffix('msgstr ""')
    escaped = string.replace("\n", "\\n")
    path.write_text(f'{untranslated}msgstr "{escaped}"\n', encoding="utf-8")
    assert [fault in problem for problem in translations.problems_of(tmp_path, "ar", template)] == [True]


def test_updating_keeps_what_is_translated_and_drops_what_is_gone(tmp_path):
    template = Catalog()
    template.add("One")
    template.add("Two")
    assert translations.update(tmp_path, "ar", template) == (2, 0)
    path = tmp_path / "ar/LC_MESSAGES/django.po"
    path.write_text(
        path.read_text(encoding="utf-8").replace('msgid "One"\nmsgstr ""', 'msgid "One"\nmsgstr "واحد"'),
        encoding="utf-8",
    )
    template = Catalog()
    template.add("One")
    template.add("Three")
    assert translations.update(tmp_path, "ar", template) == (1, 1)
    with path.open("rb") as file:
        kept = {m.id: m.string for m in read_po(file, locale="ar") if m.id}
    assert kept == {"One": "واحد", "Three": ""}


def test_a_text_message_is_one_part_at_its_longest(arabic):
    """Messages are the texts that name a booking or a code, at their longest; one with a blank line is e-mail."""
    for string in strings(arabic):
        if ("%(ref)s" in string or "%(code)s" in string) and "\n\n" not in string:
            units, parts = sms_units(string % LONGEST)
            assert parts == 1, (units, string)


def test_arabic_texts_carry_no_vowel_marks_and_no_hidden_ones(arabic):
    for string in strings(arabic):
        assert not re.search(r"[\u064b-\u065f\u0670\u200b-\u200f\u202a-\u202e\u2066-\u2069]", string), string


def test_arabic_texts_order_nobody_about(arabic):
    """Requests are nouns (`يرجى` and a verbal noun), so that they read the same to women and men."""
    commands = "حاول|أعد|اختر|ادخل|أدخل|ادفع|اضغط|انتظر|سجل|تأكد|استخدم|اطلب|راجع"
    for string in strings(arabic):
        words = string.replace("سجل العمليات", "")  # here `سجل` is the noun: the audit log
        assert not re.search(rf"(?<!\w)(?:{commands})(?!\w)", words), string


def test_seconds_are_counted_as_arabic_counts():
    many = "You can ask for a new code in %(seconds)d seconds."
    one = "You can ask for a new code in %(seconds)d second."
    with translation.override("ar"):
        found = {n: ngettext(one, many, n) % {"seconds": n} for n in (1, 2, 3, 10, 11, 42, 100, 103)}
    assert "ثانية واحدة" in found[1]
    assert "ثانيتين" in found[2]
    assert "3 ثوان" in found[3]
    assert "10 ثوان" in found[10]
    assert "11 ثانية" in found[11]
    assert "100 ثانية" in found[100]
    assert "103 ثوان" in found[103]
