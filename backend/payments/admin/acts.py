"""Acts of finance that want more than a click: a page with a form, and one that says what will happen."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.core import idempotency
from backend.core.console import ReasonForm, Riyals
from backend.core.errors import DomainError
from backend.core.money import money
from backend.core.text import ascii_digits, clean_name
from backend.payments.models import Outcome
from backend.payments.providers.moyasar import holds_card_data
from backend.payments.refusals import CardDataRefused

MOST_REASON, MOST_NOTE = 200, 500
"""Letters of a reason and of a note; the API takes as many."""

Facts = Sequence[tuple[Any, Any]]
"""What a page says above its form: a name and a value each."""


def reason_field(most: int) -> forms.CharField:
    """The bar of actions' field for words, which takes as many letters as are kept."""
    return forms.CharField(
        label=_("Reason"), required=False, max_length=most, widget=forms.TextInput(attrs={"dir": "auto"})
    )


class ShortReasonForm(ReasonForm):
    reason = reason_field(MOST_REASON)


def reason_given(request: HttpRequest, most: int = MOST_REASON) -> str:
    """What was typed into the bar of actions, as it is kept. Raises CardDataRefused, as the API does."""
    text = clean_name(request.POST.get("reason", ""))[:most]
    if holds_card_data(text):
        raise CardDataRefused
    return text


class ActForm(forms.Form):
    """`key` is made with the page: however often the page is sent, the act is done once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, value in list(cleaned.items()):
            if isinstance(value, str):
                cleaned[name] = clean_name(value)
                if holds_card_data(value):
                    self.add_error(name, str(CardDataRefused.message))
        return cleaned


class RefundForm(ActForm):
    amount = Riyals(label=_("Amount"))
    reason = forms.CharField(
        label=_("Reason"), max_length=MOST_REASON, widget=forms.TextInput(attrs={"dir": "auto"})
    )

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if not amount:
            raise forms.ValidationError(Riyals.default_error_messages["invalid"])
        return amount


OUTCOMES = {
    Outcome.REFUNDED_OUTSIDE: _("The money went back by another way"),
    Outcome.ACCEPTED: _("Looked into, and it stays as it is"),
    Outcome.RETRY: _("Try once more now"),
}


class TaskForm(ActForm):
    outcome = forms.ChoiceField(label=_("Answer"), choices=[("", "—"), *OUTCOMES.items()])
    note = forms.CharField(
        label=_("Note"), max_length=MOST_NOTE, widget=forms.TextInput(attrs={"dir": "auto"})
    )


class Day(forms.DateField):
    widget = forms.DateInput(attrs={"type": "date", "dir": "ltr"})

    def to_python(self, value: Any) -> Any:
        return super().to_python(ascii_digits(value).strip() if isinstance(value, str) else value)


class PayoutForm(ActForm):
    amount = Riyals(label=_("Amount"))
    from_date = Day(label=_("From"))
    to_date = Day(label=_("To"))
    bank_reference = forms.CharField(
        label=_("Bank reference"), max_length=80, widget=forms.TextInput(attrs={"dir": "ltr"})
    )

    clean_amount = RefundForm.clean_amount

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        first, last = cleaned.get("from_date"), cleaned.get("to_date")
        if first and last and last < first:
            self.add_error("to_date", _("The end must be later than the start."))
        return cleaned


def act_page(
    site: admin.AdminSite,
    request: HttpRequest,
    *,
    title: Any,
    kind: type[ActForm],
    initial: dict[str, Any],
    facts: Facts,
    warning: Callable[[dict[str, Any]], Any],
    operation: str,
    act: Callable[[dict[str, Any]], Any],
    back: str,
) -> HttpResponse:
    """Ask, say what will happen (`warning`), and do it once that is confirmed. A refusal is told above the form.

    `act` runs in one transaction with the form's key and returns the sentence that says what was done.
    """
    form = kind(request.POST) if request.method == "POST" else kind(initial=initial)
    confirming, problem = False, ""
    answers: list[tuple[Any, Any]] = []
    if form.is_bound and form.is_valid():
        if "confirmed" in request.POST:
            try:
                said = _once(request, form.cleaned_data, operation=operation, act=act)
            except DomainError as error:
                problem = error.detail
            else:
                messages.success(request, said)
                return redirect(back)
        else:
            confirming = "changed" not in request.POST
            answers = [
                (field.label, _shown(field, form.cleaned_data[field.name])) for field in form.visible_fields()
            ]
    context = site.each_context(request) | {
        "title": title,
        "form": form,
        "facts": facts,
        "confirming": confirming,
        "answers": answers,
        "warning": warning(form.cleaned_data) if confirming else "",
        "problem": problem,
        "back": back,
    }
    return TemplateResponse(request, "payments/act.html", context)


def _shown(field: forms.BoundField, value: Any) -> str:
    """What was typed, as it was understood."""
    if isinstance(field.field, forms.ChoiceField):
        return str(dict(cast(Any, field.field.choices))[value])
    if isinstance(value, int):
        return money(value)["display"]
    return value.isoformat() if isinstance(value, date) else str(value)


def _once(
    request: HttpRequest, values: dict[str, Any], *, operation: str, act: Callable[[dict[str, Any]], Any]
) -> str:
    now = timezone.now()
    outcome = idempotency.once(
        user_id=cast(Any, request.user).pk,
        operation=operation,
        key=values["key"],
        fingerprint=idempotency.fingerprint(request.path, values),
        act=lambda: (200, json.dumps(str(act(values))).encode()),
        now=now,
    )
    return str(json.loads(outcome.body))
