import pytest

from backend.notifications.sms import sms_units


@pytest.mark.parametrize(
    ("text", "units", "parts"),
    [
        ("", 0, 1),
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        ("a" * 307, 307, 3),
        ("€" * 80, 160, 1),
        ("€" * 80 + "a", 161, 2),
        ("س" * 70, 70, 1),
        ("س" * 71, 71, 2),
        ("س" * 134, 134, 2),
        ("س" * 135, 135, 3),
        ("a" * 69 + "س", 70, 1),
        ("س" * 69 + "😀", 71, 2),
        ("a" * 70 + "’", 71, 2),
    ],
)
def test_units_and_parts(text, units, parts):
    assert sms_units(text) == (units, parts)
