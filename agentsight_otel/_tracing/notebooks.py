"""Carries the conversation from cell to cell in IPython and Jupyter, which run a cell that awaits in its own context.

Where two tasks of one cell make different conversations current, the next cell has neither.
"""

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentsight_otel._tracing.entries import Entry

_latest: "tuple[int, asyncio.Task[Any] | None, Entry | None] | None" = None
_watched: Any = None


def made_current(entry: "Entry", use: "Callable[[Entry], object]") -> None:
    """Notes that a conversation was made current, perhaps by a cell.

    Args:
        entry: The entry of the conversation.
        use: Makes the entry current at the beginning of another cell.
    """
    shell = _shell()
    if shell is None or threading.current_thread() is not threading.main_thread():
        return
    global _latest, _watched
    cell, task = shell.execution_count, _task()
    if _latest is not None and _latest[0] == cell and _latest[1] is not task:
        before = _latest[2]
        contested = before is None or before.conversation.id != entry.conversation.id
        _latest = cell, task, None if contested else entry
    else:
        _latest = cell, task, entry
    if _watched is not shell:
        _watched = shell
        shell.events.register("pre_run_cell", lambda *_: _begin_cell(use))


def _begin_cell(use: "Callable[[Entry], object]") -> None:
    if _latest is not None and (entry := _latest[2]) is not None:
        use(entry)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:  # no running event loop
        return None
