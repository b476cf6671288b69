"""Role by model by page: what the policy says is what happens, and some things no policy can allow."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.forms import model_to_dict

from backend.console.policy import MUST_SEARCH, NOT_SHOWN, POLICY
from backend.console.site import Console
from backend.core.models import RateCount
from tests.console.helpers import ROLES, World, address, browser, operator, registered

pytestmark = pytest.mark.django_db

DECIDED_BY_THE_SYSTEM = {
    "accounts.user", "accounts.device", "accounts.otpchallenge", "accounts.phonechange", "accounts.supportlook",
    "accounts.privacynotice", "accounts.consent",
    "salons.review", "salons.photo",
    "bookings.booking", "bookings.bookingevent", "bookings.claim", "bookings.refusal",
    "bookings.outsidecalendar", "bookings.forgiveness",
    "payments.payment", "payments.refund", "payments.webhookevent", "payments.gatewaycall",
    "payments.reconciliation", "payments.difference", "payments.entry", "payments.payout", "payments.taxdocument",
    "payments.refundrequest", "payments.exporttaken",
    "payments.settlement", "payments.settlementline", "payments.dayclose",
    "notifications.message", "notifications.providerrefusal",
    "core.alarm", "admin.logentry",
}  # fmt: skip
"""No page changes these, for anybody."""
FINANCE = {
    "payments.payment", "payments.refund", "payments.webhookevent", "payments.gatewaycall",
    "payments.reconciliation", "payments.difference", "payments.entry", "payments.payout", "payments.taxdocument",
    "payments.refundrequest", "payments.exporttaken",
    "payments.settlement", "payments.settlementline", "payments.dayclose",
}  # fmt: skip
ACTS_OF_FINANCE = {
    "payments.webhookevent": {"act_again"},
    "payments.payment": {"refund", "answer"},
    "payments.refundrequest": {"decide"},
    "payments.payout": {"record", "void"},
    "payments.difference": {"work"},
    "payments.dayclose": {"close"},
}
"""What finance does beside reading; nobody else does any of it but acting on an event again."""
SUPPORT = {
    "accounts.user", "accounts.device", "accounts.otpchallenge", "accounts.phonechange", "bookings.booking",
    "bookings.bookingevent", "bookings.refusal", "notifications.message",
}  # fmt: skip
NAMES_NOBODY = {"bookings.refusal"}
"""What support may browse: nothing in it is about anybody."""
ONLY_INSIDE = {
    "salons.staffservice",
    "salons.reviewreport",
    "salons.salonevent",
    "salons.serviceneed",
    "salons.overridewindow",
    "bookings.bookingitem",
    "payments.line",
    "payments.differenceevent",
    "notifications.deliveryattempt",
}
"""Shown as rows of the page above them."""
OURS = ("core", "notifications", "accounts", "salons", "bookings", "payments")


def test_every_model_of_ours_is_shown_or_says_why_not() -> None:
    ours = {m._meta.label_lower for app in OURS for m in apps.get_app_config(app).get_models()}
    assert ours - POLICY.keys() - NOT_SHOWN.keys() == set()
    assert POLICY.keys() & NOT_SHOWN.keys() == set()
    known = {m._meta.label_lower for m in apps.get_models()}
    assert (POLICY.keys() | NOT_SHOWN.keys() | MUST_SEARCH.keys()) - known == set()
    assert {m._meta.label_lower for m in registered()} == POLICY.keys() - ONLY_INSIDE


def test_a_model_without_a_line_cannot_be_registered() -> None:
    class Unknown:
        class _meta:
            label_lower, swapped, abstract = "somewhere.unknown", None, False

    with pytest.raises(ImproperlyConfigured, match=r"somewhere\.unknown"):
        Console().register([Unknown])
    site = Console()
    site.register(RateCount)
    assert not site.is_registered(RateCount)


def test_the_table_gives_roles_what_was_agreed() -> None:
    def seen_by(role: str) -> set[str]:
        return {model for model, rules in POLICY.items() if "view" in rules.get(role, ())} - ONLY_INSIDE

    assert seen_by("finance") == FINANCE
    assert seen_by("support") == SUPPORT
    assert seen_by("platform_admin") == POLICY.keys() - ONLY_INSIDE
    for model, rules in POLICY.items():
        assert rules.get("support", frozenset()) <= {"view"}
        assert rules.get("finance", frozenset()) <= {"view"} | ACTS_OF_FINANCE.get(model, set())
    assert {model for model, roles in MUST_SEARCH.items() if "support" in roles} >= SUPPORT - NAMES_NOBODY


@pytest.mark.parametrize("superuser", [False, True])
def test_what_the_system_decides_is_read_only_whatever_the_policy_says(
    superuser: bool, rf: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("backend.console.policy.may", lambda user, model, verb: True)
    request = rf.get("/console/")
    request.user = operator("platform_admin", is_superuser=superuser)
    for model in registered():
        if model._meta.label_lower in DECIDED_BY_THE_SYSTEM:
            page = admin.site.get_model_admin(model)
            row = model()
            assert page.has_view_permission(request, row)
            assert not page.has_add_permission(request)
            assert not page.has_change_permission(request, row)
            assert not page.has_delete_permission(request, row)


def status(response: Any) -> int:
    return int(response.status_code)


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_role_by_model_by_page(role: str, world: World) -> None:
    client = browser(operator(None, is_staff=True) if role == "nobody" else operator(role))
    wrong = []
    for model in registered():
        label = model._meta.label_lower
        verbs = POLICY[label].get(role, frozenset())
        row = model._default_manager.order_by("pk").first()
        assert row is not None, f"the world has no {label}"
        before = model._default_manager.count()
        for page, verb, url in (
            ("list", "view", address(model)),
            ("detail", "view", address(model, "change", row.pk)),
            ("history", "view", address(model, "history", row.pk)),
            ("add", "add", address(model, "add")),
            ("delete", "delete", address(model, "delete", row.pk)),
        ):
            expected = 200 if verb in verbs else 403
            if (found := status(client.get(url))) != expected:
                wrong.append((label, page, found, expected))
        if "change" not in verbs:
            body = dict.fromkeys(model_to_dict(row), "1") | {"_save": "1"}
            if (found := status(client.post(address(model, "change", row.pk), body))) != 403:
                wrong.append((label, "change", found, 403))
        if (
            "add" not in verbs
            and (found := status(client.post(address(model, "add"), {"_save": "1"}))) != 403
        ):
            wrong.append((label, "add by POST", found, 403))
        if "delete" not in verbs:
            if (found := status(client.post(address(model, "delete", row.pk), {"post": "yes"}))) != 403:
                wrong.append((label, "delete by POST", found, 403))
            assert model._default_manager.filter(pk=row.pk).exists()
        looks = label == "accounts.supportlook" or label == "admin.logentry"
        assert looks or model._default_manager.count() == before
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_only_actions_of_the_policy_are_offered_and_none_deletes_in_bulk(role: str, rf: Any) -> None:
    request = rf.get("/console/")
    request.user = operator(role)
    offered = {
        model._meta.label_lower: set(admin.site.get_model_admin(model).get_actions(request))
        for model in registered()
    }
    offered = {label: actions for label, actions in offered.items() if actions}
    if role == "platform_admin":
        assert offered == {
            "accounts.device": {"sign_out"},
            "accounts.datarequest": {"extend", "done", "partly", "refuse", "taken_back"},
            "salons.salon": {"submit", "approve", "send_back", "suspend", "reinstate"},
            "salons.photo": {"hide", "show"},
            "salons.review": {"hide", "publish"},
            "bookings.booking": {"confirm", "decline", "cancel"},
            "payments.webhookevent": {"act_again"},
            "notifications.message": {"resend"},
            "core.alarm": {"acknowledge"},
        }
    elif role == "finance":
        assert offered == {
            "payments.webhookevent": {"act_again"},
            "payments.refundrequest": {"approve", "decline", "withdraw"},
            "payments.payout": {"void"},
            "payments.difference": {"take", "note", "resolve"},
        }
    else:
        assert offered == {}


@pytest.mark.parametrize("model", registered(), ids=lambda m: m._meta.label_lower)
def test_a_stranger_is_sent_to_sign_in(model: type[Model], client: Any) -> None:
    answer = client.get(address(model))
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/console/login/")
