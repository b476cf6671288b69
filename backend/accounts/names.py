"""Whether two names are the same person's, however they are written."""

from __future__ import annotations

import re
import unicodedata

_FOLDED = str.maketrans({"ٱ": "ا", "ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك"} | dict.fromkeys("ءـ'’`ʿʾ", ""))
_OPENING = frozenset(
    {"al", "el", "abd", "abdul", "abdel", "abu", "abo", "um", "umm", "ال", "عبد", "ابو", "ام"}
)
_BETWEEN = frozenset({"bin", "bint", "ibn", "بن", "بنت", "ابن"})


def same_name(said: str, known: str) -> bool:
    """Whether `said` names whoever is `known`: the same words, or as many of them as either name has.

    Case, diacritics, hamza and its seat, ة and ه, ى and ي, hyphens and spaces make no difference: عبد الله is
    عبدالله, Al-Otaibi is Alotaibi. A first name alone agrees with the full name; another family name does not.
    """
    words = [_words(name) for name in (said, known)]
    shorter, longer = sorted(words, key=len)
    if not shorter or shorter[0] != longer[0]:
        return False
    rest = iter(longer)
    return all(word in rest for word in shorter)


def _words(name: str) -> list[str]:
    # Decomposed, a hamza above or below its seat is a mark like any other.
    text = unicodedata.normalize("NFKD", name).casefold()
    text = "".join(c for c in text if unicodedata.category(c) != "Mn").translate(_FOLDED)
    words: list[str] = []
    opening = ""
    for word in re.findall(r"[^\W_]+", text):
        if word in _OPENING:
            opening += word
        elif word not in _BETWEEN:
            words.append(opening + word)
            opening = ""
    return [*words, opening] if opening else words
