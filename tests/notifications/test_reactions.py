"""The table of what failures mean: whole, unambiguous, and the same in words and in code."""

import re
from typing import get_args

import pytest

from backend.notifications.providers import (
    PROVIDERS,
    REACTIONS,
    ErrorClass,
    ProviderError,
    Reaction,
    fcm,
    mail,
    message_provider,
    twilio,
    unifonic,
)


def documented():
    rows = re.findall(
        r"^ *\| (\w+) +\| .+? \| ([a-z ]+?) +\| (yes|no) +\|$", ProviderError.__doc__, re.MULTILINE
    )
    return {name: (reaction, following == "yes") for name, reaction, following in rows}


def test_every_class_has_exactly_one_reaction():
    assert set(REACTIONS) == set(get_args(ErrorClass))
    assert set(REACTIONS.values()) == set(Reaction)


@pytest.mark.parametrize("error_class", get_args(ErrorClass))
def test_the_words_say_what_the_code_does(error_class):
    outcome = "unknown" if error_class == "unknown" else "refused"
    error = ProviderError("no", outcome=outcome, error_class=error_class)
    assert documented()[error_class] == (error.reaction.value, error.passes_on)


def test_the_table_documents_nothing_else():
    assert set(documented()) == set(REACTIONS)


@pytest.mark.parametrize("error_class", get_args(ErrorClass))
def test_what_may_have_gone_out_never_goes_on(error_class):
    error = ProviderError("lost", outcome="unknown", error_class=error_class)
    assert not error.passes_on
    assert not error.passes_to_other_channels


def test_who_cannot_be_reached_on_one_channel_may_be_on_another():
    passing = {
        kind
        for kind in get_args(ErrorClass)
        if ProviderError("no", outcome="refused", error_class=kind).passes_to_other_channels
    }
    assert passing == set(get_args(ErrorClass)) - {"duplicate", "blocked", "unknown"}


def test_adapters_speak_of_known_classes_only():
    spoken = {*twilio._CLASS_OF_CODE.values(), *twilio._CLASS_OF_STATUS.values()}
    spoken |= {*unifonic._CLASS_OF_STATUS.values(), *unifonic._CLASS_OF_CODE.values()}
    spoken |= {*fcm._CLASS_OF_STATUS.values(), *fcm._CLASS_OF_CODE.values(), *mail._CLASS_OF_STATUS.values()}
    assert spoken <= set(REACTIONS)
    codes = [code for group in twilio._CODES.values() for code in group]
    assert len(codes) == len(set(codes)), "a code stands in two classes"


def test_the_settings_know_the_same_providers(settings):
    of_channel = {
        "sms": settings.TEXT_PROVIDERS,
        "push": settings.PUSH_PROVIDERS,
        "email": settings.EMAIL_PROVIDERS,
    }
    assert {name for names in of_channel.values() for name in names} == set(PROVIDERS)
    for channel, names in of_channel.items():
        assert all(channel in message_provider(name).channels for name in names)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_says_what_it_carries_and_needs(name):
    provider = message_provider(name)
    for channel in provider.channels:
        assert isinstance(provider.needs(channel), dict)
        address = provider.address(channel)
        assert address is None or address.startswith("https://")
    assert 0 < provider.longest_call <= 12
