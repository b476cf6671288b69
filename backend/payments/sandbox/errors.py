"""Refusals as Moyasar words them: `{"type", "message", "errors"}` beside an HTTP status."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    def __init__(self, status: int, type: str, message: str, errors: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, Any]:
        return {"type": self.type, "message": self.message, "errors": self.errors}


def invalid(**errors: str) -> ApiError:
    """A field is wrong: 400."""
    return ApiError(400, "validation_error", "Validation Failed", {k: [v] for k, v in errors.items()})


def refused(message: str, errors: Any = None) -> ApiError:
    """The payment's state does not allow it: 400."""
    return ApiError(400, "invalid_request_error", message, errors)


def not_found() -> ApiError:
    return ApiError(404, "record_not_found", "Record not found")


def unauthenticated() -> ApiError:
    return ApiError(401, "authentication_error", "Invalid authorization credentials")


def forbidden() -> ApiError:
    return ApiError(403, "api_error", "User not authorized")
