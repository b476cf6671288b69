import pytest

from tests.console.helpers import World


@pytest.fixture
def world() -> World:
    return World()
