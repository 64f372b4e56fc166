"""Waiting for what a pipeline does in its own time."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], timeout_s: float = 60.0, what: str = "the condition") -> None:
    """Returns when the condition holds; fails when it does not within ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:g} s"
        time.sleep(0.05)
