"""The kinds of message as the contract lists them are those the code can send."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from backend.notifications import kinds
from backend.notifications.kinds import TOPICS
from backend.notifications.operations import wishes
from tests.project.tree import ROOT

FOLDER = ROOT / "mobile-contract"
ROW = re.compile(
    r"\| `(?P<kind>\w+)` \| (?P<audience>\w+) \| (?P<topic>\w+) \| (?P<essential>yes|no) \| (?P<subject>\w*) ?\|"
)


@pytest.fixture(scope="module")
def listed() -> dict[str, dict[str, str]]:
    text = (FOLDER / "messages.md").read_text(encoding="utf-8")
    return {found["kind"]: found.groupdict() for found in ROW.finditer(text)}


def test_every_kind_is_listed_with_what_it_is(listed: dict[str, dict[str, str]]) -> None:
    # What other tests register on their own is theirs.
    sent = {code: kind for code, kind in kinds.registered().items() if not code.startswith("trial")}
    assert listed.keys() == sent.keys()
    for code, row in listed.items():
        kind = sent[code]
        assert (row["topic"], row["essential"]) == (kind.topic, "yes" if kind.essential else "no"), code
        assert row["audience"] == TOPICS.get(kind.topic, "customer"), code
        assert row["subject"] in {"", "booking", "salon"}, code


def test_the_words_of_the_contract_are_those_of_the_wire() -> None:
    text = (FOLDER / "messages.md").read_text(encoding="utf-8") + (FOLDER / "push.md").read_text(
        encoding="utf-8"
    )
    for word in (
        *wishes.STOPPABLE,
        "marketing",
        "email_not_offered",
        "link_not_allowed",
    ):
        assert f"`{word}`" in text or f'"{word}"' in text, word
    begins, ends = settings.PROMOTION_HOURS
    assert f"between {begins:%H:%M} and {ends:%H:%M} in Riyadh" in text
