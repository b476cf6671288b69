"""Whose address is counted: exactly as many hops are believed as there are proxies of our own."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from backend.accounts.checks import callers_can_be_told_apart
from backend.core.api.client_address import client_address, client_network


def network(peer: str, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_network(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("188.48.7.9", "188.48.7.0/24"),
        ("2a02:cb80:4001:7::1", "2a02:cb80:4001::/48"),
        ("::ffff:188.48.7.9", "188.48.7.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_the_network_of_a_caller(peer: str, found: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 0
    assert network(peer) == found


def test_without_a_proxy_nobody_is_believed(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 0
    assert network("188.48.7.9", "10.1.1.1") == "188.48.7.0/24"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (1, "5.5.5.5", "5.5.5.0/24"),
        (1, "1.1.1.1, 2.2.2.2, 5.5.5.5", "5.5.5.0/24"),
        (1, "1.1.1.1,5.5.5.5:4711", "5.5.5.0/24"),
        (1, "[2a02:cb80:4001::1]:4711", "2a02:cb80:4001::/48"),
        (1, " ::ffff:5.5.5.5 ", "5.5.5.0/24"),
        (2, "1.1.1.1, 5.5.5.5, 10.0.0.2", "5.5.5.0/24"),
        (2, "5.5.5.5", "5.5.5.0/24"),
        (1, "5.5.5.5, nonsense", "10.0.0.0/24"),
        (1, "unknown", "10.0.0.0/24"),
        (1, "", "10.0.0.0/24"),
        (1, None, "10.0.0.0/24"),
        (1, "5.5.5.5,", "10.0.0.0/24"),
    ],
)
def test_behind_proxies_their_entries_count_and_no_others(
    proxies: int, forwarded: str | None, found: str, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert network("10.0.0.9", forwarded) == found


def test_an_unknown_peer_is_nobody(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 0
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) is None


@pytest.mark.parametrize(
    ("behind", "proxies", "warned"), [(True, 0, True), (True, 1, False), (False, 0, False)]
)
def test_a_proxy_nobody_believes_is_warned_about(
    behind: bool, proxies: int, warned: bool, settings: Any
) -> None:
    settings.BEHIND_PROXY, settings.TRUSTED_PROXIES = behind, proxies
    assert [message.id for message in callers_can_be_told_apart()] == ["accounts.W002"] * warned
