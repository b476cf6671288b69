"""Text as search and alphabetical lists see it: Arabic and Latin spellings folded in Python, compared byte by byte.

Nothing here leans on a server's collations or its text parser, so every PostgreSQL finds and sorts alike. What is
stored and what is asked pass through the same `fold`. Letters and clitics: KSA facts, sections 3.1, 3.4 and 3.13.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

_LETTERS = {
    # Hamza carriers come apart under NFKD and lose their hamza as a mark; alef wasla and these have no such form.
    **dict(zip("ٱةىیےېکڪڭگپچژڤٹڈڑںہھەۃ", "اهييييككككبجزفتدرنهههه", strict=True)),
    # Latin letters that are letters of their own to Unicode, and accented ones to a reader.
    **dict(zip("øłđıæœ", ("o", "l", "d", "i", "ae", "oe"), strict=True)),
    # Tatweel, a hamza standing high, Quranic signs that are no combining marks, apostrophes of transliteration.
    **dict.fromkeys("\u0640\u0674\u06de\u06e5\u06e6\u06e9\u02bc\u02be\u02bf", ""),
}
_UNSEEN = ("Mn", "Me", "Cf")
_LONE_MARKS = re.compile("[\ufc5e-\ufc63\ufe70-\ufe7f]")
"""Harakat drawn by themselves. Compatibility forms turn them into a space and a mark: a word would fall in two."""

_CLITIC = re.compile("(?:[وبفك]?ال|لل)([ء-ي]{3,})")
_ARTICLE = re.compile(r"(?<!\w)ال(?=[ء-ي]{3})")

_ALPHABET = "ءابتثجحخدذرزسشصضطظعغفقكلمنهوي"
_RANKS = str.maketrans({letter: chr(0x41 + place) for place, letter in enumerate(_ALPHABET)})
"""A folded text has no capitals: they are free to stand for Arabic letters, between the digits and `a`."""
_OTHER_ARABIC = re.compile(f"(?![{_ALPHABET}])[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff]")
_NUMBER = re.compile("0*([0-9]+)")


def fold(text: str) -> str:
    """The text with every accepted spelling made one: words of plain lower-case letters and 0-9, one space between.

    Folds presentation and full-width forms, hamza carriers, taa marbuta, alef maqsura, Persian and Urdu letters, all
    decimal digits, case and Latin accents; drops harakat, tatweel and invisible marks; punctuation becomes a space.
    Never raises. Folding twice changes nothing.
    """
    apart = unicodedata.normalize("NFKD", _LONE_MARKS.sub("", text))
    caseless = unicodedata.normalize("NFKD", apart.casefold())
    return " ".join("".join(map(_folded, caseless)).split())


def tokens(text: str) -> list[str]:
    """The words a stored text is found by, each once: as folded, and without article or preposition (`ال لل وال …`)."""
    return list(dict.fromkeys(chain.from_iterable(map(_forms, fold(text).split()))))


class Alternative(NamedTuple):
    """One way to satisfy a part of a query: every one of `words` is found.

    What the person typed may be unfinished, so its words match as prefixes. An alias stands for a whole word, matches
    whole words only and ranks below what was typed.
    """

    words: tuple[str, ...]
    alias: bool


def kinds(text: str) -> list[str]:
    """What the text names that goes by several names (`صالون`, `مشغل`, salon), each by one name for them all."""
    words = tuple(fold(text).split())
    found: dict[str, None] = {}
    while words:
        length = next((n for n in range(_LONGEST_ALIAS, 1, -1) if words[:n] in _ALIASES), 1)
        for form in [words[:length]] if length > 1 else [(form,) for form in _forms(words[0])]:
            if form in _ALIASES:
                found[" ".join(min(form, *_ALIASES[form]))] = None
        words = words[length:]
    return list(found)


def query_tokens(text: str) -> list[tuple[Alternative, ...]]:
    """What a query asks for: its parts, which must all be found, each with its alternatives, best first.

    A part is a word or a known name of several words. Empty for a query without a letter or digit.
    """
    words = tuple(fold(text).split())
    parts: dict[tuple[Alternative, ...], None] = {}
    while words:
        length = next((n for n in range(_LONGEST_ALIAS, 1, -1) if words[:n] in _ALIASES), 1)
        typed = [words[:length]] if length > 1 else [(form,) for form in _forms(words[0])]
        aliases = dict.fromkeys(chain.from_iterable(_ALIASES.get(form, ()) for form in typed))
        parts[
            (
                *(Alternative(form, alias=False) for form in typed),
                *(Alternative(alias, alias=True) for alias in aliases),
            )
        ] = None
        words = words[length:]
    return list(parts)


def sort_key(text: str) -> str:
    """A key for ordering names by their bytes (`COLLATE "C"`).

    Numbers come first, by value, then Arabic in the order of its alphabet, then Latin, then other scripts. The
    article `ال` of a word does not count, and `آ` counts as two alefs, as in dictionaries. Texts that fold alike are
    told apart, last, by their own characters. Never raises; a key holds nothing a text column would refuse.
    """
    composed = unicodedata.normalize("NFKC", _LONE_MARKS.sub("", text))
    spelled = "".join(c for c in composed if c != "\u0640" and unicodedata.category(c) not in _UNSEEN)
    # The article is written with a bare alef: the first letters of `إلهام` belong to the name.
    primary = fold(_ARTICLE.sub("", spelled).replace("آ", "اا"))
    primary = _OTHER_ARABIC.sub(r"^\g<0>", _NUMBER.sub(_by_value, primary)).translate(_RANKS)
    return f"{primary}\x1f{''.join(c for c in text if c.isprintable())}"


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """What is left of one decomposed, caseless character; a space where a word ends."""
    if character in _LETTERS:
        return _LETTERS[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category in _UNSEEN:
        return ""
    # Vowel signs that take room of their own belong to their word, in Hindi for one.
    return character if character.isalnum() or category == "Mc" else " "


def _forms(word: str) -> list[str]:
    """A folded word, and what stays of it without its clitic if that is a word still."""
    found = _CLITIC.fullmatch(word)
    return [word, found[1]] if found else [word]


def _by_value(number: re.Match[str]) -> str:
    """Digits led by how many they are, so that comparing characters compares values."""
    digits = number[1]
    nines, rest = divmod(len(digits) - 1, 9)
    return f"{'9' * nines}{rest}{digits}"


def _alias_table(*groups: tuple[str, ...]) -> dict[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """For each spelling, as folded words, the others of its group in the order given."""
    table = {}
    for group in groups:
        spellings = list(dict.fromkeys(tuple(fold(spelling).split()) for spelling in group))
        table.update({own: tuple(other for other in spellings if other != own) for own in spellings})
    return table


_ALIASES = _alias_table(
    (
        *("صالون", "سالون", "مشغل", "كوافير", "كوافيرة", "كوافيرا", "بيوتي سنتر"),
        *("salon", "saloon", "coiffeur", "beauty center", "beauty centre"),
    ),
    ("سبا", "spa"),
    ("حلاق", "حلاقة", "barber", "barbershop", "barber shop"),
    ("مكياج", "ماكياج", "ميكاب", "ميك اب", "makeup", "make up"),
    ("مناكير", "مانيكير", "منيكير", "manicure"),
    ("باديكير", "بديكير", "بدكير", "pedicure"),
    ("سشوار", "استشوار", "سيشوار"),
    ("هايلايت", "هاي لايت", "highlight", "highlights"),
    ("أظافر", "اضافر", "أظافير", "nails"),
    ("مساج", "massage"),
    ("حناء", "حنا", "henna"),
)
_LONGEST_ALIAS = max(map(len, _ALIASES))
