"""The outbound door against a real socket that misbehaves: what may a caller believe after each failure?"""

from __future__ import annotations

import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import urllib3.connectionpool

from backend.core.http import MAX_BODY_BYTES, BadAnswer, HttpClient, UnknownOutcome, Unreachable

Script = Callable[[socket.socket, "Misbehaving"], None]

OK_BODY = b'{"ok": true}'
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + OK_BODY


class Misbehaving:
    """A TCP server on loopback that plays one script per connection; the last script repeats."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.heads: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self.hung_up = threading.Semaphore(0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            threading.Thread(target=self._play, args=(script, connection), daemon=True).start()

    def _play(self, script: Script, connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection, suppress(OSError):
            script(connection, self)
        self.hung_up.release()

    def read_request(self, connection: socket.socket) -> bool:
        """One whole request, head remembered; False when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(4096)
            if not piece:
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        self.heads.append(head)
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(4096)
        return True

    def close(self) -> None:
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)  # close alone would leave the waiting accept listening
        self.listener.close()


@contextmanager
def serving(*scripts: Script) -> Iterator[Misbehaving]:
    server = Misbehaving(*scripts)
    try:
        yield server
    finally:
        server.close()


def answering(answer: bytes) -> Script:
    """Answers every request on the connection and keeps it open."""

    def play(connection: socket.socket, server: Misbehaving) -> None:
        while server.read_request(connection):
            connection.sendall(answer)

    return play


def answering_once(answer: bytes) -> Script:
    """Answers one request, then closes."""

    def play(connection: socket.socket, server: Misbehaving) -> None:
        server.read_request(connection)
        connection.sendall(answer)

    return play


def answering_then_silent_close(connection: socket.socket, server: Misbehaving) -> None:
    """Answers one request, reads a second one and hangs up: an idle timeout racing a request."""
    server.read_request(connection)
    connection.sendall(OK)
    server.read_request(connection)


def dripping(prefix: bytes, drip: bytes) -> Script:
    def play(connection: socket.socket, server: Misbehaving) -> None:
        server.read_request(connection)
        connection.sendall(prefix)
        while not server.stopping.wait(0.05):
            connection.sendall(drip)

    return play


def silent(connection: socket.socket, server: Misbehaving) -> None:
    server.read_request(connection)
    server.stopping.wait(5)


def resetting(connection: socket.socket, server: Misbehaving) -> None:
    server.read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def client_for(server: Misbehaving, **times: float) -> HttpClient:
    chosen = {"connect_timeout": 1.0, "read_timeout": 0.4, "total_timeout": 0.8} | times
    return HttpClient(server.url, auth=("user-7", "word-9"), **chosen)


def test_an_answer_arrives_whole_with_its_status_headers_and_json():
    with serving(answering(OK)) as server:
        answer = client_for(server).request("GET", "/things/7", params={"q": "x y"})

    assert (answer.status, answer.headers["content-type"], answer.json()) == (
        200,
        "application/json",
        {"ok": True},
    )
    head = server.heads[0]
    assert head.startswith(b"GET /things/7?q=x+y HTTP/1.1\r\n")
    assert b"User-Agent: mawid/1" in head
    assert b"Authorization: Basic dXNlci03OndvcmQtOQ==" in head


def test_the_path_of_the_base_url_is_kept_and_a_path_with_a_query_is_refused():
    with serving(answering(OK)) as server:
        client = HttpClient(f"{server.url}/v1/", connect_timeout=1, read_timeout=1, total_timeout=1)
        client.request("POST", "/payments", json={"amount": 100})
        with pytest.raises(ValueError):
            client.request("GET", "/payments?phone=1")

    assert server.heads[0].startswith(b"POST /v1/payments HTTP/1.1")


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "http:///v1", "https://user:word@host/v1", "https://host/v1?a=b"]
)
def test_a_base_url_that_could_leak_or_mislead_is_refused(url):
    with pytest.raises(ValueError):
        HttpClient(url, connect_timeout=1, read_timeout=1, total_timeout=1)


@pytest.mark.parametrize("status", [b"400 Bad Request", b"404 Not Found", b"500 Oops", b"503 Away"])
def test_an_error_status_is_an_answer_not_an_exception(status):
    with serving(answering(OK.replace(b"200 OK", status))) as server:
        assert client_for(server).request("POST", "/x").status == int(status[:3])
    assert len(server.heads) == 1


def test_a_refused_connection_means_nothing_was_sent():
    with serving(silent) as server:
        pass  # closed again: nobody listens there now
    with pytest.raises(Unreachable):
        client_for(server).request("POST", "/x", json={})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_silence_after_sending_leaves_the_outcome_unknown_and_is_not_repeated(method):
    with serving(silent) as server:
        started = time.monotonic()
        with pytest.raises(UnknownOutcome):
            client_for(server).request(method, "/x")
        assert time.monotonic() - started < 5
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    ("prefix", "drip"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b" ", id="body without length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b" ", id="body with length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunked body"
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", id="endless 100"),
    ],
)
def test_the_total_time_ends_a_slow_drip_that_never_trips_the_read_timeout(prefix, drip):
    with serving(dripping(prefix, drip)) as server:
        started = time.monotonic()
        with pytest.raises(UnknownOutcome):
            client_for(server).request("POST", "/x")
        assert 0.7 < time.monotonic() - started < 5


@pytest.mark.parametrize("script", [answering_once(b""), resetting], ids=["closed", "reset"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_dropped_fresh_connection_is_unknown_and_not_repeated(script, method):
    with serving(script) as server, pytest.raises(UnknownOutcome):
        client_for(server).request(method, "/x")
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "cut",
    [
        b'HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"id": ',
        b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id"\r\n',
    ],
    ids=["length", "chunked"],
)
def test_a_cut_off_body_is_unknown_and_says_which_status_was_seen(cut):
    with serving(answering_once(cut)) as server, pytest.raises(UnknownOutcome) as caught:
        client_for(server).request("POST", "/x")
    assert caught.value.status == 201


def test_an_answer_that_is_not_http_is_unknown():
    with serving(answering_once(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")) as server, pytest.raises(UnknownOutcome):
        client_for(server).request("POST", "/x")


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_a_bad_answer(declared):
    size = MAX_BODY_BYTES + 1
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: %d\r\n" % size if declared else b"") + b"\r\n"
    with serving(answering_once(head + b" " * size)) as server, pytest.raises(BadAnswer) as caught:
        client_for(server, total_timeout=5).request("GET", "/x")
    assert caught.value.status == 200


def test_a_body_just_at_the_limit_is_read():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MAX_BODY_BYTES
    with serving(answering_once(head + b" " * MAX_BODY_BYTES)) as server:
        assert len(client_for(server, total_timeout=5).request("GET", "/x").body) == MAX_BODY_BYTES


def test_a_redirect_is_an_answer_and_is_not_followed_nor_is_its_body_swallowed_unbounded():
    with serving(answering(OK)) as elsewhere:
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}/x\r\nContent-Length: 2\r\n\r\n{{}}"
        with serving(answering_once(redirect.encode())) as server:
            assert client_for(server).request("GET", "/x").status == 302
        huge = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}/x\r\n\r\n".encode() + b" " * (
            MAX_BODY_BYTES + 1
        )
        with serving(answering_once(huge)) as server, pytest.raises(BadAnswer):
            client_for(server, total_timeout=5).request("GET", "/x")
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "body", [b"<html>403</html>", b"", b'"text"', b"7", b"null", b'{"a": NaN}', b"[" * 100_000, b"\xff\xfe{"]
)
def test_what_is_not_a_json_object_or_array_is_a_bad_answer_with_its_status(body):
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving(answering_once(head + body)) as server:
        answer = client_for(server).request("GET", "/x")
    with pytest.raises(BadAnswer) as caught:
        answer.json()
    assert caught.value.status == 403


def test_an_array_is_json_but_not_an_object():
    with serving(answering_once(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]")) as server:
        answer = client_for(server).request("GET", "/x")
    assert answer.json() == [1]
    with pytest.raises(BadAnswer):
        answer.json_object()


def test_a_thread_keeps_its_connection_and_another_thread_gets_its_own():
    with serving(answering(OK)) as server:
        client = client_for(server)
        for _ in range(3):
            client.request("POST", "/x")
        assert server.connections == 1
        other = threading.Thread(target=client.request, args=("GET", "/x"))
        other.start()
        other.join()
        assert server.connections == 2


def test_a_connection_the_server_has_closed_is_noticed_before_anything_is_sent():
    with serving(answering_once(OK), answering(OK)) as server:
        client = client_for(server)
        client.request("POST", "/x")
        assert server.hung_up.acquire(timeout=10)
        assert client.request("POST", "/x").status == 200
    assert len(server.heads) == 2


def test_a_read_that_met_a_closing_connection_is_sent_once_more():
    with serving(answering_then_silent_close, answering(OK)) as server:
        client = client_for(server)
        client.request("GET", "/x")
        assert client.request("GET", "/x").json() == {"ok": True}
    assert server.connections == 2


def test_a_read_is_sent_once_more_and_not_twice():
    with serving(answering_then_silent_close, answering_once(b"")) as server:
        client = client_for(server)
        client.request("GET", "/x")
        with pytest.raises(UnknownOutcome):
            client.request("GET", "/x")
    assert len(server.heads) == 3


def test_a_write_that_met_a_closing_connection_stays_unknown_and_is_sent_once():
    with serving(answering_then_silent_close, answering(OK)) as server:
        client = client_for(server)
        client.request("GET", "/x")
        with pytest.raises(UnknownOutcome):
            client.request("POST", "/x", json={"amount": 100})
    assert len(server.heads) == 2


def test_a_write_that_provably_never_left_goes_out_on_a_fresh_connection(monkeypatch):
    def answer_then_reset(connection: socket.socket, server: Misbehaving) -> None:
        server.read_request(connection)
        connection.sendall(OK)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # urllib3 looks before it reuses; the race is the reset that arrives after that look.
    monkeypatch.setattr(urllib3.connectionpool, "is_connection_dropped", lambda connection: False)
    with serving(answer_then_reset, answering(OK)) as server:
        client = client_for(server)
        client.request("GET", "/x")
        assert server.hung_up.acquire(timeout=10)
        assert client.request("POST", "/x", json={"amount": 100}).status == 200
    assert [head.split()[0] for head in server.heads] == [b"GET", b"POST"]


def test_a_long_idle_connection_is_not_trusted(monkeypatch):
    monkeypatch.setattr("backend.core.http.MAX_IDLE_SECONDS", 0.05)
    with serving(answering(OK)) as server:
        client = client_for(server)
        client.request("POST", "/x")
        time.sleep(0.1)
        client.request("POST", "/x")
        assert server.connections == 2


def test_the_environment_decides_nothing(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(answering(OK)) as server:
        assert client_for(server).request("GET", "/x").status == 200


def test_cookies_are_not_carried_from_call_to_call():
    with serving(answering(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n", 1))) as server:
        client = client_for(server)
        client.request("GET", "/x")
        client.request("GET", "/x")
    assert b"cookie" not in server.heads[1].lower()


@pytest.mark.parametrize(
    ("script", "status", "outcome"), [(answering(OK), 200, "answered"), (silent, None, "unknown")]
)
def test_a_call_is_one_log_line_without_query_body_or_credentials(caplog, script, status, outcome):
    caplog.set_level(logging.DEBUG)
    with serving(script) as server, suppress(UnknownOutcome):
        client_for(server).request(
            "POST",
            "/payments/2a6c/refund",
            params={"phone": "0550000001"},
            json={"code": "482913"},
            headers={"X-Key": "hush-hush"},
        )

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("mawid.outbound", "INFO")
    fields = vars(record)
    assert (fields["method"], fields["path"], fields["status"], fields["outcome"]) == (
        "POST",
        "/payments/2a6c/refund",
        status,
        outcome,
    )
    assert fields["ms"] >= 0
    assert fields["host"] == server.url.removeprefix("http://")
    everything = json.dumps({key: str(value) for key, value in fields.items()})
    assert not any(secret in everything for secret in ("0550000001", "482913", "hush-hush", "word-9"))


def test_an_error_says_what_broke_and_never_quotes_the_query():
    with serving(silent) as server, pytest.raises(UnknownOutcome) as caught:
        client_for(server).request("GET", "/x", params={"phone": "0550000001"})
    assert str(caught.value) == "no whole answer: TimeoutError"
    assert caught.value.__suppress_context__
