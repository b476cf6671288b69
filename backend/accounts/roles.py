"""Who works here: apps above add what makes a person staff with them, as only they know."""

from __future__ import annotations

from collections.abc import Callable

from backend.accounts.models import User

Question = Callable[[User], bool]

_questions: list[Question] = []


def register(is_staff: Question) -> None:
    """Called from an AppConfig's `ready`: one more way of being staff."""
    _questions.append(is_staff)


def is_staff_anywhere(user: User) -> bool:
    """Whether the person has any role: on the platform, in the admin, or with an app above."""
    return user.is_staff or user.is_superuser or bool(user.platform_roles) or works_at_a_salon(user)


def works_at_a_salon(user: User) -> bool:
    """Whether an app above counts the person among its staff."""
    return any(is_staff(user) for is_staff in _questions)
