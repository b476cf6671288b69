"""The one thin door through which we call other companies over HTTP.

What a caller needs to know after a failure is not which exception the network stack chose, but
whether the other side may have acted. So there are three answers: `Unreachable` (the request never
left: repeat it if you like), `UnknownOutcome` (it left, and nobody told us what became of it: ask
before repeating) and `BadAnswer` (something came back that is not what was promised).

How it is decided: our own connection class notes when the request head has been handed to the kernel
completely. A server cannot act on half a head, so whatever breaks before that moment is
`Unreachable`, by observation and not by guessing from exception names.

Nothing is followed or proxied, and no answer or silence is ever retried. One thing is sent twice: a
request that met a kept-alive connection which the other side had closed goes out once more on a fresh
one, if it provably never left or its method is safe. Two measures make that rare: urllib3 looks at a
connection before reusing it, and one idle for longer than `MAX_IDLE_SECONDS` is not reused at all.
"""

from __future__ import annotations

import io
import json as jsonlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from backend.core.patience import seconds_left

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_IDLE_SECONDS = 4.0  # shorter than the idle limit of common servers (5 s and up)
SHORTEST_CALL = 0.2  # with less time than this (seconds) a call does not begin
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

log = logging.getLogger("mawid.outbound")

# urllib3 writes whole URLs, query strings included, into its own debug lines and warnings.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class OutboundError(Exception):
    """Parent of everything that can go wrong on a call. The text never holds a query, a header or a body.

    `status` is the HTTP status when one was read before things broke.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(OutboundError):
    """The request never left: no address, refused, no connection in time, no trust in the certificate."""


class UnknownOutcome(OutboundError):
    """The request left and no whole answer came back. The other side may have acted."""


class BadAnswer(OutboundError):
    """An answer came that is not usable: not the JSON expected, or larger than `MAX_BODY_BYTES`."""


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer, whatever its status. Header names compare without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The JSON object or array in the body. Raises BadAnswer for anything else."""
        try:
            value = jsonlib.loads(self.body, parse_constant=_no_such_number)
        except (ValueError, RecursionError):
            raise BadAnswer(f"answer {self.status} is not JSON", status=self.status) from None
        if not isinstance(value, dict | list):
            raise BadAnswer(f"answer {self.status} is neither a JSON object nor an array", status=self.status)
        return value

    def json_object(self) -> dict[str, Any]:
        """The JSON object in the body. Raises BadAnswer for anything else, an array included."""
        value = self.json()
        if not isinstance(value, dict):
            raise BadAnswer(f"answer {self.status} is not a JSON object", status=self.status)
        return value


class HttpClient:
    """Calls one company. Safe to share: each thread has its own session and kept-alive connection.

    All times are seconds. `total_timeout` covers the call from connecting to the last byte, however
    slowly those bytes drip; only the resolver's own patience for a host name lies outside it. A caller's own
    `patience` shortens it.
    `request` can set the two answer times for one call.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: tuple[str, str] | None = None,
        connect_timeout: float,
        read_timeout: float,
        total_timeout: float,
        user_agent: str = "mawid/1",
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("base_url must be an http(s) URL with a host, without query or fragment")
        if parts.username is not None:
            raise ValueError("credentials belong in auth, not in base_url")
        if min(connect_timeout, read_timeout, total_timeout) <= 0:
            raise ValueError("timeouts must be positive")
        self.base_url = base_url.rstrip("/")
        self._host = parts.netloc
        self._auth = auth
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._total_timeout = total_timeout
        self._user_agent = user_agent
        self._local = threading.local()

    def __repr__(self) -> str:
        return f"HttpClient({self.base_url!r})"

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float | None = None,
        total_timeout: float | None = None,
    ) -> HttpAnswer:
        """Send one request and read the whole answer; every status is an answer, redirects included.

        `path` is appended to the base URL and may hold no query: that is what `params` is for, and only
        the path is logged. Raises Unreachable, UnknownOutcome, or BadAnswer for a body over the limit.
        """
        if not path.startswith("/") or "?" in path or "#" in path:
            raise ValueError("path must start with a slash and hold no query")
        if json is not None and form is not None:
            raise ValueError("a request has one body: json or form")
        session = self._session()
        prepared = session.prepare_request(
            requests.Request(
                method.upper(),
                self.base_url + path,
                json=json,
                data=form,
                params=params,
                headers=dict(headers or {}),
                auth=self._auth,
            )
        )
        if seconds_left() < SHORTEST_CALL:
            raise Unreachable("no time left to ask")
        started = time.monotonic()
        deadline = started + min(total_timeout or self._total_timeout, seconds_left())
        patience = read_timeout or self._read_timeout
        status: int | None = None
        outcome = "error"
        try:
            try:
                answer = self._send(session, prepared, _Call(deadline, patience))
            except _Stale:
                session.close()
                answer = self._send(session, prepared, _Call(deadline, patience, last_try=True))
            status, outcome = answer.status, "answered"
            return answer
        except OutboundError as error:
            status, outcome = error.status, _OUTCOMES[type(error)]
            raise
        finally:
            self._local.used_at = time.monotonic()
            log.info(
                "Outbound call",
                extra={
                    "method": prepared.method,
                    "host": self._host,
                    "path": urlsplit(prepared.url or "").path,
                    "status": status,
                    "ms": round((time.monotonic() - started) * 1000),
                    "outcome": outcome,
                },
            )

    def close(self) -> None:
        """Close this thread's connections."""
        session = getattr(self._local, "session", None)
        if session is not None:
            session.close()

    def _session(self) -> requests.Session:
        """This thread's session; a fresh one after a fork, so that two processes never share a socket."""
        local = self._local
        if getattr(local, "pid", None) != os.getpid():
            session = _Session()
            session.trust_env = False  # no proxies, no .netrc: where we call is decided by settings alone
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.headers.clear()
            session.headers.update(
                {"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
            )
            session.mount("http://", _Adapter())
            session.mount("https://", _Adapter())
            local.session, local.pid, local.used_at = session, os.getpid(), time.monotonic()
        elif time.monotonic() - local.used_at > MAX_IDLE_SECONDS:
            local.session.close()
        current: requests.Session = local.session
        return current

    def _send(self, session: requests.Session, prepared: requests.PreparedRequest, call: _Call) -> HttpAnswer:
        _thread.call = call
        status: int | None = None
        try:
            connect_timeout = min(self._connect_timeout, call.time_left())
            with session.send(
                prepared, stream=True, allow_redirects=False, timeout=(connect_timeout, call.read_timeout)
            ) as response:
                status = response.status_code
                return HttpAnswer(status, response.headers, _read(response))
        except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            _raise_outcome(error, call, safe=prepared.method in SAFE_METHODS, status=status)
        finally:
            _thread.call = None


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Never look for one: merely preparing the next hop would read the whole body into memory."""


class _Stale(Exception):
    """A reused connection turned out to be closed, and sending once more cannot do harm."""


_OUTCOMES: dict[type[OutboundError], str] = {
    Unreachable: "unreachable",
    UnknownOutcome: "unknown",
    BadAnswer: "bad_answer",
}


@dataclass
class _Call:
    """What our connection class observes about the call in progress on this thread."""

    deadline: float
    read_timeout: float
    last_try: bool = False
    reused: bool = False
    head_sent: bool = False
    answer_began: bool = False
    timed_out: bool = False

    def time_left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.timed_out = True
            raise TimeoutError("total time used up")
        return left

    def patience(self) -> float:
        return min(self.read_timeout, self.time_left())


class _Thread(threading.local):
    call: _Call | None = None


_thread = _Thread()


class _WatchedSocket(io.RawIOBase):
    """The reading side of a socket, with the call's deadline set anew before every read, headers included."""

    def __init__(self, raw: io.RawIOBase, sock: Any, call: _Call) -> None:
        self._raw = raw
        self._sock = sock
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._call.patience())
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError:
            self._call.timed_out = True
            raise
        if count:
            self._call.answer_began = True
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _WatchedResponse(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if _thread.call is not None:
            self.fp = io.BufferedReader(_WatchedSocket(self.fp.detach(), sock, _thread.call))


class _Connection(HTTPConnection):
    response_class = _WatchedResponse
    _answers = 0

    def connect(self) -> None:
        super().connect()
        self._answers = 0

    def send(self, data: Any) -> None:
        call = _thread.call
        if call is None:
            super().send(data)
            return
        if not call.head_sent:
            call.reused = self._answers > 0
        if self.sock is not None:
            self.sock.settimeout(call.patience())
        try:
            super().send(data)
        except TimeoutError:
            call.timed_out = True
            raise
        call.head_sent = True  # http.client sends the whole head in its first write

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        self._answers += 1
        return super().getresponse()


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """One connection per host and thread, never retrying (requests' default, spelled out)."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(16 * 1024):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BadAnswer(f"answer {response.status_code} is too large", status=response.status_code)
    return bytes(body)


def _raise_outcome(error: Exception, call: _Call, *, safe: bool, status: int | None) -> NoReturn:
    # `from None` throughout: the library's messages quote the URL with its query string.
    kind = _kind(error)
    gone_stale = call.reused and not call.answer_began and not call.timed_out
    if gone_stale and not call.last_try and (safe or not call.head_sent):
        raise _Stale from None
    if not call.head_sent:
        raise Unreachable(f"nothing was sent: {kind}") from None
    raise UnknownOutcome(f"no whole answer: {kind}", status=status) from None


def _kind(error: BaseException) -> str:
    """The name of the innermost failure: ConnectionRefusedError, IncompleteRead, gaierror."""
    for _ in range(8):
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((argument for argument in error.args if isinstance(argument, BaseException)), None)
        if inner is None:
            inner = error.__cause__
        if inner is None:
            break
        error = inner
    return type(error).__name__


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
