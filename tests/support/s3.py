"""A bucket on the loopback interface: PUT, HEAD, GET, DELETE and listing, as an S3 client asks for them.

    with Bucket() as bucket:
        settings.STORAGES = settings.STORAGES | {"photos": bucket.storage()}
        bucket.fails_with(503)

`objects` holds what is stored, by key. A request that is not signed with our key for our region is refused.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass
class Stored:
    data: bytes
    headers: dict[str, str]
    modified_at: datetime


class Bucket:
    """`requests` lists what was asked, as (method, key or query); `page` is how many entries one listing holds."""

    name, region, access_key, secret_key = "salon-photos", "me-central-1", "an-access-key", "a-secret-key"

    def __init__(self, *, page: int = 1000) -> None:
        self.objects: dict[str, Stored] = {}
        self.requests: list[tuple[str, str]] = []
        self.page = page
        self._status: int | None = None
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                bucket._answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def do_GET(self) -> None:
                bucket._answer(self, b"")

            do_HEAD = do_DELETE = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fails_with(self, status: int | None) -> None:
        """Every coming request is answered so; None ends it."""
        self._status = status

    def environment(self) -> dict[str, str]:
        """The variables of an installation that keeps its photos here."""
        return {
            "PHOTO_STORAGE": "s3",
            "S3_BUCKET": self.name,
            "S3_ENDPOINT_URL": self.endpoint_url,
            "S3_REGION": self.region,
            "S3_ACCESS_KEY_ID": self.access_key,
            "S3_SECRET_ACCESS_KEY": self.secret_key,
        }

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urlsplit(handler.path)
        key = unquote(parts.path).removeprefix(f"/{self.name}").removeprefix("/")
        method = handler.command
        self.requests.append((method, key or parts.query))
        signed_by = f"AWS4-HMAC-SHA256 Credential={self.access_key}/"
        authorization = handler.headers.get("Authorization", "")
        if self._status is not None:
            self._refuse(handler, self._status, "SlowDown")
        elif not authorization.startswith(signed_by) or f"/{self.region}/s3/" not in authorization:
            self._refuse(handler, 403, "AccessDenied")
        elif not parts.path.startswith(f"/{self.name}"):
            self._refuse(handler, 404, "NoSuchBucket")
        elif method == "PUT":
            headers = {n: handler.headers.get(n, "") for n in ("Content-Type", "Cache-Control")}
            self.objects[key] = Stored(body, headers, datetime.now(UTC))
            self._write(handler, 200, b"", {"ETag": '"stored"'})
        elif method == "DELETE":
            self.objects.pop(key, None)
            self._write(handler, 204, b"")
        elif not key:
            self._write(
                handler, 200, self._listing(parse_qs(parts.query)), {"Content-Type": "application/xml"}
            )
        elif key not in self.objects:
            self._refuse(handler, 404, "NoSuchKey")
        else:
            stored = self.objects[key]
            modified = {"Last-Modified": format_datetime(stored.modified_at, usegmt=True), "ETag": '"stored"'}
            self._write(handler, 200, stored.data, stored.headers | modified)

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        """ListObjects with a prefix and a delimiter, page by page."""
        prefix, after = query.get("prefix", [""])[0], query.get("marker", [""])[0]
        entries = sorted(
            {
                prefix + rest[: rest.index("/") + 1] if "/" in rest else prefix + rest
                for key in self.objects
                if key.startswith(prefix)
                for rest in [key.removeprefix(prefix)]
            }
        )
        left = [entry for entry in entries if entry > after]
        shown, more = left[: self.page], len(left) > self.page
        rows = "".join(
            f"<CommonPrefixes><Prefix>{escape(e)}</Prefix></CommonPrefixes>"
            if e.endswith("/")
            else f"<Contents><Key>{escape(e)}</Key><Size>{len(self.objects[e].data)}</Size></Contents>"
            for e in shown
        )
        marker = f"<NextMarker>{escape(shown[-1])}</NextMarker>" if more else ""
        return (
            f'<?xml version="1.0"?><ListBucketResult xmlns="{NAMESPACE}"><Name>{self.name}</Name>'
            f"<Prefix>{escape(prefix)}</Prefix><Delimiter>/</Delimiter>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{marker}{rows}</ListBucketResult>"
        ).encode()

    def _refuse(self, handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'
        self._write(handler, status, body.encode(), {"Content-Type": "application/xml"})

    @staticmethod
    def _write(
        handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD" and status != 204:
            handler.wfile.write(body)
