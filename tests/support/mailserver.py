"""A mail server on the loopback interface that speaks SMTP, and fails at the step it is told to.

    with MailServer() as server:
        server.fails("rcpt", "550 5.1.1 no such mailbox")
        server.fails("text", "hang")

Steps are connect, mail, rcpt, text (the reply to the whole message); what happens is a reply, "drop" or "hang".
`accepted` holds every message it took over, whatever it replied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.support.carriers import SILENCES

HANGS_FOR = 8.0
USER, PASSWORD = "mawid", "password-of-the-stand-in"


class MailServer:
    def __init__(self) -> None:
        self.accepted: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.before_silence: Callable[[], None] = lambda: None
        self._failures: dict[str, str] = {}
        self._controller = _Controller(self)

    def fails(self, step: str, how: str) -> None:
        self._failures[step] = how
        if how in SILENCES:
            self.before_silence()

    def settings(self) -> dict[str, Any]:
        """What the adapter needs to talk to this one."""
        return {
            "EMAIL_SERVICE": "smtp",
            "EMAIL_BACKEND": "backend.notifications.providers.smtp.SmtpBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": self._controller.port,
            "EMAIL_USE_TLS": False,
            "EMAIL_USE_SSL": False,
            "EMAIL_HOST_USER": "",
            "EMAIL_HOST_PASSWORD": "",
        }

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def _at(self, step: str, server: SMTP, success: str) -> str:
        """What the step replies, if it does."""
        how = self._failures.get(step, success)
        if how == "hang":
            await asyncio.sleep(HANGS_FOR)
        elif how == "drop":
            server.transport.abort()
        elif how == "drip":
            for letter in success[:-1] * 20:
                server.transport.write(letter.encode())
                await asyncio.sleep(0.1)
        else:
            return how
        return success

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._at("mail", server, "250 2.1.0 fine")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = await self._at("rcpt", server, "250 2.1.5 fine")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        how = self._failures.get("text", "250")
        if how == "250" or not how[0].isdigit():
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.accepted.append(message)
            self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos)))
        return await self._at("text", server, "250 2.0.0 taken")


class _Server(SMTP):
    """Greets, or fails to."""

    def __init__(self, handler: MailServer, **options: Any) -> None:
        super().__init__(handler, **options)
        self._owner = handler

    async def push(self, status: Any) -> None:
        text = status if isinstance(status, str) else status.decode()
        if self.session is not None and self.session.host_name is None and text.startswith("220 "):
            text = await self._owner._at("connect", self, text)
        await super().push(text)


class _Controller(Controller):
    def __init__(self, owner: MailServer) -> None:
        super().__init__(owner, hostname="127.0.0.1", port=0)
        self._owner = owner

    def factory(self) -> SMTP:
        return _Server(
            self._owner,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=self._check,
            loop=self.loop,
        )

    @staticmethod
    def _check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    def _trigger_server(self) -> None:
        """The port is only known once the server listens on it."""
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
