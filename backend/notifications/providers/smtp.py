"""Django's SMTP backend with one limit for the whole conversation, and a memory of whether the text had left."""

from __future__ import annotations

import io
import smtplib
import time
from typing import TYPE_CHECKING, Any

from django.core.mail.backends.smtp import EmailBackend

from backend.core.patience import seconds_left

if TYPE_CHECKING:
    _Dialogue = smtplib.SMTP
else:
    _Dialogue = object


class SmtpBackend(EmailBackend):
    """`EMAIL_TIMEOUT` (seconds) covers connecting, greeting, TLS, sign-in, the text and every answer together."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TlsConversation if self.use_ssl else _PlainConversation

    @property
    def text_left(self) -> bool:
        """Whether a whole text was handed to the network: only then may the server have taken it."""
        return bool(self.connection is not None and getattr(self.connection, "text_left", False))


class _Conversation(_Dialogue):
    """What both kinds of connection share; stands before smtplib's class."""

    def __init__(self, host: str, port: int, *, timeout: float, **options: Any) -> None:
        self._ends = time.monotonic() + min(timeout, seconds_left())
        self.text_left = False
        super().__init__(host, port, timeout=timeout, **options)

    def time_left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("total time used up")
        return left

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.time_left())
        super().send(s)
        # Commands are text; bytes are a message with the dot that ends it. Half of one is never taken.
        self.text_left = self.text_left or isinstance(s, bytes)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Hearing(self.sock, self.time_left))
        return super().getreply()


class _PlainConversation(_Conversation, smtplib.SMTP):
    pass


class _TlsConversation(_Conversation, smtplib.SMTP_SSL):
    pass


class _Hearing(io.RawIOBase):
    """The reading side of the socket, with the time that is left set anew before every read."""

    def __init__(self, sock: Any, time_left: Any) -> None:
        self._sock, self._time_left = sock, time_left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._time_left())
        return int(self._sock.recv_into(buffer))
