"""Every message as people get it, on one page: each kind, in both languages, on each channel.

The same catalogue that is sent is shown here, with sample values, so what the page shows is what leaves. It names how
each text counts as SMS, and the wording to have approved for WhatsApp with its values in their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext

from backend.accounts import messages as sign_in
from backend.bookings.messages import counted
from backend.bookings.operations.announcing import OFFER, offer_text, offer_words
from backend.core.time import RIYADH
from backend.notifications import phrases
from backend.notifications.operations import Words
from backend.notifications.phrases import Phrase, said_at
from backend.notifications.sms import sms_units
from backend.salons.models import Audience, Salon

LANGUAGES = ("ar", "en")
CHANNELS = ("sms", "whatsapp", "push", "email", "inbox")
AT = datetime(2026, 12, 30, 12, 30, tzinfo=RIYADH)
"""A Wednesday at half past twelve: no day, date or time is longer in either language."""
LONGEST_NAME = {"ar": "ص" * 12, "en": "S" * 12}
NAMES = {
    "its own script": {"ar": "صالون لمسة", "en": "Lamsa Salon"},
    "the other script": {"ar": "Rose Spa 24", "en": "صالون روز 24"},
}
TITLES = {"ar": "ص" * 16, "en": "S" * 16}
CODE = "482913"
OFFERED = {"ar": "خصم على قص الشعر حتى 30/12", "en": "less for haircuts until 30/12"}


@dataclass(frozen=True)
class Sample:
    """One message in one language, filled in."""

    language: str
    name: str
    """Which name the salon bears in it; empty where it names none."""
    words: Words
    channels: tuple[str, ...] = CHANNELS

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "ar" else "ltr"

    @property
    def units(self) -> int:
        return sms_units(self.words.text)[0]

    @property
    def parts(self) -> int:
        return sms_units(self.words.text)[1]


@dataclass(frozen=True)
class Approval:
    """The wording WhatsApp is asked to approve, its values numbered, and what each number is."""

    language: str
    text: str
    values: tuple[str, ...]

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "ar" else "ltr"


@dataclass(frozen=True)
class Exhibit:
    """One kind of message."""

    code: str
    audience: str
    topic: str
    notes: tuple[str, ...]
    samples: tuple[Sample, ...]
    approvals: tuple[Approval, ...] = field(default=())


def exhibits() -> Iterator[Exhibit]:
    """Everything people are told, in a stable order: sign-in first, then by audience, topic and kind."""
    yield from _codes()
    for phrase in sorted(
        phrases.registered().values(), key=lambda p: (p.audience, p.kind.topic, p.kind.code)
    ):
        yield Exhibit(
            code=phrase.kind.code,
            audience=phrase.audience,
            topic=phrase.kind.topic,
            notes=("essential",) if phrase.kind.essential else (),
            samples=tuple(sample for language in LANGUAGES for sample in _samples(phrase, language)),
            approvals=tuple(_approval(phrase, language) for language in LANGUAGES)
            if _channels(phrase) == CHANNELS
            else (),
        )
    yield Exhibit(
        code=OFFER.code,
        audience="customer",
        topic=OFFER.topic,
        notes=("promotional",),
        samples=tuple(_offers()),
        approvals=tuple(_offer_approval(language) for language in LANGUAGES),
    )


def values(language: str, *, name: str) -> Mapping[str, str]:
    """What fills the placeholders in the gallery, at its longest; `name` is the salon's."""
    with translation.override(language):
        return {
            "salon": name,
            "ref": "BK10427",
            "amount": "1,234.50",
            **said_at(AT),
            "answer_by": said_at(AT)["time"],
            "title": TITLES[language],
            "deposit": gettext("at least %(percent)d%%") % {"percent": 100},
            "from": said_at(AT)["date"],
            "until": said_at(AT)["date"],
            "until_date": said_at(AT)["date"],
            "until_time": said_at(AT)["time"],
            **counted(103, 103),
        }


def render() -> str:
    """The page, the same for the same catalogue."""
    page = render_to_string("console/gallery.html", {"exhibits": list(exhibits())})
    return re.sub(r"\n\s*\n+", "\n", page).strip() + "\n"


def _channels(phrase: Phrase) -> tuple[str, ...]:
    """An answer to what somebody wrote on WhatsApp goes there; news of a number goes to that number."""
    if phrase.kind.reply:
        return ("whatsapp",)
    return ("sms", "inbox") if phrase.kind.topic == "account" else CHANNELS


def _samples(phrase: Phrase, language: str) -> Iterator[Sample]:
    with translation.override(language):
        if "salon" not in phrase.placeholders:
            yield Sample(language, "", phrase.words(values(language, name="")), _channels(phrase))
            return
        for label, names in NAMES.items():
            yield Sample(language, f"a name in {label}", phrase.words(values(language, name=names[language])))
        hidden = values(language, name=gettext("the salon"))
        yield Sample(language, "a women's salon", phrase.words(hidden))


def _offers() -> Iterator[Sample]:
    """The salon's own words inside ours; a women's salon is not named."""
    for language in LANGUAGES:
        for label, names in NAMES.items():
            salon = Salon(audience=Audience.FAMILY, name_ar=names[language], name_en=names[language])
            yield Sample(language, f"a name in {label}", offer_words(salon, OFFERED[language], language))
        hidden = Salon(audience=Audience.WOMEN)
        yield Sample(language, "a women's salon", offer_words(hidden, OFFERED[language], language))


def _approval(phrase: Phrase, language: str) -> Approval:
    with translation.override(language):
        return _numbered(language, gettext(phrase.title), gettext(phrase.text), phrase.placeholders)


def _offer_approval(language: str) -> Approval:
    with translation.override(language):
        return _numbered(language, "", offer_text(), ("salon", "text"))


def _numbered(language: str, title: str, text: str, values: tuple[str, ...]) -> Approval:
    """WhatsApp refuses a wording that begins or ends with a value: words and a full stop are put around those."""
    numbers = {name: f"{{{{{n}}}}}" for n, name in enumerate(values, start=1)}
    text = re.sub(r"%\((\w+)\)s", lambda found: numbers[found[1]], text)
    if text.startswith("{{"):
        text = f"{title}\n{text}"
    return Approval(language, f"{text}." if text.endswith("}}") else text, values)


def _codes() -> Iterator[Exhibit]:
    """Codes are no rows of the outbox: they are written for one phone and gone in minutes."""
    by_text: dict[str, Callable[[str], str]] = {
        "sign-in code": lambda language: sign_in.code_text(
            code=CODE, language=language, minutes=5, app_hash=None
        ),
        "sign-in code, read by Android": lambda language: sign_in.code_text(
            code=CODE, language=language, minutes=5, app_hash="FA+9qCX9VSu"
        ),
        "code to the number being left": lambda language: sign_in.leaving_code_text(
            code=CODE, language=language, minutes=5
        ),
        "no code: the number has an account": lambda language: sign_in.number_has_an_account(
            code=CODE, language=language, minutes=5
        ),
    }
    for name, say in by_text.items():
        yield _by_text_only(name, say, topic="account")
    yield _by_text_only(
        "sign-in code by WhatsApp",
        lambda language: sign_in.whatsapp_code_text(code=CODE, language=language),
        topic="account",
        channel="whatsapp",
    )


def _by_text_only(code: str, say: Callable[[str], str], *, topic: str, channel: str = "sms") -> Exhibit:
    return Exhibit(
        code=code,
        audience="customer",
        topic=topic,
        notes=("essential",),
        samples=tuple(
            Sample(language, "", Words(text=say(language)), channels=(channel,)) for language in LANGUAGES
        ),
    )
