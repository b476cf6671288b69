"""What the tests of the desk's catalogue share."""

from __future__ import annotations

import json
from typing import Any

from backend.accounts.models import PlatformRole, User
from backend.salons.models import Salon
from tests.factories import SalonFactory, UserFactory, employ
from tests.support.api import Api, refused


def desk(role: str = "owner", *, language: str = "ar", **salon: Any) -> tuple[Api, Salon]:
    """Somebody of this role at a salon of their own."""
    place = SalonFactory.create(**salon)
    return Api(employ(place, role), language=language), place


def platform_admin() -> User:
    admin: User = UserFactory.create()
    PlatformRole.objects.create(user=admin, role="platform_admin")
    return admin


def send_escaped(phone: Api, path: str, body: Any) -> Any:
    """POST with every character escaped: the only way half a surrogate pair can travel."""
    return phone.client.post(
        f"/api/v1/{path}", data=json.dumps(body), content_type="application/json", headers=phone.headers
    )


def wrong(response: Any) -> dict[str, str]:
    """Pointer or parameter of each wrong field, and its code."""
    body = refused(response, 400, "validation_failed")
    assert all(error["detail"] for error in body["errors"])
    return {error["pointer"] or error["parameter"]: error["code"] for error in body["errors"]}


def said(ar: str, en: str | None = None) -> dict[str, str | None]:
    return {"ar": ar, "en": en}
