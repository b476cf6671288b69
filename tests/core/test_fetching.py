"""An address somebody typed, held against servers and resolvers that mean harm."""

from __future__ import annotations

import gzip
import logging
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backend.core.fetching import FetchFailed, Limits, checked_url, fetch
from tests.support.calendars import OutsideServer, redirecting, send

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
]


@pytest.fixture
def server() -> Iterator[OutsideServer]:
    with OutsideServer(body=b"here") as running:
        yield running


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the resolver answers: a list of addresses for each name, or one such list after another."""
    known: dict[str, list[str]] = {}

    def resolve(host: str, port: int, *args: Any, **named: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **named)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in known[host]
        ]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def failure(url: str, **more: Any) -> str:
    with pytest.raises(FetchFailed) as failed:
        fetch(url, **more)
    assert url not in str(failed.value)
    return failed.value.code


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_address_is_read_by_number_or_by_name(names: dict[str, list[str]], address: str) -> None:
    literal = f"[{address}]" if ":" in address else address
    assert failure(f"https://{literal}/a.ics") == "address_refused"
    names["calendar.example"] = [address]
    assert failure("https://calendar.example/a.ics") == "address_refused"
    names["calendar.example"] = ["93.184.215.14", address]
    assert failure("https://calendar.example/a.ics") == "address_refused"


@pytest.mark.parametrize("number", ["2130706433", "0x7f.1", "127.1", "017700000001"])
def test_numbers_in_disguise_are_looked_through(number: str) -> None:
    assert failure(f"https://{number}/") == "address_refused"


def test_the_setting_opens_this_machine_and_no_other_private_address(
    server: OutsideServer, names: dict[str, list[str]]
) -> None:
    assert failure(server.url()) == "address_invalid"
    assert failure(server.url().replace("http:", "https:")) == "address_refused"
    assert fetch(server.url(), allow_loopback=True).body == b"here"
    for address in ("10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"):
        names["calendar.example"] = [address]
        assert failure("https://calendar.example/", allow_loopback=True) == "address_refused"
        names["calendar.example"] = ["127.0.0.1", address]
        assert failure("https://calendar.example/", allow_loopback=True) == "address_refused"
    names["calendar.example"] = ["93.184.215.14"]
    assert failure("http://calendar.example/", allow_loopback=True) == "address_refused"


def test_the_connection_goes_to_the_address_that_was_checked(
    server: OutsideServer, names: dict[str, list[str]]
) -> None:
    """A resolver that answers otherwise the second time finds nobody asking."""
    asked = []

    class Rebinding(dict[str, list[str]]):
        def __contains__(self, name: object) -> bool:
            return name == "calendar.example"

        def __getitem__(self, name: str) -> list[str]:
            asked.append(name)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with pytest.MonkeyPatch.context() as patch:
        answers = Rebinding()
        patch.setattr(
            socket,
            "getaddrinfo",
            lambda host, port, *a, **k: [(2, 1, 6, "", (one, port)) for one in answers[host]],
        )
        found = fetch(server.url(host="calendar.example"), allow_loopback=True)
    assert found.body == b"here"
    assert asked == ["calendar.example"]
    assert server.requests[0].headers["Host"] == f"calendar.example:{server.port}"


class TestRedirects:
    def test_they_are_followed_and_looked_at_again(
        self, server: OutsideServer, names: dict[str, list[str]]
    ) -> None:
        with OutsideServer() as first:
            first.answers = redirecting(server.url("/there"))
            assert fetch(first.url(), allow_loopback=True).body == b"here"
            names["inside.example"] = ["10.0.0.1"]
            for target in ("https://10.0.0.1/", "https://inside.example/", "https://[fd00::1]/"):
                first.answers = redirecting(target)
                assert failure(first.url(), allow_loopback=True) == "address_refused"
            for target in ("file:///etc/passwd", "gopher://x.example/", "https://a:b@x.example/", "https://"):
                first.answers = redirecting(target)
                assert failure(first.url(), allow_loopback=True) == "address_invalid"

    def test_more_than_three_are_too_many(self, server: OutsideServer) -> None:
        server.answers = redirecting("/again")
        assert failure(server.url(), allow_loopback=True) == "too_many_redirects"
        assert len(server.requests) == 4

    def test_a_password_stays_with_the_host_it_was_meant_for(self, server: OutsideServer) -> None:
        with OutsideServer() as first:
            first.answers = redirecting(server.url())
            fetch(first.url(), credentials=("noura", "secret"), allow_loopback=True)
            assert "Authorization" in first.requests[0].headers
            assert "Authorization" not in server.requests[0].headers

            def once(handler: Any) -> None:
                if handler.path == "/calendar.ics":
                    redirecting("/moved")(handler)
                else:
                    send(handler, 200)

            first.answers = once
            fetch(first.url(), credentials=("noura", "secret"), allow_loopback=True)
            assert "Authorization" in first.requests[-1].headers

    def test_a_report_stays_a_report_unless_told_to_see_another_page(self, server: OutsideServer) -> None:
        def moved(status: int) -> Callable[[Any], None]:
            def answer(handler: Any) -> None:
                if handler.path == "/calendar.ics":
                    send(handler, status, headers={"Location": "/moved"})
                else:
                    send(handler, 200)

            return answer

        for status, method in ((301, "REPORT"), (308, "REPORT"), (303, "GET")):
            server.answers = moved(status)
            fetch(server.url(), method="REPORT", body=b"<a/>", allow_loopback=True)
            assert server.requests[-1].method == method
            assert server.requests[-1].body == (b"<a/>" if method == "REPORT" else b"")


class TestSizeAndTime:
    SMALL = Limits(most_bytes=100_000, seconds=1.0)

    def refused(self, server: OutsideServer, answers: Callable[[Any], None]) -> tuple[str, float]:
        server.answers = answers
        began = time.monotonic()
        return failure(server.url(), limits=self.SMALL, allow_loopback=True), time.monotonic() - began

    def test_a_huge_answer_is_cut_off(self, server: OutsideServer) -> None:
        sent = []

        def pour(handler: Any) -> None:
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            while not server.stopping.is_set():
                handler.wfile.write(b"x" * 65536)
                sent.append(1)

        assert self.refused(server, pour)[0] == "too_large"
        assert len(sent) < 1000

    @pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
    def test_a_bomb_is_not_unpacked(self, server: OutsideServer, pack: Callable[[bytes], bytes]) -> None:
        name = "gzip" if pack is gzip.compress else "deflate"
        bomb = pack(b"\0" * 50_000_000)
        assert len(bomb) < self.SMALL.most_bytes
        code, took = self.refused(server, lambda h: send(h, 200, bomb, {"Content-Encoding": name}))
        assert code == "too_large"
        assert took < 1

    def test_a_packed_answer_of_a_sane_size_is_read(self, server: OutsideServer) -> None:
        server.answers = lambda h: send(h, 200, gzip.compress(b"calendar"), {"Content-Encoding": "gzip"})
        assert fetch(server.url(), allow_loopback=True).body == b"calendar"

    @pytest.mark.parametrize("where", ["nowhere", "head", "body"])
    def test_the_whole_time_is_bounded_however_slowly_it_drips(
        self, server: OutsideServer, where: str
    ) -> None:
        def drip(handler: Any) -> None:
            if where == "head":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            if where == "body":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
            while not server.stopping.wait(0.05):
                if where != "nowhere":
                    handler.wfile.write(b"X" if where == "body" else b"X-A: b\r\n")
                    handler.wfile.flush()

        code, took = self.refused(server, drip)
        assert code == "timed_out"
        assert 0.8 < took < 3

    def test_a_resolver_that_stalls_is_left_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(5) or [])
        began = time.monotonic()
        assert failure("https://calendar.example/", limits=Limits(seconds=0.3)) == "timed_out"
        assert time.monotonic() - began < 3

    @pytest.mark.parametrize(
        "raw",
        [
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        ],
    )
    def test_broken_answers_are_unreadable(self, server: OutsideServer, raw: bytes) -> None:
        def answer(handler: Any) -> None:
            handler.wfile.write(raw)
            handler.close_connection = True

        assert self.refused(server, answer)[0] == "answer_unreadable"


def test_what_is_not_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert failure(f"http://127.0.0.1:{port}/", allow_loopback=True) == "unreachable"


def test_a_name_nobody_knows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **named: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert failure("https://calendar.example/") == "host_unknown"


def test_a_server_that_speaks_no_tls_cannot_prove_who_it_is(server: OutsideServer) -> None:
    url = server.url().replace("http:", "https:")
    assert failure(url, allow_loopback=True) == "certificate_refused"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("webcal://calendar.example/a.ics", "https://calendar.example/a.ics"),
        ("WEBCAL://calendar.example/a.ics#today", "https://calendar.example/a.ics"),
        ("https://مثال.السعودية/تقويم.ics", "https://مثال.السعودية/تقويم.ics"),
    ],
)
def test_addresses_are_understood_as_people_paste_them(typed: str, read: str) -> None:
    assert checked_url(typed) == read


def test_a_path_in_arabic_goes_over_the_wire(server: OutsideServer) -> None:
    fetch(server.url("/تقويم.ics?الاسم=نورة"), allow_loopback=True)
    assert server.requests[0].path.startswith("/%D8%AA%D9%82")


def test_the_log_names_the_host_and_nothing_of_the_address(
    server: OutsideServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        fetch(server.url("/private-4711/basic.ics?key=4712"), credentials=("n", "4713"), allow_loopback=True)
    [line] = [record for record in caplog.records if record.name == "mawid.fetching"]
    assert vars(line)["host"] == "127.0.0.1"
    assert not any("471" in str(vars(record)).replace(str(server.port), "") for record in caplog.records)
