"""Signal handlers, finalisers and forks come at any moment, also while one of our locks is held."""

import os
import threading
import time
from collections.abc import Callable

import pytest

import agentsight_otel as agentsight
from agentsight_otel import _guard, setup


def ends(call: Callable[[], object]) -> bool:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_something_may_be_said_while_something_is_being_said() -> None:
    def interrupted() -> None:
        with _guard._lock:
            _guard.say("interrupting", "from a finaliser")

    assert ends(interrupted)


def test_a_signal_handler_may_shut_down_in_the_middle_of_init_or_shutdown() -> None:
    def interrupted() -> None:
        with setup._lock, setup._starting:
            agentsight.shutdown()
            setup.ensure_started()

    assert ends(interrupted)
    agentsight.shutdown()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_in_the_middle_of_init_leaves_the_child_free_to_start() -> None:
    held, done = threading.Event(), threading.Event()

    def starting() -> None:
        with setup._lock, setup._starting, _guard._lock:
            held.set()
            done.wait(30)

    thread = threading.Thread(target=starting)
    thread.start()
    assert held.wait(30)
    child = os.fork()
    if child == 0:
        _guard.say("child", "in the child")
        setup.ensure_started()
        os._exit(0 if agentsight.shutdown() else 1)
    done.set()
    thread.join(30)
    deadline = time.monotonic() + 30
    while (found := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if found == (0, 0):
        os.kill(child, 9)
    assert found == (child, 0)
