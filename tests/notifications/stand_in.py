"""A small Unifonic on the loopback interface: takes forms on the documented paths and fails as told."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

SEND, DETAILS = "/rest/SMS/messages", "/rest/SMS/Messages/GetMessagesDetails"


class Unifonic:
    """`sent` is what was posted for sending, `kept` what it took over, `answers(...)` how it goes on.

    "accept", "accept-text" (`success` as text), "slow" (accepts after a second), an HTTP status, an "ER-.." code
    with 200, or a fault: "drop", "html", "empty", "hang" (takes the text over, answers too late), "lost" (drops
    before taking it over), "accept-without-id".
    """

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.kept: dict[str, int] = {}
        self.details = "list"
        self._script: list[Any] = ["accept"]
        self.envelope = False
        self._lock = threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                stand_in._serve(self, dict(parse_qsl(body, keep_blank_values=True)))

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def answers(self, *script: Any, envelope: bool = False) -> None:
        """How the coming requests for sending are answered; the last one goes on."""
        self._script = list(script)
        self.envelope = envelope

    def __enter__(self) -> Unifonic:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
            if handler.path == DETAILS:
                self._serve_details(handler, form)
                return
            self.sent.append(form)
            how = self._script.pop(0) if len(self._script) > 1 else self._script[0]
            if how in ("accept", "accept-text", "slow", "drop", "html", "empty", "hang"):
                self.kept[form["CorrelationID"]] = 3200017889310 + len(self.kept)
        if how in ("drop", "lost"):
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        elif how == "hang":
            time.sleep(1.5)
            handler.close_connection = True
        elif how == "html":
            self._write(handler, 200, b"<html>hello</html>")
        elif how == "empty":
            self._write(handler, 200, b"")
        elif isinstance(how, int):
            refusal = {"success": False, "message": "no", "errorCode": "ER-99", "data": {}}
            self._write(handler, how, json.dumps(refusal).encode() if self.envelope else b"oops")
        elif how.startswith("ER-"):
            refusal = {"success": False, "message": "no", "errorCode": how, "data": {}}
            self._write(handler, 200, json.dumps(refusal).encode())
        elif how == "accept-without-id":
            self._write(
                handler, 200, json.dumps({"success": True, "errorCode": "ER-00", "data": {}}).encode()
            )
        else:
            if how == "slow":
                time.sleep(1)
            data = {"MessageID": self.kept[form["CorrelationID"]], "Status": "Queued", "NumberOfUnits": 1}
            success: Any = "true" if how == "accept-text" else True
            answer = {"success": success, "message": "", "errorCode": "ER-00", "data": data}
            self._write(handler, 200, json.dumps(answer).encode())

    def _serve_details(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        if self.details != "list":
            self._write(handler, 404, b"nothing here")
            return
        wanted = form["CorrelationID"]
        rows = [
            {"MessageID": number, "CorrelationID": key, "Status": "Sent"} for key, number in self.kept.items()
        ]
        rows = [row for row in rows if row["CorrelationID"] == wanted]
        answer = {"success": "true", "message": "", "errorCode": "ER-00", "data": {"messages": rows}}
        self._write(handler, 200, json.dumps(answer).encode())

    @staticmethod
    def _write(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response_only(status, "Because")
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
