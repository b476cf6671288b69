"""Folding, search words, sort keys: what people type finds what salons wrote, and lists read as dictionaries do."""

from __future__ import annotations

import random
import unicodedata
from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from backend.core.search_text import Alternative, fold, query_tokens, sort_key, tokens

ALPHABET = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"


def found(query: str, stored: str) -> bool:
    """Whether a search built as the docstrings say would find the stored text."""
    words = tokens(stored)

    def holds(way: Alternative) -> bool:
        if way.alias:
            return set(way.words) <= set(words)
        return all(any(word.startswith(typed) for word in words) for typed in way.words)

    parts = query_tokens(query)
    return bool(parts) and all(any(map(holds, part)) for part in parts)


# Folding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("صَالُونُ الأَمِيرَةِ", "صالون الاميره"),
        ("صـــالون", "صالون"),
        ("ﺻﺎﻟﻮﻥ ﺍﻷﻣﻴﺮﺓ", "صالون الاميره"),
        ("آمنة إيمان ٱلهدى مؤمنة شاطئ", "امنه ايمان الهدي مومنه شاطي"),
        ("ا\u0654حمد", "احمد"),
        ("ا\u200d\u0654حمد", "احمد"),
        ("کوافیر گلاسیك ڤیلا پاریس چاینا ژاله", "كوافير كلاسيك فيلا باريس جاينا زاله"),
        ("٠١٢٣٤٥٦٧٨٩ ۰۱۲۳۴۵۶۷۸۹ ０９", "0123456789 0123456789 09"),
        ("Café ÉLÉGANCE Straße Søren Cœur İzmir", "cafe elegance strasse soren coeur izmir"),
        ("قص، صبغة؛ سشوار؟ ١٥٪ ١٢٫٥ ١٬٠٠٠", "قص صبغه سشوار 15 12 5 1 000"),
        ("\u2067صالون\u2069\u00a0\u200fروز\u200e\ufeff", "صالون روز"),
        ("صا\u200cلو\u00adن", "صالون"),
        ("ﻣ\ufe76ﻬﺎ", "مها"),
        ("بِسْمِ ٱللَّهِ ۝ \u06d6\u06e5", "بسم الله"),
        ("بهاء", "بهاء"),
        ("Al-Amira & Sons_2", "al amira sons 2"),
        ("ʿUlayā", "ulaya"),
        ("الشعر👩🏽‍🦱", "الشعر"),
        ("", ""),
        ("  \n\t ", ""),
        ("\x00\ud800", ""),
    ],
)
def test_spellings_people_take_for_the_same_fold_alike(written: str, folded: str):
    assert fold(written) == folded


@given(st.text(st.characters(), max_size=40))
def test_folding_never_fails_and_folding_twice_changes_nothing(text: str):
    folded = fold(text)

    assert fold(folded) == folded
    assert "  " not in folded
    assert folded == folded.strip()


ACCEPTED = {
    "ا": ["ا", "أ", "إ", "آ", "ٱ", "ا\u0655"],
    "ه": ["ه", "ة", "ہ", "ھ", "ە"],
    "ي": ["ي", "ى", "ئ", "ی", "ے"],
    "و": ["و", "ؤ"],
    "ك": ["ك", "ک", "گ"],
    "ب": ["ب", "پ"],
    "ج": ["ج", "چ"],
    "ف": ["ف", "ڤ"],
    **{
        letter: list({letter, letter.upper(), chr(ord(letter) + 0xFEE0), letter + "\u0301"})
        for letter in "aenz"
    },
    **{str(n): [str(n), chr(0x660 + n), chr(0x6F0 + n), chr(0xFF10 + n)] for n in range(10)},
}
for form in map(chr, range(0xFE80, 0xFEF5)):
    letter = unicodedata.normalize("NFKD", form)[0]
    if letter in ALPHABET:
        ACCEPTED.setdefault(letter, [letter]).append(form)
UNSEEN = ["", "", "", "\u064e", "\u0651\u064f", "\u0640", "\u200f", "\u200d", "\u2066", "\ufe7c"]


@given(st.lists(st.sampled_from([*ACCEPTED, " "]), min_size=1, max_size=24).map("".join), st.data())
def test_any_accepted_spelling_of_a_name_folds_to_the_same_text(name: str, data: st.DataObject):
    spelled = "".join(
        data.draw(st.sampled_from(ACCEPTED.get(letter, ["  ", "،", "\u00a0", "-"])))
        + (data.draw(st.sampled_from(UNSEEN)) if letter != " " else "")
        for letter in name
    )

    assert fold(spelled) == fold(name) == " ".join(name.split())


# Words of stored texts and of queries ---------------------------------------------------------------------------


def test_stored_words_are_found_with_and_without_their_article_or_preposition():
    assert tokens("صالون الأميرة للتجميل") == ["صالون", "الاميره", "اميره", "للتجميل", "تجميل"]
    assert tokens("والعناية بالبشرة كالحرير فالشعر") == [
        *("والعنايه", "عنايه", "بالبشره", "بشره"),
        *("كالحرير", "حرير", "فالشعر", "شعر"),
    ]


def test_two_letters_are_no_word_to_strip_down_to():
    assert tokens("الله بالون كالفن") == ["الله", "بالون", "كالفن"]


def test_a_word_repeated_is_one_token():
    assert tokens("روز، روز! ROSE rose") == ["روز", "rose"]


@pytest.mark.parametrize(
    "query", ["الاميره", "اميرة", "أميره", "الأمير", "تجميل", "للتجميل", "ٱلْأَمِيرَة", "ﺍﻷﻣﻴﺮﺓ", "صالو اميره"]
)
def test_the_princess_is_found_however_she_is_spelled(query: str):
    assert found(query, "صالون الأميرة للتجميل")


@pytest.mark.parametrize(
    ("query", "stored"),
    [
        ("ايمان", "مشغل إيمان"),
        ("princ", "The Princess Salon"),
        ("كوافير الأميرة", "صالون الأميرة للتجميل"),
        ("سالون روز", "صالون روز"),
        ("بيوتي سنتر روز", "مشغل روز"),
        ("مشغل روز", "روز بيوتي سنتر"),
        ("سبا روز", "Rose SPA روز"),
        ("الكوافيرة منى", "كوافيرا منى"),
        ("١٠", "صالون 10"),
    ],
)
def test_a_query_finds_the_name_people_mean(query: str, stored: str):
    assert found(query, stored)


@pytest.mark.parametrize(
    ("query", "stored"),
    [
        ("الاميره", "صالون النور"),
        ("صالون النور", "صالون الأميرة"),
        ("سبا", "Spaghetti"),
        ("بيوتي سنتر", "روز سنتر"),
        ("ميره", "صالون الأميرة"),
    ],
)
def test_a_query_does_not_find_what_nobody_meant(query: str, stored: str):
    assert not found(query, stored)


@pytest.mark.parametrize("query", ["", "   ", "،؛؟ ٪", "!!! & | :* '", "\u200f\u064e", "\x00", "😀"])
def test_a_query_without_a_letter_or_digit_asks_for_nothing(query: str):
    assert query_tokens(query) == []


def test_what_was_typed_comes_before_its_aliases():
    [part] = query_tokens("الصالون")

    assert part[:2] == (Alternative(("الصالون",), alias=False), Alternative(("صالون",), alias=False))
    assert all(way.alias for way in part[2:])
    assert Alternative(("مشغل",), alias=True) in part
    assert Alternative(("بيوتي", "سنتر"), alias=True) in part


def test_a_name_of_two_words_is_one_part_of_a_query():
    first, second = query_tokens("بيوتي سنتر روز")

    assert first[0] == Alternative(("بيوتي", "سنتر"), alias=False)
    assert Alternative(("صالون",), alias=True) in first
    assert second == (Alternative(("روز",), alias=False),)


def test_a_word_typed_twice_is_asked_for_once():
    assert query_tokens("روز روز") == query_tokens("روز")


@given(st.text(st.characters(), max_size=30))
def test_every_text_with_a_letter_finds_itself(text: str):
    assert found(text, text) is bool(fold(text))


# Order ----------------------------------------------------------------------------------------------------------


def ordered(*names: str) -> bool:
    """Whether the names stand in the order of their keys' bytes."""
    keys = [sort_key(name).encode() for name in names]
    return all(before < after for before, after in pairwise(keys))


def test_names_stand_in_the_order_of_the_dictionary():
    assert ordered("آمنة", "ابتسام", "أحمد", "إيمان", "بدر")


def test_the_twenty_eight_letters_stand_in_their_order_whatever_follows():
    assert len(ALPHABET) == 28
    assert ordered(*ALPHABET)
    assert ordered(*(f"{letter}ي" for letter in ALPHABET))
    assert ordered(*(f"م{letter}ا" for letter in ALPHABET))


def test_the_article_does_not_count_in_any_word():
    assert ordered("بدر", "النور", "الهدى", "وردة")
    assert ordered("صالون بدر", "صالون النور", "صالون هدى")
    assert ordered("التاج", "الـــثريا", "اـَلْجوهرة", "حنان")


def test_a_name_that_begins_with_hamza_and_lam_keeps_both_letters():
    assert ordered("ألماس", "إلهام", "بدر")


def test_numbers_stand_by_value_and_before_letters():
    assert ordered("٢", "3", "١٠", "۱۱", "100", "١٢٣٤٥٦٧٨٩٠", "98765432109876543210", "روز")
    assert ordered("صالون 2", "صالون ١٠", "صالون روز")
    assert sort_key("007").split("\x1f")[0] == sort_key("٧").split("\x1f")[0]


def test_arabic_stands_before_latin_and_latin_before_other_scripts():
    assert ordered("9", "ءاب", "ابا", "يارا", "ڠ", "Amira", "amira b", "beauty", "Zahra", "सुंदर", "美容")


def test_persian_letters_stand_beside_the_arabic_ones_they_replace():
    assert ordered(
        "باريس", "پاريس", "بدر", "جاد", "چاينا", "حنان", "فيلا", "ڤيلا", "كلاسيك", "گلاسيك", "لمسة"
    )


def test_case_accents_and_harakat_only_break_ties():
    assert ordered("Cafe", "Café", "cafe", "café", "cafes")
    assert ordered("أحمد", "احمد", "احمد ب")


def test_a_shorter_name_stands_before_one_it_begins():
    assert ordered("نور", "نور الهدى", "نورة")


@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=30))
def test_texts_that_fold_alike_but_differ_visibly_have_different_keys(one: str, other: str):
    visible = ["".join(filter(str.isprintable, text)) for text in (one, other)]

    assert (sort_key(one) == sort_key(other)) is (visible[0] == visible[1])


@pytest.mark.django_db
def test_postgresql_keeps_every_key_and_orders_it_as_python_does():
    names = [
        "",
        "٢",
        "١٠",
        "آمنة",
        "ابتسام",
        "أحمد",
        "إيمان",
        "بدر",
        "\x00روز\ud800",
        "سبا\u2067 ١",
        "ڠ",
        "Amira",
        "美容",
    ]
    keys = [sort_key(name) for name in names]
    shuffled = random.Random(1).sample(keys, len(keys))

    with connection.cursor() as cursor:
        cursor.execute('SELECT key FROM unnest(%s::text[]) AS key ORDER BY key COLLATE "C"', [shuffled])
        stored = [row[0] for row in cursor.fetchall()]

    assert stored == keys
