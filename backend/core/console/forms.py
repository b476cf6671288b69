"""What is typed: amounts, clocks, names and reasons, in the digits of every script."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from backend.core.console.labels import Text
from backend.core.money import plain
from backend.core.text import ascii_digits, clean_name, clean_prose


class Riyals(forms.Field):
    """Halalas, typed as riyals: `150`, `1,250.50`, `١٥٠٫٥`."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "dir": "ltr"})
    default_error_messages = {"invalid": _("Enter an amount in riyals, such as 150.00.")}

    def prepare_value(self, value: Any) -> Any:
        return plain(value).replace(",", "") if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        text = ascii_digits(str(value or "")).replace("٫", ".").replace("٬", "").replace(",", "").strip()
        if not text:
            return None
        try:
            minor = Decimal(text) * 100
        except InvalidOperation:
            minor = Decimal("NaN")
        if not minor.is_finite() or minor != minor.to_integral_value() or not 0 <= minor <= 100_000_000:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return int(minor)


class MinuteOfDay(forms.Field):
    """Minutes after local midnight, typed as a clock: `22:00`; `25:30` is half past one of the next morning."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "dir": "ltr", "placeholder": "10:00"})
    default_error_messages = {
        "invalid": _("Enter a time such as 10:00; after midnight go on counting: 25:30 is half past one.")
    }

    def prepare_value(self, value: Any) -> Any:
        return clock(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        text = ascii_digits(str(value or "")).strip()
        if not text:
            return None
        found = re.fullmatch(r"([0-9]{1,2}):([0-5][0-9])", text)
        if not found:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return int(found[1]) * 60 + int(found[2])


class Written(forms.CharField):
    """A number that names something, typed in any digits: `read` gives what is stored or raises ValueError."""

    widget = forms.TextInput(attrs={"dir": "ltr"})
    default_error_messages = {"invalid": _("This is not written as expected. Example: %(example)s")}

    def __init__(self, read: Callable[[str], str], *, example: str, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=60, **kwargs)
        self.read, self.example = read, example

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        if not text:
            return ""
        try:
            return self.read(text)
        except ValueError as error:
            raise ValidationError(
                self.error_messages["invalid"], code="invalid", params={"example": self.example}
            ) from error


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


class ConsoleForm(forms.ModelForm[Any]):
    """Digits of every script in numbers and dates; names without the marks that can spoof what people see."""

    rules: Mapping[str, Text] = {}
    """What the database's constraints say, in words: by the constraint's name."""

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        if data is None:
            return
        folded = data.copy()
        for name, field in self.fields.items():
            if isinstance(field, forms.IntegerField | forms.DateField | forms.SplitDateTimeField):
                for key in (name, f"{name}_0", f"{name}_1"):
                    key = self.add_prefix(key)
                    if key in folded:
                        folded[key] = ascii_digits(folded[key]).strip()
        self.data = folded

    def _update_errors(self, errors: Any) -> None:
        lists = getattr(errors, "error_dict", {"": getattr(errors, "error_list", [])}).values()
        for error in (error for found in lists for error in found):
            for name, sentence in self.rules.items():
                if name in str(error.message):
                    error.message = sentence
        super()._update_errors(errors)  # type: ignore[misc]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, value in cleaned.items():
            if isinstance(value, str) and name in self.fields:
                prose = isinstance(self.fields[name].widget, forms.Textarea)
                cleaned[name] = clean_prose(value) if prose else clean_name(value)
        return cleaned


class ReasonForm(ActionForm):
    """The action bar with a reason, for actions that people will ask about."""

    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=300, widget=forms.TextInput(attrs={"dir": "auto"})
    )
