"""How each kind of message is put: each app registers its wordings here, in English, for `locale` to translate.

One wording serves every channel: SMS and e-mail carry `text`, a lock screen shows `title` and `push`, and WhatsApp
fills the values of `text` into the wording it has approved. SMS texts keep to one part with a salon's name of twelve
characters (KSA facts 7.2, 7.3); line breaks keep numbers apart, so that right-to-left text does not reorder them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from django.utils.formats import date_format
from django.utils.translation import get_language, gettext

from backend.core.text import isolate
from backend.notifications import kinds
from backend.notifications.kinds import Kind
from backend.notifications.operations import Words

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]")
_LATIN = re.compile("[A-Za-z]")
_NUMBER_NEXT = re.compile(r"[^\w\n]*(?:%\(|[0-9])")


@dataclass(frozen=True)
class Phrase:
    """The wording of one kind of message: msgids of `locale`, whose placeholders are written `%(name)s`.

    `title` is at most 20 characters in both languages; `push` names no person, salon or service.
    """

    kind: Kind
    audience: Literal["customer", "staff"]
    title: str
    text: str
    push: str

    @cached_property
    def placeholders(self) -> tuple[str, ...]:
        """What the text names, in the order in which WhatsApp's approved wording numbers its values."""
        return placeholders_of(self.text)

    def words(self, values: Mapping[str, str], *, own_text: str = "") -> Words:
        """The message in the active language; `own_text` is a salon's wording in place of `text`."""
        return Words(
            title=gettext(self.title),
            text=fill(own_text or gettext(self.text), values),
            push=fill(gettext(self.push), values),
            values=tuple(values[name] for name in self.placeholders),
        )


_phrases: dict[str, Phrase] = {}


def register(phrases: Iterable[Phrase]) -> None:
    """Called where an app's messages are written down; registers their kinds too."""
    found = list(phrases)
    kinds.register(phrase.kind for phrase in found)
    _phrases.update({phrase.kind.code: phrase for phrase in found})


def phrase_of(code: str) -> Phrase:
    """Raises KeyError for a kind that has no wording."""
    return _phrases[code]


def registered() -> Mapping[str, Phrase]:
    return dict(_phrases)


def placeholders_of(text: str) -> tuple[str, ...]:
    """Names of the placeholders, each once, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in. Raises KeyError for one without a value.

    A salon's name of the other direction draws a number that follows it on its line to itself: there, and only
    there, it stands in isolates, which cost two SMS units and show as boxes on some old phones (facts 3.11).
    """
    opposite = _LATIN if (get_language() or "ar").startswith("ar") else _ARABIC

    def put(found: re.Match[str]) -> str:
        value = values[found[1]]
        drawn = found[1] == "salon" and opposite.search(value) and _NUMBER_NEXT.match(text, found.end())
        return isolate(value) if drawn else value

    return _PLACEHOLDER.sub(put, text)


def said_at(moment: datetime) -> dict[str, str]:
    """`day`, `date` and `time` of a moment that is already in its reader's zone: `Sunday`, `22/11`, `4:30 PM`."""
    hour = moment.hour % 12 or 12
    if (get_language() or "ar").startswith("ar"):
        half = "ص" if moment.hour < 12 else "م"
    else:
        half = "AM" if moment.hour < 12 else "PM"
    return {
        "day": date_format(moment, "l"),
        "date": f"{moment.day}/{moment.month}",
        "time": f"{hour}:{moment.minute:02d} {half}",
    }
