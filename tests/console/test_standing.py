"""What marks ask for, kept on a business's page; what owners let go of, to be read."""

from __future__ import annotations

import pytest

from backend.bookings.models import Forgiveness
from backend.salons.models import Business
from tests.console.helpers import World, address, browser, operator
from tests.console.test_bookings import text_of
from tests.console.test_catalogue import errors_of, saved

pytestmark = pytest.mark.django_db
BODY = {
    "name_ar": "مؤسسة",
    "commission_basis_points": "0",
    "standing_steps": "30,50,100",
    "standing_days": "٩٠",
    "no_show_marks": "٢",
    "late_cancel_marks": "1",
}


def test_a_business_keeps_its_steps_in_any_digits() -> None:
    client = browser(operator("platform_admin"), language="en")
    saved(client.post(address(Business, "add"), BODY))
    made = Business.objects.get(name_ar="مؤسسة")
    assert (made.standing_steps, made.standing_days, made.no_show_marks) == ([30, 50, 100], 90, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"standing_steps": "50,30"},
        {"standing_steps": "101"},
        {"standing_steps": "1,2,3,4,5,6"},
        {"standing_days": "0"},
        {"no_show_marks": "9"},
    ],
)
def test_steps_that_make_no_sense_are_refused_in_words(wrong: dict[str, str]) -> None:
    client = browser(operator("platform_admin"), language="en")
    errors = errors_of(client.post(address(Business, "add"), BODY | wrong))
    assert "business_" not in str(errors), "no name of a constraint"
    assert errors


@pytest.mark.parametrize("language", ["ar", "en"])
def test_what_was_let_go_of_is_shown_with_who_did_and_why(language: str, world: World) -> None:
    client = browser(operator("platform_admin"), language=language)
    row = Forgiveness.objects.get()
    assert world.booking.reference in text_of(client.get(address(Forgiveness)))
    page = text_of(client.get(address(Forgiveness, "change", row.pk)))
    assert row.reason in page
    assert world.booking.reference in page
    for role in ("support", "finance"):
        assert browser(operator(role)).get(address(Forgiveness)).status_code == 403
