"""Forks: which process this is, and what a forked child resets, in a fixed order, by one ``os.register_at_fork`` hook.

A forked child has its parent's memory and one thread. Locks may be held by threads that do not exist in the child,
connections and queues belong to the parent, and random numbers would repeat. Every part of the package that a child
must reset registers here with its stage; no other module hooks into forks.
"""

import enum
import os
import weakref
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

forks = 0
"""How many forks lie between this process and the one that imported the package.

An object that belongs to one process keeps the number at its creation, and compares it to see whether it was forked.
"""


class Stage(enum.IntEnum):
    """When something is reset in a forked child. Stages run in this order, because later ones need the earlier."""

    LOCKS = 0
    """Locks are released, also those that a thread of the parent held."""
    IDS = 1
    """Random numbers are seeded anew, so that they differ from the parent's."""
    EXPORT = 2
    """Queues are emptied, and the parent's connections dropped."""
    RECORDING = 3
    """Open turns, tracked items and their deadlines are forgotten: they are the parent's."""
    LIFECYCLE = 4
    """The exit of the child is watched, so that its last spans are delivered."""


Action = Callable[[], object]
_Reference = Callable[[], "Action | None"]

_in_child: dict[Stage, list[_Reference]] = {stage: [] for stage in Stage}
_around: "weakref.WeakSet[Any]" = weakref.WeakSet()
_waited_for: list[Any] = []


def in_child(stage: Stage, action: Action) -> None:
    """Registers an action that runs in every forked child, before the application continues there.

    Args:
        stage: When it runs; within one stage, actions run in the order in which they were registered.
        action: A function, or a method, whose object is not kept alive. If it raises, the other actions still run.
    """
    references = _in_child[stage]
    references[:] = [reference for reference in references if reference() is not None]
    references.append(_reference(action))


def around(waiting: Any) -> None:
    """Registers an object that holds its work back during every fork.

    Args:
        waiting: Its ``before_fork`` is called before a fork, and its ``after_fork`` in the parent afterwards. It is
            not kept alive.
    """
    _around.add(waiting)


def _reference(action: Action) -> _Reference:
    if isinstance(action, MethodType):
        return weakref.WeakMethod(action)
    owner = getattr(action, "__self__", None)
    if owner is None:
        return lambda: action
    # A method of a built-in type takes no weak reference: its object does, and the method is found again by its name.
    name, kept = action.__name__, weakref.ref(owner)
    return lambda: getattr(kept(), name, None)


def _alive(references: list[_Reference]) -> Iterator[Action]:
    for reference in references:
        if (action := reference()) is not None:
            yield action


def _before_fork() -> None:
    _waited_for[:] = list(_around)
    for waiting in _waited_for:
        _attempt(waiting.before_fork)


def _after_fork_in_parent() -> None:
    for waiting in _waited_for:
        _attempt(waiting.after_fork)
    _waited_for.clear()


def _after_fork_in_child() -> None:
    global forks
    forks += 1
    _waited_for.clear()
    for stage in Stage:
        for action in _alive(_in_child[stage]):
            _attempt(action)


def _attempt(action: Action) -> None:
    try:
        action()
    except Exception as error:
        from agentsight_otel._core.guard import swallow  # here, because guard imports locks, and locks this module

        swallow("following a fork", error)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
