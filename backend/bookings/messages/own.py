"""A salon's own wordings: what they may say, and which one is in force.

Owners write placeholders as `{ref}`. Whatever a salon writes still fits one SMS part, names what its reader needs, and
carries no link (operators block those, messaging facts 7) and no mark that could reorder or disguise it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext

from backend.bookings.messages.phrases import CUSTOMER
from backend.bookings.models import Wording
from backend.core.errors import FieldError, ValidationFailed
from backend.core.search_text import fold
from backend.core.time import RIYADH
from backend.notifications.phrases import Phrase, fill, said_at
from backend.notifications.sms import sms_units
from backend.salons.models import Audience, Salon

LONGEST_SALON_NAME = 12
LONGEST_TEXT = 300
REPHRASABLE = {phrase.kind.code: phrase for phrase in CUSTOMER}
"""Kinds a salon may put in words of its own."""

AVAILABLE = ("salon", "ref", "day", "date", "time")
SAMPLE_AT = datetime(2026, 12, 30, 12, 30, tzinfo=RIYADH)
"""A Wednesday at half past twelve: no day, date or time is longer in either language."""

_BRACED = re.compile(r"\{(\w+)\}")
_LINK = re.compile(r"://|\bwww\.|[A-Za-z0-9-]+\.[A-Za-z]{2,}", re.IGNORECASE)
_VOWEL_MARKS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed]")
_JOINED = "[وف]?(?:[بكل]?ال|لل|[بكل])?"
"""And, by, for, the."""
_LETTER_OF = {"ar": re.compile("[ء-ي]"), "en": re.compile("[A-Za-z]")}


def is_discreet(salon: Salon) -> bool:
    """Whether its customers' messages leave the salon's name out, because others may read along."""
    return salon.audience == Audience.WOMEN


def short_name(salon: Salon) -> str:
    """The salon's name in the active language, as long as a text message bears."""
    return str(salon.name)[:LONGEST_SALON_NAME].rstrip()


def said_name(salon: Salon) -> str:
    """What its customers' messages call it, in the active language."""
    return gettext("the salon") if is_discreet(salon) else short_name(salon)


def placeholders_for(phrase: Phrase, salon: Salon) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a wording of this kind may name, and what of it must be there."""
    allowed = tuple(name for name in AVAILABLE if name != "salon" or not is_discreet(salon))
    return allowed, tuple(name for name in phrase.placeholders if name != "salon")


def own_text(salon: Salon, kind: str, language: str) -> str:
    """The salon's wording with placeholders as `locale` writes them; empty when it has none, or none it may use now."""
    if not salon.has_own_wordings:
        return ""
    row = Wording.objects.filter(salon=salon, kind=kind, language=language).values_list("text", flat=True)
    text = row.first() or ""
    return _stored_form(text) if may_say(salon, text) else ""


def may_say(salon: Salon, text: str) -> bool:
    """Whether a wording that was kept may be sent: a salon that is for women since then may not be named in it."""
    return not (is_discreet(salon) and _names(text, salon))


def text_in_force(phrase: Phrase, *, salon: Salon, language: str, own: str) -> str:
    """As owners read it, and may send it back: theirs, or the one everybody has."""
    with translation.override(language):
        text = own or re.sub(r"%\((\w+)\)s", r"{\1}", gettext(phrase.text))
        return text.replace("{salon}", said_name(salon)) if is_discreet(salon) else text


def preview(text: str, *, salon: Salon, language: str) -> str:
    """A wording as a customer would get it, at its longest but for the salon's name."""
    with translation.override(language):
        return _rendered(text, name=said_name(salon))


def checked(text: str, *, phrase: Phrase, salon: Salon, language: str) -> str:
    """The wording as it is stored. Raises ValidationFailed with everything that speaks against it, at `/text`."""
    text = re.sub(r"[ \t]*\r?\n", "\n", text).strip()
    if wrong := list(_faults(text, phrase, salon, language)):
        raise ValidationFailed(wrong)
    return text


def _faults(text: str, phrase: Phrase, salon: Salon, language: str) -> Iterator[FieldError]:
    def fault(code: str, **params: object) -> FieldError:
        return FieldError(code, pointer="/text", params=params)

    if _VOWEL_MARKS.search(text) or any(
        c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") for c in text
    ):
        yield fault("characters_not_allowed")
    if _LINK.search(_BRACED.sub("", text)):
        yield fault("link_not_allowed")
    if not _LETTER_OF[language].match(text):
        yield fault("starts_in_other_language")
    if is_discreet(salon) and _names(text, salon):
        yield fault("salon_named")
    named, (allowed, required) = _BRACED.findall(text), placeholders_for(phrase, salon)
    if re.search(r"[{}%]", _BRACED.sub("", text)):
        yield fault("placeholder_broken")
        return
    unknown = [name for name in dict.fromkeys(named) if name not in allowed]
    if unknown:
        yield fault("placeholder_unknown", names=", ".join(unknown))
        return
    missing = [name for name in required if name not in named]
    if missing:
        yield fault("placeholder_missing", names=", ".join(missing))
    with translation.override(language):
        letter = "ص" if language == "ar" else "S"
        units, parts = sms_units(_rendered(text, name=letter * LONGEST_SALON_NAME))
    if parts > 1:
        yield fault("too_many_parts", units=units, parts=parts)


def _rendered(text: str, *, name: str) -> str:
    """With sample values in the active language, and the salon's name."""
    return fill(_stored_form(text), {"salon": name, "ref": "BK10427", **said_at(SAMPLE_AT)})


def _stored_form(text: str) -> str:
    return _BRACED.sub(r"%(\1)s", text)


def _names(text: str, salon: Salon) -> bool:
    """Whether the salon's name stands in it, in either language, any spelling, and behind what Arabic joins to it."""
    names = {fold(str(getattr(salon, f"name_{language}") or "")) for language in ("ar", "en")}
    said = fold(text)
    return any(name and re.search(rf"\b{_JOINED}{re.escape(name)}\b", said) for name in names)
