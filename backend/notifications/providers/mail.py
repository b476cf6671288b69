"""E-mail through Django's backend: a server by SMTP, or one of the services that django-anymail (15) speaks to."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parseaddr
from unicodedata import bidirectional

import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
)
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.message import BadHeaderError
from django.template.loader import render_to_string

from backend.notifications.providers import Channel, ErrorClass, ProviderError, Template

LONGEST_SUBJECT = 60
_ENHANCED = re.compile(rb"\A[245]\.([0-9]{1,3})\.([0-9]{1,3})")
_CLASS_OF_STATUS: dict[int, ErrorClass] = {401: "configuration", 403: "configuration", 429: "throttled"}


class MailProvider:
    channels: tuple[Channel, ...] = ("email",)

    @property
    def longest_call(self) -> float:
        return float(settings.EMAIL_TIMEOUT)

    def needs(self, channel: Channel) -> Mapping[str, bool]:
        by_smtp = settings.EMAIL_SERVICE == "smtp"
        return {"EMAIL_FROM": bool(settings.EMAIL_FROM)} | (
            {"EMAIL_HOST": bool(settings.EMAIL_HOST)} if by_smtp else {}
        )

    def address(self, channel: Channel) -> None:
        return None

    def carries(self, channel: Channel, template: Template) -> bool:
        return True

    def send(
        self,
        *,
        channel: Channel,
        to: str,
        body: str,
        reference: str,
        template: Template | None = None,
        valid_for: timedelta | None = None,
        title: str = "",
        data: Mapping[str, str] | None = None,
        promotional: bool = False,
    ) -> str:
        sender = settings.EMAIL_OFFERS_FROM if promotional else settings.EMAIL_FROM
        if not sender:
            name = "EMAIL_OFFERS_FROM" if promotional else "EMAIL_FROM"
            raise ProviderError(f"{name} is missing", outcome="refused", error_class="configuration")
        message = _message(
            sender=sender, to=to, title=title, body=body, reference=reference, promotional=promotional
        )
        backend = None
        try:
            backend = get_connection()
            backend.open()
            backend.send_messages([message])
        except smtplib.SMTPException as error:
            raise _smtp_failure(error, text_left=getattr(backend, "text_left", False)) from None
        except (AnymailError, AnymailConfigurationError, requests.RequestException) as error:
            raise _service_failure(error) from None
        except OSError as error:
            raise _silence(error, text_left=getattr(backend, "text_left", False)) from None
        except RecursionError:
            raise ProviderError("unreadable answer", outcome="unknown", error_class="unknown") from None
        except (BadHeaderError, UnicodeError) as error:
            raise ProviderError(
                type(error).__name__, outcome="refused", error_class="recipient", permanent=True
            ) from None
        finally:
            if backend is not None:
                with suppress(smtplib.SMTPException, OSError):
                    backend.close()
        return _id_of(message)

    def find(self, *, reference: str, to: str, body: str, since: datetime) -> str | None:
        """Nobody can be asked what became of an e-mail."""
        raise ProviderError("an e-mail cannot be looked up", outcome="unknown", error_class="unknown")


def _message(
    *, sender: str, to: str, title: str, body: str, reference: str, promotional: bool
) -> EmailMultiAlternatives:
    subject = " ".join((title or body).split())[:LONGEST_SUBJECT]
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    # A copy that a repeat leaves behind bears the same id, by which many mailboxes show it once.
    headers = {
        "Message-ID": f"<{reference}@{domain}>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": _language(f"{title} {body}"),
    }
    answers_to = settings.EMAIL_REPLY_TO
    if promotional:
        stop = parseaddr(answers_to or sender)[1]
        headers["List-Unsubscribe"] = f"<mailto:{stop}?subject=unsubscribe>"
    message = EmailMultiAlternatives(
        subject=subject,
        body=body,
        from_email=sender,
        to=[to],
        reply_to=[answers_to] if answers_to else None,
        headers=headers,
    )
    message.attach_alternative(as_html(title=title, body=body), "text/html")
    return message


def _id_of(message: EmailMultiAlternatives) -> str:
    """What the service calls it; a mail server knows it by the id we gave it."""
    status = getattr(message, "anymail_status", None)
    if status is not None and status.message_id is None and status.status == {"unknown"}:
        raise ProviderError("no word of the recipient", outcome="unknown", error_class="unknown")
    known_as = getattr(status, "message_id", None)
    return str(known_as or message.extra_headers["Message-ID"].strip("<>"))


def as_html(*, title: str, body: str) -> str:
    """The page an e-mail shows: one heading and the text, in the direction of its language."""
    language = _language(f"{title} {body}")
    return render_to_string(
        "notifications/email.html",
        {
            "title": title,
            "body": body,
            "language": language,
            "direction": "rtl" if language == "ar" else "ltr",
        },
    )


def _language(text: str) -> str:
    """Ours are two, and most letters decide: a salon's name may be written in the other one."""
    arabic = sum(bidirectional(letter) == "AL" for letter in text)
    latin = sum(bidirectional(letter) == "L" for letter in text)
    return "ar" if arabic >= latin else "en"


# What failures mean -----------------------------------------------------------------------------


def _smtp_failure(error: smtplib.SMTPException, *, text_left: bool) -> ProviderError:
    """What the server said, by the command it said it to. The sentences are not read: they quote the address."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(error.recipients.values()), (0, b""))
            kind = _of_recipient(code, said)
        case smtplib.SMTPAuthenticationError() | smtplib.SMTPSenderRefused():
            code = error.smtp_code
            kind = "provider_fault" if 400 <= code < 500 else "configuration"
        case smtplib.SMTPDataError():
            code = error.smtp_code
            kind = _of_text(code, error.smtp_error)
        case smtplib.SMTPResponseException():  # its greeting
            code, kind = error.smtp_code, "provider_fault"
        case smtplib.SMTPNotSupportedError():
            code, kind = 0, "configuration"
        case _:
            return _silence(error, text_left=text_left)
    if not 400 <= code < 600 and code:
        return ProviderError(f"reply {code}", outcome="unknown", error_class="unknown")
    return ProviderError(
        f"reply {code}" if code else type(error).__name__,
        outcome="refused",
        error_class=kind,
        permanent=kind in ("recipient", "our_bug"),
    )


def _of_recipient(code: int, said: bytes | str) -> ErrorClass:
    if code == 421:
        return "provider_fault"
    if 400 <= code < 500:
        return (
            "no_route"  # asked to come back later, or a mailbox that is full: this address, not their trouble
        )
    return "configuration" if _about_policy(said) else "recipient"


def _of_text(code: int, said: bytes | str) -> ErrorClass:
    if code == 552:
        return "our_bug"  # too large
    return "configuration" if code >= 500 and _about_policy(said) else "provider_fault"


def _about_policy(said: bytes | str) -> bool:
    """An enhanced code x.7.y (RFC 3463): our sender, its signature or its good name, not this address."""
    found = _ENHANCED.match(said if isinstance(said, bytes) else said.encode("ascii", "replace"))
    return found is not None and found[1] == b"7"


def _silence(error: Exception, *, text_left: bool) -> ProviderError:
    what = f"no whole conversation: {type(error).__name__}"
    if text_left:
        return ProviderError(what, outcome="unknown", error_class="unknown")
    return ProviderError(what, outcome="unreachable", error_class="provider_fault")


def _service_failure(error: Exception) -> ProviderError:
    """What a service's API answered. Its texts hold the address and the message, and are not repeated."""
    what = type(error).__name__
    if isinstance(error, AnymailRecipientsRefused | AnymailInvalidAddress):
        return ProviderError(what, outcome="refused", error_class="recipient", permanent=True)
    if isinstance(error, AnymailConfigurationError):
        return ProviderError(what, outcome="refused", error_class="configuration")
    if not isinstance(error, AnymailAPIError | requests.RequestException):
        return ProviderError(what, outcome="refused", error_class="our_bug", permanent=True)
    status = getattr(error, "status_code", None)
    if status is None:
        if _never_connected(error):
            return ProviderError("nobody there", outcome="unreachable", error_class="provider_fault")
        return ProviderError("no whole answer", outcome="unknown", error_class="unknown")
    what = f"answer {status}"
    if status == 408 or status < 400 or (status >= 500 and not _its_own_object(error)):
        return ProviderError(what, outcome="unknown", error_class="unknown")
    kind = _CLASS_OF_STATUS.get(status, "provider_fault" if status >= 500 else "our_bug")
    return ProviderError(what, outcome="refused", error_class=kind, permanent=kind == "our_bug")


def _never_connected(error: Exception) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.__cause__ or error
    reason = getattr(cause.args[0], "reason", None) if cause.args else None
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def _its_own_object(error: Exception) -> bool:
    """A 5xx of the service itself says so in JSON; one of a proxy before it may hide an acceptance."""
    try:
        return isinstance(getattr(error, "response", None).json(), dict)  # type: ignore[union-attr]
    except (AttributeError, ValueError):
        return False
