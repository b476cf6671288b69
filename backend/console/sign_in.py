"""Signing in to the console: a phone number, then the code it was sent. The API's own operations and limits.

Nothing before the proof tells an operator's number from any other. Between the two steps the browser carries a signed
ticket, so that nobody can fill the table of sessions by typing numbers.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import auth
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from backend.accounts import operations
from backend.accounts.operations import DeviceDetails, IdentityUnconfirmed, OtpExpired, OtpInvalid
from backend.console import errors, policy
from backend.core import phone as phones
from backend.core.api.client_address import client_network
from backend.core.api.problems import status_of
from backend.core.errors import FIELD_ERRORS, DomainError, PermissionDenied, ValidationFailed
from backend.core.text import ascii_digits

DEVICE, SINCE, SEEN = "device", "since", "seen"
"""What a session of the console holds besides the person."""

INSTALLATION = "console_installation"
_TICKET = "console.sign-in"
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_400_DAYS = 400 * 24 * 60 * 60  # the longest browsers keep a cookie


NOT_AN_OPERATOR = _(
    "This console is for the platform's own team. Your number was confirmed, but it has no role here."
)


class PhoneForm(forms.Form):
    phone = forms.CharField(
        label=_("Mobile number"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "type": "tel",
                "inputmode": "tel",
                "autocomplete": "tel",
                "dir": "ltr",
                "autofocus": True,
                "placeholder": "05XXXXXXXX",
            }
        ),
    )

    def clean_phone(self) -> str:
        try:
            return phones.mobile_e164(self.cleaned_data["phone"])
        except phones.PhoneNotSupported as error:
            raise ValidationError(str(FIELD_ERRORS["phone_not_supported"])) from error
        except phones.PhoneInvalid as error:
            raise ValidationError(str(FIELD_ERRORS["phone_invalid"])) from error


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Verification code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "dir": "ltr", "autofocus": True}
        ),
    )

    def clean_code(self) -> str:
        code = re.sub(r"[\s-]", "", ascii_digits(self.cleaned_data["code"]))
        if not re.fullmatch(r"[0-9]{6}", code):
            raise ValidationError(_("Enter the six digits of the code."))
        return code


def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Both steps on one address: which one is posted shows in the fields it sends."""
    context = context | {"title": _("Sign in"), "next": _next(request), "is_nav_sidebar_enabled": False}
    if request.method != "POST":
        response = _phone_step(request, context, PhoneForm())
    elif "ticket" in request.POST:
        response = _give_code(request, context)
    else:
        response = _ask_for_code(request, context, PhoneForm(request.POST))
    return _remember_installation(request, response)


def _ask_for_code(request: HttpRequest, context: dict[str, Any], form: PhoneForm) -> HttpResponse:
    if not form.is_valid():
        return _phone_step(request, context, form, status=400)
    number = form.cleaned_data["phone"]
    try:
        asked = operations.request_code(
            phone=number,
            channel="sms",
            app_hash=None,
            installation_id=_installation(request),
            language=get_language() or "ar",
            network=client_network(request),
            now=timezone.now(),
        )
    except DomainError as error:
        form.add_error("phone", _sentence(error))
        return _phone_step(request, context, form, status=status_of(error))
    ticket = signing.dumps([str(asked.challenge_id), number], salt=_TICKET)
    return _code_step(request, context, CodeForm(), ticket=ticket, number=number)


def _give_code(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    try:
        challenge_id, number = signing.loads(
            request.POST["ticket"], salt=_TICKET, max_age=settings.OTP_LIFETIME + timedelta(minutes=1)
        )
    except signing.BadSignature:
        return _begin_again(request, context, OtpExpired())
    if "again" in request.POST:
        return _ask_for_code(request, context, PhoneForm({"phone": number}))
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _code_step(request, context, form, ticket=request.POST["ticket"], number=number, status=400)
    now = timezone.now()
    try:
        signed_in = operations.verify_code(
            challenge_id=uuid.UUID(challenge_id),
            code=form.cleaned_data["code"],
            device=DeviceDetails(installation_id=_installation(request), platform="web", name="Console"),
            network=client_network(request),
            now=now,
        )
    except OtpInvalid as error:
        form.add_error("code", error.detail)
        return _code_step(
            request,
            context,
            form,
            ticket=request.POST["ticket"],
            number=number,
            status=status_of(error),
        )
    except DomainError as error:
        return _begin_again(request, context, error)
    if not policy.is_operator(signed_in.user):
        operations.revoke_device(user=signed_in.user, device_id=signed_in.device.pk, now=now)
        return errors.refusal(PermissionDenied(), detail=NOT_AN_OPERATOR)
    if signed_in.device.history_from is not None:
        # Whoever has the number now is not yet who was given the role (recycled numbers): the app asks for the name.
        operations.revoke_device(user=signed_in.user, device_id=signed_in.device.pk, now=now)
        return errors.refusal(IdentityUnconfirmed())
    auth.login(request, signed_in.user, backend=_BACKEND)
    request.session[DEVICE] = str(signed_in.device.pk)
    request.session[SINCE] = request.session[SEEN] = now.timestamp()
    return redirect(context["next"] or "admin:index")


def _begin_again(request: HttpRequest, context: dict[str, Any], error: DomainError) -> HttpResponse:
    form = PhoneForm({})
    form.errors.clear()
    form.add_error(None, _sentence(error))
    return _phone_step(request, context, form, status=status_of(error))


def _phone_step(
    request: HttpRequest, context: dict[str, Any], form: PhoneForm, *, status: int = 200
) -> HttpResponse:
    return render(request, "console/sign_in.html", context | {"form": form}, status=status)


def _code_step(
    request: HttpRequest,
    context: dict[str, Any],
    form: CodeForm,
    *,
    ticket: str,
    number: str,
    status: int = 200,
) -> HttpResponse:
    if form.is_bound:
        form.data = {}  # a code that was refused is not shown again
    more = {"form": form, "ticket": ticket, "sent_to": phones.masked(number)}
    return render(request, "console/sign_in.html", context | more, status=status)


def _sentence(error: DomainError) -> str:
    return error.errors[0].detail if isinstance(error, ValidationFailed) else error.detail


def _next(request: HttpRequest) -> str:
    """Where to go afterwards: a page of this console or nowhere."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours and wanted.startswith(f"{errors.PREFIX}/") else ""


def _installation(request: HttpRequest) -> uuid.UUID:
    """This browser, as the limits know it: one that signed in before keeps a budget of its own under attack."""
    kept: uuid.UUID | None = request.__dict__.get("_console_installation")
    if kept is None:
        try:
            kept = uuid.UUID(request.COOKIES.get(INSTALLATION, ""))
        except ValueError:
            kept = uuid.uuid4()
        request.__dict__["_console_installation"] = kept
    return kept


def _remember_installation(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response.set_cookie(
        INSTALLATION,
        str(_installation(request)),
        max_age=_400_DAYS,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response
