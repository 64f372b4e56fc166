"""The objects that tracing helpers return: context managers and decorators over the same lifecycle."""

import sys
import types
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

from agentsight_otel._recording.traced import BeginCall, traced
from agentsight_otel._tracing import context
from agentsight_otel._tracing.context import Scope

S = TypeVar("S", bound=Scope)
T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


class Helper(Generic[S]):
    """The object that a tracing helper returns: a context manager, and a decorator of callables of every shape.

    One helper may be entered any number of times, by any number of threads and tasks at once.
    """

    __slots__ = ("_entered",)

    def __init__(self) -> None:
        self._entered: list[tuple[types.FrameType, S, context.Attached]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        """Makes copies and unpickled helpers ones that have not been entered."""
        slots = {name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())} - {"_entered"}
        return _not_entered, (type(self), {name: getattr(self, name) for name in slots if hasattr(self, name)})

    def _begin(self) -> S:
        """Starts the work that a ``with`` block stands for."""
        raise NotImplementedError

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        """Returns the function that starts the work of each call of a decorated function."""
        return lambda args, kwargs: self._begin()

    def __enter__(self) -> S:
        """Starts the work, and makes it current."""
        work = self._begin()
        self._entered.append((sys._getframe(1), work, context.attach(work.context)))
        return work

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the work; lets exceptions pass."""
        self._exit(sys._getframe(1), error)

    def __aenter__(self) -> "_Ready[S]":
        """Starts the work, and makes it current, in an ``async with`` statement."""
        work = self._begin()
        self._entered.append((sys._getframe(1), work, context.attach(work.context)))
        return _Ready(work)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> "_Ready[None]":
        """Ends the work in an ``async with`` statement; lets exceptions pass."""
        self._exit(sys._getframe(1), error)
        return _Ready(None)

    def _exit(self, frame: types.FrameType, error: BaseException | None) -> None:
        # A ``with`` statement enters and exits from the same frame, in whichever thread or task. An ExitStack enters
        # and exits from frames of its own: then the entry to leave is the last one that can be detached here, in this
        # thread or task.
        entered = self._entered[::-1]
        if entered and entered[0][0] is frame:  # as nearly always
            context.detach(entered[0][2])
            if self._leave(entered[0], error):
                return
        of_frame = [entry for entry in entered if entry[0] is frame]
        for entry in of_frame or entered:
            if (context.detach(entry[2]) or of_frame) and self._leave(entry, error):
                return
        for entry in entered:  # entered in one thread, and left in another
            if self._leave(entry, error):
                return

    def _leave(self, entry: "tuple[types.FrameType, S, context.Attached]", error: BaseException | None) -> bool:
        try:
            self._entered.remove(entry)
        except ValueError:
            return False  # another thread, or the garbage collector, has left the same entry
        entry[1].leave_block(error)
        return True

    def __call__(self, function: F) -> F:
        """Decorates a callable; to ``inspect`` it stays what it was.

        Raises:
            TypeError: The object cannot be decorated.
        """
        return traced(function, self._begin_calls_of)  # type: ignore[no-any-return]


def _not_entered(kind: "type[Helper[Any]]", attributes: dict[str, Any]) -> "Helper[Any]":
    made = kind.__new__(kind)
    Helper.__init__(made)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


class _Ready(Generic[T]):
    """An awaitable that never waits."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, T]:
        return self._value
        yield
