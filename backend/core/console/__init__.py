"""What every page of the console shares: who may do what, how things are found, and how they are written.

The console is Django's admin (`backend.console` runs it). Each app's `admin` says which of its models are shown and
how; whether a person may see or change them is `backend.console.policy`'s to say, which the site answers for.
"""

from backend.core.console.columns import (
    EMPTY,
    amount,
    code,
    coded,
    column,
    day_text,
    document,
    in_riyals,
    language,
    ltr,
    name,
    person,
    phone,
    to_list,
    words,
)
from backend.core.console.forms import (
    ConsoleForm,
    MinuteOfDay,
    ReasonForm,
    Riyals,
    Written,
    clock,
)
from backend.core.console.labels import (
    label,
    label_translated,
    named,
    titled,
)
from backend.core.console.pages import (
    BoundedPaginator,
    ConsoleAdmin,
    Governed,
    ReadOnlyAdmin,
    ReadOnlyRows,
    whole_number,
)

__all__ = [
    "EMPTY",
    "BoundedPaginator",
    "ConsoleAdmin",
    "ConsoleForm",
    "Governed",
    "MinuteOfDay",
    "ReadOnlyAdmin",
    "ReadOnlyRows",
    "ReasonForm",
    "Riyals",
    "Written",
    "amount",
    "clock",
    "code",
    "coded",
    "column",
    "day_text",
    "document",
    "in_riyals",
    "label",
    "label_translated",
    "language",
    "ltr",
    "name",
    "named",
    "person",
    "phone",
    "titled",
    "to_list",
    "whole_number",
    "words",
]
