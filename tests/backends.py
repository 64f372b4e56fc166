"""Programs that tests need and pip does not install (a collector, a browser)."""

import os
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("AGENTSIGHT_REQUIRE_BACKENDS", "") not in ("", "0")
"""Set where everything must be there, in CI for one: a missing backend is then a failure."""


def missing(backend: str, remedy: str) -> NoReturn:
    """Fails the test where backends are required; elsewhere skips it, and the summary says what to install.

    Args:
        backend: What is missing.
        remedy: The command that brings it.
    """
    said = f"{backend} is not here; {remedy}"
    if REQUIRED:
        pytest.fail(said)
    pytest.skip(said)
