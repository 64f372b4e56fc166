"""The receiver of these tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.local.receiving import Receiver


@pytest.fixture
def stored() -> list[list[Any]]:
    return []


@pytest.fixture
def receiver(stored: list[list[Any]]) -> Iterator[Receiver]:
    with Receiver(stored.extend) as running:
        yield running
