"""Signal handlers, finalisers, forks, exporters and logging handlers come back into us, at any moment."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import agentsight_otel as agentsight
from agentsight_otel import conversation_manager, conversation_tracker, testing
from agentsight_otel._core import guard
from agentsight_otel._lifecycle import setup
from agentsight_otel._tracing import conversations, parents
from agentsight_otel._tracing.duplicates import TOOL_CALLS
from agentsight_otel.compat.tracking.tracked import TRACKED

LOCKS: tuple[Any, ...] = (
    setup.state.lock,
    setup.state.starting,
    guard._lock,
    conversations._metadata_lock,
    parents._lock,
    TOOL_CALLS._lock,
    TRACKED.backlog._lock,
)


def ends(call: Callable[[], object]) -> bool:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_something_may_be_said_while_something_is_being_said() -> None:
    def interrupted() -> None:
        with guard._lock:
            guard.say("interrupting", "from a finaliser")

    assert ends(interrupted)


def test_every_lock_can_be_taken_again_by_who_holds_it() -> None:
    for lock in LOCKS:
        with lock:
            assert lock.acquire(blocking=False)
            lock.release()


def test_a_signal_handler_may_shut_down_in_the_middle_of_init_or_shutdown() -> None:
    def interrupted() -> None:
        with setup.state.lock, setup.state.starting:
            agentsight.shutdown()
            setup.ensure_started()

    assert ends(interrupted)
    agentsight.shutdown()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_other_threads_hold_our_locks_leaves_the_child_free() -> None:
    held, done = threading.Event(), threading.Event()

    def holding() -> None:
        with ExitStack() as locks:
            for lock in LOCKS:
                locks.enter_context(lock)
            held.set()
            done.wait(30)

    exporter = Exporter(lambda: None)
    agentsight.init(span_exporter=exporter, set_global=False)
    thread = threading.Thread(target=holding)
    thread.start()
    assert held.wait(30)
    child = os.fork()
    if child == 0:
        guard.say("child", "in the child")
        agentsight.get_or_create_conversation("c1", metadata={"a": 1})
        agentsight.update_metadata({"b": 2})
        agentsight.tool("search")(lambda: 1)()
        conversation_tracker.get_or_create_conversation("c2")
        conversation_tracker.track_human_message("hi")
        agentsight.shutdown()
        os._exit(exporter.taken)
    done.set()
    thread.join(30)
    deadline = time.monotonic() + 30
    while (found := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if found == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    agentsight.shutdown()
    assert (found[0], os.waitstatus_to_exitcode(found[1])) == (child, 5)


class Exporter(SpanExporter):
    """Counts spans, and does something of its own in between."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.taken = 0
        self._meanwhile = meanwhile

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._meanwhile()
        self.taken += len(spans)
        return SpanExportResult.SUCCESS


@pytest.mark.parametrize(
    "meanwhile",
    [agentsight.shutdown, lambda: agentsight.flush(100), lambda: agentsight.tool("of an exporter")(lambda: 1)()],
    ids=["shuts down", "flushes", "records"],
)
def test_an_exporter_may_call_us(meanwhile: Callable[[], object], caplog: pytest.LogCaptureFixture) -> None:
    exporter = Exporter(meanwhile)
    agentsight.init(span_exporter=exporter, set_global=False, schedule_delay_s=0.001, shutdown_timeout_s=5)
    agentsight.get_or_create_conversation("c1")
    deadline = time.monotonic() + 30
    while not exporter.taken and time.monotonic() < deadline:
        time.sleep(0.01)
    assert exporter.taken
    assert ends(agentsight.shutdown)
    assert not any(record.exc_info for record in caplog.records)


def test_a_logging_handler_that_raises_harms_nobody() -> None:
    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())
            raise RuntimeError("no disk")

    heard: list[str] = []
    handler = Raising()
    guard.logger.addHandler(handler)
    guard._said.clear()
    try:
        with testing.capture(raise_errors=False):
            agentsight.user_message("to nobody")
            agentsight.end_turn()
            agentsight.update_metadata({})
            agentsight.feedback("glad")
            agentsight.init()
            conversation_tracker.track_token_usage("many")  # type: ignore[arg-type]
            conversation_tracker.send_tracked_data()
            conversation_manager.update_conversation("c1", name="x" * 10, device="")
    finally:
        guard.logger.removeHandler(handler)
        guard._said.clear()
    assert len(heard) >= 7


def test_ending_a_turn_never_raises_whatever_it_is_told() -> None:
    class Neither:
        def __bool__(self) -> bool:
            raise ValueError("neither true nor false")

    with testing.capture() as spans:
        with agentsight.turn() as turn:
            turn.end(Neither())  # type: ignore[arg-type]
        with agentsight.turn() as turn:
            turn.end(False, reason=Neither())  # type: ignore[arg-type]
        with agentsight.turn():
            agentsight.end_turn(Neither())  # type: ignore[arg-type]
        finished = spans.finished
    assert [(span.attributes or {}).get("agentsight.turn.incomplete_reason") for span in finished] == [
        None,
        "abandoned",
        None,
    ]


def test_names_are_bounded() -> None:
    huge = "x" * 1_000_000
    with testing.capture() as spans:
        agentsight.button(huge)
        agentsight.tool(huge)(lambda: 1)()
        agentsight.task(huge)(lambda: 1)()
        with agentsight.turn(huge, agent=huge), agentsight.generation(huge, operation=huge):
            pass
        finished = spans.finished
    assert [len(span.name) <= 1_024 for span in finished] == [True] * 5
    assert max(len(str((span.attributes or {}).get("gen_ai.tool.name", ""))) for span in finished) <= 1_024


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_does_not_wait_for_the_attachments_of_its_parent(tmp_path: Path) -> None:
    from agentsight_otel._recording import attachment_store

    (tmp_path / "is a file").touch()
    with testing.capture(fixed=False, attachments_url=f"{tmp_path}/is a file"):
        with attachment_store._store._lock:
            attachment_store._store._bytes = 1  # what the parent's thread has in hand
        child = os.fork()
        if child == 0:
            os._exit(0 if attachment_store.drain(1) else 1)
        attachment_store._store._bytes = 0
        assert os.waitpid(child, 0)[1] == 0
