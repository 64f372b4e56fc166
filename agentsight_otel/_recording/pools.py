"""Thread pools: a job belongs to the conversation from which it was submitted, and leaves nothing for the next job.

This applies to the standard library's ``ThreadPoolExecutor``, which asyncio's ``run_in_executor`` uses, and to
``multiprocessing.pool.ThreadPool``.

A conversation that a job makes current ends with the job; but within a web request it becomes that of the rest of the
request, so that a conversation may be looked up in a thread.
"""

import sys
from collections.abc import Callable
from typing import Any

import wrapt

from agentsight_otel._core.guard import swallow
from agentsight_otel._tracing import runtime, surroundings
from agentsight_otel._tracing.surroundings import Surroundings

# In Python 3.10 to 3.14; the other methods of ThreadPool that submit jobs call one of these.
_SUBMITTING = {
    "concurrent.futures.thread": ("ThreadPoolExecutor.submit",),
    "multiprocessing.pool": ("Pool.apply_async", "Pool._map_async", "Pool.imap", "Pool.imap_unordered"),
}
_watched = False


def watch() -> None:
    """Patches the thread pools of this process, as described above, once they are imported; imports none of them."""
    global _watched
    if not _watched:
        _watched = True
        for module in _SUBMITTING:
            wrapt.register_post_import_hook(_wrap, module)


def _wrap(module: Any) -> None:
    for name in _SUBMITTING[module.__name__]:
        try:
            wrapt.wrap_function_wrapper(module, name, _submit)
        except Exception as error:
            swallow("following work into thread pools", error)


def _submit(submit: Callable[..., Any], pool: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if runtime.current().enabled and not _is_of_processes(pool):
        try:
            if args:
                args = (_Job(args[0], surroundings.present()), *args[1:])
            elif "func" in kwargs:
                kwargs = {**kwargs, "func": _Job(kwargs["func"], surroundings.present())}
        except Exception as error:
            swallow("submitting a job", error)
    return submit(*args, **kwargs)


def _is_of_processes(pool: object) -> bool:
    module = sys.modules.get("multiprocessing.pool")
    return module is not None and isinstance(pool, module.Pool) and not isinstance(pool, module.ThreadPool)


class _Job:
    """A job: a function that runs in a pool's thread, in the surroundings from which it was submitted."""

    __slots__ = ("_function", "_origin")

    def __init__(self, function: Callable[..., Any], origin: Surroundings) -> None:
        self._function = function
        self._origin = origin

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        origin: Any = self._origin
        try:
            origin = origin.in_another_thread()
        except Exception as error:
            swallow("starting a job", error)
        with origin:
            return self._function(*args, **kwargs)
