"""Warns where a change was recorded for a conversation that does not exist, for example under a mistyped id."""

import importlib
import threading
import time
from collections.abc import Callable

from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.guard import say
from agentsight_otel._lifecycle import setup
from agentsight_otel._tracing import runtime

_WAIT_S = 15.0
_PAUSE_S = 1.0
_MAX_CHECKED_AT_ONCE = 8

_knows: Callable[[str], bool] | None = None
_checking = threading.BoundedSemaphore(_MAX_CHECKED_AT_ONCE)


def ask(knows: Callable[[str], bool]) -> None:
    """Sets the function that tells whether a conversation exists.

    Args:
        knows: Returns whether a conversation with an id exists; it may be slow, and may raise.
    """
    global _knows
    _knows = knows


def say_if_unknown(conversation_id: str) -> None:
    """Checks in the background whether a conversation exists, and logs a warning where it does not.

    Where there is a database to ask: that of ``agentsight_api.configure()``, else the ``clickhouse_url`` of ``init()``
    or the environment. Never raises, and does not wait.
    """
    knows = _knows
    if knows is None and runtime.current().settings.clickhouse_url:
        # By its name: who never reads does without the ClickHouse half.
        knows = importlib.import_module("agentsight_otel.compat.reader").agentsight_api.knows
    if knows is None or not _checking.acquire(blocking=False):
        return
    try:
        threading.Thread(target=_check, args=(conversation_id, knows), name="agentsight-unknown", daemon=True).start()
    except RuntimeError:  # the interpreter is shutting down
        _checking.release()


def _check(conversation_id: str, knows: Callable[[str], bool]) -> None:
    try:
        setup.flush()  # it may have been recorded a moment ago
        deadline_s = steady_s() + _WAIT_S
        while not knows(conversation_id):
            if steady_s() > deadline_s:
                say(
                    f"unknown {conversation_id[:100]}",
                    f"conversation {conversation_id[:100]!r}: nothing else was ever recorded of it; what was said of it"
                    " is kept, and counts in no metric",
                )
                return
            time.sleep(_PAUSE_S)
    except Exception as error:
        say("unknown", f"whether a conversation exists could not be looked up: {type(error).__name__}: {error}"[:300])
    finally:
        _checking.release()
