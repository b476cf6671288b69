"""Where a request came from, for limits per network. The only place that reads X-Forwarded-For."""

from __future__ import annotations

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+")


def client_address(request: HttpRequest | Request) -> Address | None:
    """The address of the caller; None when the server does not know it (a socket file).

    Each proxy adds the address it was called from at the right end of X-Forwarded-For, and whatever stands
    further left was written by the caller. So exactly TRUSTED_PROXIES entries from the right are believed, none
    by default. A chain shorter than that did not come through all proxies: its first entry was still written by
    one of them. What is no address at all gives way to the peer's.
    """
    peer = _parse(str(request.META.get("REMOTE_ADDR", "")))
    hops = settings.TRUSTED_PROXIES
    if not hops:
        return peer
    chain = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    return _parse(chain[-min(hops, len(chain))]) or peer


def client_network(request: HttpRequest | Request) -> str:
    """The /24 (IPv4) or /48 (IPv6) the caller is in, as text; empty when unknown.

    An IPv6 subscriber commands at least a /64, a carrier shares one IPv4 address among thousands: neither can be
    counted address by address.
    """
    address = client_address(request)
    if address is None:
        return ""
    length = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, length), strict=False))


def _parse(text: str) -> Address | None:
    """An address, with or without a port; IPv4 inside IPv6 is IPv4."""
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found["v6"] or found["v4"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
