"""Refusals: everything a client can act on has a stable code and a sentence in both languages.

A refusal's parent says its kind; `core.api.problems` alone knows which HTTP status a kind has. Codes are part of the
mobile contract (`mobile-contract/errors.json` is generated from these classes): never reuse one for another meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

type_of_text = str | Promise


class DomainError(Exception):
    """Parent of all refusals.

    `params` are the numbers inside the message, repeated for the app; `extra` are further members of the problem
    (`retry_after` in seconds, `current` = the resource as it is now).
    """

    code: ClassVar[str] = ""
    message: ClassVar[Any] = ""
    client: ClassVar[str] = "show"
    """What the app does: fix | sign_in | refresh | show | reload | retry | update."""

    def __init__(self, *, extra: Mapping[str, Any] | None = None, **params: Any) -> None:
        super().__init__(self.code)
        self.params = params
        self.extra: dict[str, Any] = dict(extra or {})

    @property
    def detail(self) -> str:
        """The sentence a person reads, in the active language."""
        return str(self.message % self.params) if self.params else str(self.message)


class Invalid(DomainError):
    client = "fix"


class NotSignedIn(DomainError):
    client = "refresh"


class NotAllowed(DomainError):
    pass


class NotFound(DomainError):
    code = "not_found"
    message = _("The requested item does not exist.")


class Conflict(DomainError):
    client = "reload"


class Refused(DomainError):
    """Understood, and refused by a rule."""


class TooManyRequests(DomainError):
    """Carries `retry_after`, whole seconds, and the informative headers of the limit that refused."""

    code = "rate_limited"
    message = _("Too many requests. Please try again shortly.")
    client = "retry"

    def __init__(self, *, retry_after: int, headers: Mapping[str, str] | None = None, **params: Any) -> None:
        super().__init__(extra={"retry_after": retry_after}, **params)
        self.headers = dict(headers or {})


class Unavailable(DomainError):
    code = "unavailable"
    message = _("The service is temporarily unavailable. Please try again shortly.")
    client = "retry"


class PermissionDenied(NotAllowed):
    code = "permission_denied"
    message = _("You do not have permission for this action.")


class AuthRequired(NotSignedIn):
    code = "auth_required"
    message = _("Please sign in to continue.")


class VersionConflict(Conflict):
    code = "version_conflict"
    message = _("This item has changed. Its details have been refreshed.")

    def __init__(self, *, current: Mapping[str, Any] | None = None) -> None:
        super().__init__(extra={"current": current} if current is not None else None)


FIELD_ERRORS: dict[str, type_of_text] = {
    "field_required": _("This field is required."),
    "field_null": _("This field may not be null."),
    "field_blank": _("This field may not be empty."),
    "wrong_type": _("This value has the wrong type."),
    "invalid_choice": _("This value is not one of the allowed values."),
    "invalid_format": _("This value is not in the expected format."),
    "too_long": _("The text is longer than allowed."),
    "too_short": _("The text is shorter than allowed."),
    "too_large": _("This number is larger than allowed."),
    "too_small": _("This number is smaller than allowed."),
    "list_empty": _("This list may not be empty."),
    "list_too_long": _("This list has more entries than allowed."),
    "unknown_field": _("This name is not known here."),
    "not_found": _("The requested item does not exist."),
    "variant_required": _("Please choose one of the options of this service."),
    "phone_invalid": _("The mobile number is not correct. Example: 0512345678"),
    "phone_not_supported": _("Only Saudi mobile numbers can be used."),
    "phone_unchanged": _("This is already the number of your account."),
    "email_invalid": _("The e-mail address is not correct. Example: name@example.com"),
    "date_invalid": _("This is not a valid date. Example: 2026-11-20"),
    "datetime_invalid": _("This is not a valid moment. Example: 2026-11-20T16:30:00+03:00"),
    "date_out_of_range": _("This date is outside the years that can be used."),
    "offset_required": _("The time needs its offset. Example: 2026-11-20T16:30:00+03:00"),
    "authorisation_too_short": _(
        "A deposit can be held for five days at most. Please shorten the time to answer."
    ),
    "uuid_invalid": _("This is not a valid identifier."),
    "windows_overlap": _("These hours overlap others of the same day or week."),
    "ends_before_start": _("The end must be later than the start."),
    "moment_not_allowed": _("This moment lies outside what is possible here."),
    "photo_type_not_supported": _("Photos can be JPEG, PNG or WebP files that do not move."),
    "photo_unreadable": _("This file cannot be read as a photo."),
    "photo_too_large": _("The photo is too large."),
    "photo_too_small": _("The photo is too small. Each side needs at least 320 pixels."),
    "photo_too_narrow": _(
        "The photo is too narrow. One side may be at most four times as long as the other."
    ),
    "cursor_invalid": _("This page marker is not valid for this list."),
    "already_exists": _("This already exists here."),
    "link_not_allowed": _("Links are not allowed here."),
    "characters_not_allowed": _("This text has characters that are not allowed here."),
    "starts_in_other_language": _("The text must begin with a letter of its language."),
    "salon_named": _("Messages of a women's salon leave its name out."),
    "placeholder_broken": _("Braces may only stand around a placeholder, and there is no percent sign."),
    "placeholder_unknown": _("These placeholders are not known here: %(names)s"),
    "placeholder_missing": _("These placeholders are missing: %(names)s"),
    "too_many_parts": _("The text takes %(units)d units. It must fit one part of an SMS."),
    "deposit_twice": _("A deposit is a percentage or an amount, not both."),
    "not_in_steps": _("The length must be a multiple of the step."),
    "steps_fall": _("Each step must be at least as high as the one before it."),
    "url_invalid": _("This is not the address of a calendar. Example: https://example.com/calendar.ics"),
    "address_refused": _("The address belongs to a private network."),
    "location_not_served": _("This place lies outside the countries served."),
}
"""Codes inside `errors[]` of a `validation_failed` problem, with their sentences."""


@dataclass(frozen=True)
class FieldError:
    """One wrong value: `pointer` is a JSON Pointer into the body, or `parameter` names a query value or header."""

    code: str
    pointer: str | None = None
    parameter: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        sentence = str(FIELD_ERRORS[self.code])
        return sentence % self.params if self.params else sentence


class ValidationFailed(Invalid):
    code = "validation_failed"
    message = _("Please correct the marked fields.")

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__()
        self.errors = tuple(errors)

    @classmethod
    def at(cls, pointer: str, code: str, **params: Any) -> ValidationFailed:
        """One wrong field of the body, e.g. `ValidationFailed.at("/items/0/service_id", "not_found")`."""
        return cls([FieldError(code=code, pointer=pointer, params=params)])

    @classmethod
    def parameter(cls, name: str, code: str, **params: Any) -> ValidationFailed:
        """One wrong query value."""
        return cls([FieldError(code=code, parameter=name, params=params)])


class MalformedRequest(Invalid):
    code = "malformed_request"
    message = _("The request could not be read.")


class MethodNotAllowed(Invalid):
    code = "method_not_allowed"
    message = _("This method is not supported here.")


class EndpointRemoved(DomainError):
    """Announced as deprecated, and gone since its sunset: `core.api.deprecation`."""

    code = "endpoint_removed"
    message = _(
        "This feature is no longer available in this version of the app. Please update it from the store."
    )
    client = "update"


class NotAcceptable(Invalid):
    code = "not_acceptable"
    message = _("The requested format is not available.")


class UnsupportedMediaType(Invalid):
    code = "unsupported_media_type"
    message = _("The format of the request is not supported.")


class PayloadTooLarge(Invalid):
    code = "payload_too_large"
    message = _("The request is too large.")


class ServerError(DomainError):
    code = "server_error"
    message = _("An unexpected error occurred. Please try again later.")
    client = "retry"


def all_refusals() -> Iterator[type[DomainError]]:
    """Every refusal with a code, once per class, in a stable order. Apps must be loaded."""

    def below(parent: type[DomainError]) -> Iterator[type[DomainError]]:
        for child in parent.__subclasses__():
            yield child
            yield from below(child)

    yield from sorted({c for c in below(DomainError) if c.code}, key=lambda c: (c.code, c.__qualname__))
