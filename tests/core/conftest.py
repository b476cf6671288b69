from __future__ import annotations

import pytest

from tests.support import contract


@pytest.fixture(scope="session", autouse=True)
def real_contract() -> None:
    """The contract is read once per run: before any test here points the server at other addresses."""
    contract.schema()
