"""People, as the forms and headings of the console name them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.core import phone
from backend.core.console import whole_number
from backend.core.errors import FIELD_ERRORS


class NumberField(forms.CharField):
    """Somebody, by their whole number. Never a list of people to choose from."""

    def __init__(self, *, required: bool = True) -> None:
        widget = forms.TextInput(attrs={"dir": "ltr", "type": "tel", "inputmode": "tel"})
        super().__init__(label=_("Mobile number"), max_length=40, required=required, widget=widget)

    def clean(self, value: Any) -> Any:
        """The User, or None when the field was left empty.

        Only somebody who has signed in once: a slip of the finger must not give a stranger a role.
        """
        text = super().clean(value)
        if not text:
            return None
        number = whole_number(text)
        if not number:
            raise ValidationError(str(FIELD_ERRORS["phone_invalid"]))
        somebody = User.objects.filter(phone=number, is_active=True).first()
        if somebody is None:
            raise ValidationError(_("Nobody with this number has signed in yet."))
        return somebody


def called(user: User | None) -> str:
    """A person, in headings and reports."""
    if user is None:
        return ""
    return f"{user.name} {phone.masked(user.phone) if user.phone else ''}".strip() or str(user.pk)
