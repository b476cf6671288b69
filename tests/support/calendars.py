"""Somebody's calendar on the loopback interface: a file to GET, or a CalDAV collection to ask by REPORT.

    with OutsideServer() as server:
        server.says(event("1", "20261123T100000", "20261123T110000"))
        url = server.url("/private/calendar.ics")

Whatever is asked is kept in `requests`. `answers` replaces the calendar by a function of the request handler, for
servers that misbehave.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from xml.sax.saxutils import escape


def event(uid: str, starts: str, ends: str = "", *more: str, zone: str = "Asia/Riyadh") -> str:
    """One VEVENT. `20261123T100000` is in `zone`, with a Z in UTC, and a bare date is a whole day."""

    def moment(name: str, value: str) -> str:
        if "T" not in value:
            return f"{name};VALUE=DATE:{value}"
        return f"{name}:{value}" if value.endswith("Z") or not zone else f"{name};TZID={zone}:{value}"

    lines = [f"UID:{uid}", "DTSTAMP:20261101T000000Z", moment("DTSTART", starts)]
    lines += [moment("DTEND", ends)] if ends else []
    return "\r\n".join(["BEGIN:VEVENT", *lines, *more, "END:VEVENT"])


def calendar(*parts: str) -> bytes:
    """A whole file of these components and properties."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Elsewhere//EN", *parts, "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class OutsideServer:
    """`body` is what it serves, at every path; with `password`, only to who knows it. `etag` makes it say 304."""

    body: bytes = b""
    etag: str = ""
    username: str = ""
    password: str = ""
    answers: Callable[[BaseHTTPRequestHandler], None] | None = None
    requests: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        outside = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outside.requests.append(Asked(self.command, self.path, dict(self.headers), body))
                (outside.answers or outside._serve)(self)

            do_REPORT = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "/calendar.ics", *, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def says(self, *parts: str) -> None:
        self.body = calendar(*parts)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        if self.password:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            if handler.headers.get("Authorization") != f"Basic {pair}":
                return send(handler, 401)
        if self.etag and handler.headers.get("If-None-Match") == self.etag:
            return send(handler, 304)
        headers = {"ETag": self.etag} if self.etag else {}
        if handler.command == "REPORT":
            return send(handler, 207, _multistatus(self.body), {"Content-Type": "application/xml"})
        return send(handler, 200, self.body, {"Content-Type": "text/calendar"} | headers)


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def redirecting(target: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: send(handler, 302, headers={"Location": target})


def _multistatus(body: bytes) -> bytes:
    """Each event as a resource of its own, as collections hold them."""
    text = body.decode()
    head, *events = text.split("BEGIN:VEVENT")
    responses = "".join(
        f"<d:response><d:href>/{n}.ics</d:href><d:propstat><d:prop><c:calendar-data>"
        f"{escape(head + 'BEGIN:VEVENT' + one.split('END:VEVENT')[0] + 'END:VEVENT' + chr(10) + 'END:VCALENDAR')}"
        "</c:calendar-data></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        for n, one in enumerate(events)
    )
    return (
        '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
        f"{responses}</d:multistatus>"
    ).encode()
