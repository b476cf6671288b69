"""Reading an address that somebody typed: bounded in place, size and time, whoever answers there.

`core.http` calls companies that the settings name. Here a person names the host, so nothing of it is trusted: every
address its name resolves to must be public, the connection goes to an address that was checked and not to the name
(a second answer of the resolver changes nothing), each redirect is checked anew, and the answer is cut off by its
size, unpacked size included, and by the time it takes as a whole.
"""

from __future__ import annotations

import base64
import io
import ipaddress
import logging
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import certifi

MOST_REDIRECTS = 3
LONGEST_URL = 2000
_CONNECT_SECONDS = 4.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

log = logging.getLogger("mawid.fetching")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchFailed(Exception):
    """Nothing usable came back. `code` says why: one of `CODES`. The text never holds the address that was read."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


CODES = (
    "address_invalid",
    "address_refused",
    "host_unknown",
    "unreachable",
    "certificate_refused",
    "timed_out",
    "too_large",
    "too_many_redirects",
    "answer_unreadable",
)


@dataclass(frozen=True)
class Limits:
    """Bytes of the body once unpacked, and seconds from the first look at the resolver to the last byte."""

    most_bytes: int = 2 * 1024 * 1024
    seconds: float = 10.0


@dataclass(frozen=True)
class Fetched:
    """A whole answer that is no redirect, whatever its status. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Deadline:
    ends: float

    def left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise FetchFailed("timed_out")
        return left


@dataclass(frozen=True)
class _Asked:
    """One request. `credentials` are a name and a password, for the host of the first address alone."""

    method: str = "GET"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    credentials: tuple[str, str] | None = None


def checked_url(url: str, *, allow_loopback: bool = False) -> str:
    """The address as it will be read; `webcal://` is https by another name.

    Raises FetchFailed (`address_invalid`) for another scheme, a name or password inside it, or no host, and
    (`address_refused`) for a bare private IP address. What a host name stands for is looked at when it is read.
    """
    head, colon, rest = url.partition(":")
    if head.lower() in ("webcal", "webcals"):
        url = f"https{colon}{rest}"
    parts = _parts(url)
    schemes = ("https", "http") if allow_loopback else ("https",)
    if parts.scheme not in schemes:
        raise FetchFailed("address_invalid")
    literal = _literal(parts.hostname or "")
    if literal is not None:
        _refuse_private([literal], parts.scheme, allow_loopback=allow_loopback)
    return parts._replace(fragment="").geturl()


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    credentials: tuple[str, str] | None = None,
    limits: Limits | None = None,
    allow_loopback: bool = False,
) -> Fetched:
    """Read one address, following at most three redirects.

    `credentials` (Basic) are sent to the origin of `url` and to no other. `allow_loopback` opens this machine, by
    http as well; other private addresses stay closed. Raises FetchFailed.
    """
    limits = limits or Limits()
    deadline = _Deadline(time.monotonic() + limits.seconds)
    asked = _Asked(method, body, headers or {}, credentials)
    url = checked_url(url, allow_loopback=allow_loopback)
    home = _origin(_parts(url))
    started, status, outcome = time.monotonic(), None, "failed"
    try:
        for _ in range(MOST_REDIRECTS + 1):
            parts = _parts(url)
            here = asked if _origin(parts) == home else _without_credentials(asked)
            answer = _ask(parts, here, limits, deadline, allow_loopback=allow_loopback)
            status = answer.status
            target = answer.headers.get("location")
            if status not in _REDIRECTS or not target:
                outcome = "answered"
                return answer
            url = checked_url(_joined(url, target), allow_loopback=allow_loopback)
            if status == 303:
                asked = _Asked("GET", b"", asked.headers, asked.credentials)
        raise FetchFailed("too_many_redirects")
    except FetchFailed as error:
        outcome = error.code
        raise
    finally:
        log.info(
            "Fetched",
            extra={
                # The path may be the secret by which a private calendar is read.
                "host": _parts(url).hostname,
                "status": status,
                "outcome": outcome,
                "ms": round((time.monotonic() - started) * 1000),
            },
        )


def _parts(url: str) -> SplitResult:
    """Raises FetchFailed unless it is an address with a host, a sane port and no credentials."""
    if len(url) > LONGEST_URL or any(char <= " " or char == "\x7f" for char in url):
        raise FetchFailed("address_invalid")
    try:
        parts = urlsplit(url)
        _ = parts.port
        host = parts.hostname
        if not host or "@" in parts.netloc or "%" in host or "\\" in parts.netloc:
            raise FetchFailed("address_invalid")
        if not host.isascii():
            host.encode("idna")
    except ValueError as error:
        raise FetchFailed("address_invalid") from error
    return parts


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise FetchFailed("address_invalid") from error


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").rstrip("."), _port(parts)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _without_credentials(asked: _Asked) -> _Asked:
    return _Asked(asked.method, asked.body, asked.headers)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return host if host.isascii() else host.encode("idna").decode()


# Where a name leads ------------------------------------------------------------------------------------------------


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _addresses(host: str, port: int, deadline: _Deadline) -> list[Address]:
    """What the resolver says, which has the deadline too: it runs on a thread that is left behind when it stalls."""
    found: list[Any] = []
    thread = threading.Thread(target=_resolve, args=(host, port, found), daemon=True)
    thread.start()
    thread.join(deadline.left())
    if thread.is_alive():
        raise FetchFailed("timed_out")
    if not found:
        raise FetchFailed("host_unknown")
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found))


def _resolve(host: str, port: int, found: list[Any]) -> None:
    try:
        found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return


def _refuse_private(addresses: Sequence[Address], scheme: str, *, allow_loopback: bool) -> None:
    """All or nothing: a name with one public and one private address is an attempt."""
    if allow_loopback and all(_embedded(address).is_loopback for address in addresses):
        return
    if scheme != "https" or not all(_is_public(address) for address in addresses):
        raise FetchFailed("address_refused")


def _is_public(address: Address) -> bool:
    address = _embedded(address)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not (isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo))
    )


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped, or behind a NAT64 gateway."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


# One request -------------------------------------------------------------------------------------------------------


def _ask(
    parts: SplitResult, asked: _Asked, limits: Limits, deadline: _Deadline, *, allow_loopback: bool
) -> Fetched:
    addresses = _addresses(_host(parts), _port(parts), deadline)
    _refuse_private(addresses, parts.scheme, allow_loopback=allow_loopback)
    connection = _Connection(parts, addresses, deadline)
    target = parts._replace(scheme="", netloc="", path=parts.path or "/", fragment="").geturl()
    try:
        connection.request(asked.method, _ascii(target), body=asked.body or None, headers=_headers(asked))
        response = connection.getresponse()
        read_headers = {name.lower(): value for name, value in response.getheaders()}
        if response.status in _REDIRECTS and "location" in read_headers:
            return Fetched(response.status, read_headers, b"")
        return Fetched(response.status, read_headers, _read(response, limits.most_bytes))
    except TimeoutError as error:
        raise FetchFailed("timed_out") from error
    except ssl.SSLError as error:
        raise FetchFailed(
            "certificate_refused" if connection.sock is None else "answer_unreadable"
        ) from error
    except OSError as error:
        raise FetchFailed("unreachable") from error
    except (HTTPException, ValueError, zlib.error) as error:
        raise FetchFailed("answer_unreadable") from error
    finally:
        connection.close()


def _ascii(target: str) -> str:
    """A path with letters of other scripts, as it goes over the wire."""
    return target if target.isascii() else "".join(_escaped(char) for char in target)


def _escaped(char: str) -> str:
    return char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))


def _headers(asked: _Asked) -> dict[str, str]:
    headers = {"User-Agent": "mawid/1", "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close"}
    headers |= dict(asked.headers)
    if asked.credentials is not None:
        pair = ":".join(asked.credentials).encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _read(response: HTTPResponse, most: int) -> bytes:
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise FetchFailed("answer_unreadable")
    unpack = None if encoding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
    body, came = bytearray(), 0
    while chunk := response.read1(64 * 1024):
        came += len(chunk)
        body += chunk if unpack is None else unpack.decompress(chunk, most + 1 - len(body))
        if came > most or len(body) > most:
            raise FetchFailed("too_large")
    if unpack is not None and not unpack.eof:
        raise FetchFailed("answer_unreadable")
    if response.length:  # what was announced did not all come
        raise FetchFailed("answer_unreadable")
    return bytes(body)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


class _Connection(HTTPConnection):
    """To one of the checked addresses, under the host's name. No proxy, no second look at the resolver."""

    def __init__(self, parts: SplitResult, addresses: Sequence[Address], deadline: _Deadline) -> None:
        super().__init__(_host(parts), _port(parts))
        self._encrypted = parts.scheme == "https"
        self.default_port = 443 if self._encrypted else 80
        self._addresses = addresses
        self._deadline = deadline
        self.response_class = self._timed_response  # type: ignore[assignment]  # called like the class

    def connect(self) -> None:
        failed: OSError | None = None
        for address in self._addresses:
            try:
                plain = _connected(address, self.port, min(_CONNECT_SECONDS, self._deadline.left()))
            except OSError as error:
                failed = error
                continue
            self.sock = self._secured(plain) if self._encrypted else plain
            self.sock.settimeout(self._deadline.left())
            return
        raise failed or OSError("no address")

    def _secured(self, plain: socket.socket) -> socket.socket:
        try:
            plain.settimeout(self._deadline.left())
            return _tls().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def _timed_response(self, sock: Any, *args: Any, **kwargs: Any) -> HTTPResponse:
        response = HTTPResponse(sock, *args, **kwargs)
        raw = response.fp.detach()
        response.fp = io.BufferedReader(_TimedReader(raw, sock, self._deadline))
        return response


def _connected(address: Address, port: int, seconds: float) -> socket.socket:
    """By the number alone: `socket.create_connection` would ask the resolver once more."""
    plain = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        plain.settimeout(seconds)
        plain.connect((str(address), port))
    except BaseException:
        plain.close()
        raise
    return plain


class _TimedReader(io.RawIOBase):
    """The reading side of a socket with what is left of the whole time before each read, headers included."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: _Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
