"""Test helpers: record spans in memory, with fixed ids and a clock that you set.

with capture() as spans:
    with agentsight.turn():
        agentsight.user_message("Hi")
assert spans.names() == ["invoke_agent"]
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from agentsight_otel._core import clock, guard
from agentsight_otel._lifecycle import setup
from agentsight_otel._lifecycle.state import state
from agentsight_otel._tracing import context, ids

_FIRST_NS = 1_700_000_000_000_000_000


class SteppingClock:
    """A clock that moves a whole second whenever it is read.

    Args:
        start_ns: The first time that it returns, ns since 1970.
        step_ns: How far each reading moves it, ns.
    """

    def __init__(self, start_ns: int = _FIRST_NS, step_ns: int = 1_000_000_000) -> None:
        self.now_ns = start_ns - step_ns
        self.step_ns = step_ns

    def __call__(self) -> int:
        """The next time, ns since 1970."""
        self.now_ns += self.step_ns
        return self.now_ns


class Capture:
    """The recorded spans, in the order in which they ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def provider(self) -> TracerProvider:
        """The provider whose spans are recorded: for tracers of other instrumentations, and more span processors."""
        assert state.started is not None, "nothing is recorded outside the block of capture()"
        return state.started.pipeline.provider

    def tracer(self, name: str) -> Tracer:
        """A tracer by its name, as another instrumentation would get one."""
        return self.provider.get_tracer(name)

    @property
    def finished(self) -> list[ReadableSpan]:
        """The ended spans, as OpenTelemetry's ``ReadableSpan``."""
        setup.flush()
        return list(self._exporter.get_finished_spans())

    def names(self) -> list[str]:
        """The spans' names."""
        return [span.name for span in self.finished]

    def named(self, name: str) -> ReadableSpan:
        """The only span of that name.

        Raises:
            AssertionError: No span has the name, or several have.
        """
        spans = [span for span in self.finished if span.name == name]
        assert len(spans) == 1, f"expected one span {name!r}, found {self.names()}"
        return spans[0]

    def tree(self) -> list[dict[str, Any]]:
        """The spans as nested dictionaries, by start: name, attributes, messages, children, seconds since the first."""
        spans = sorted(self.finished, key=lambda span: span.start_time or 0)
        first_ns = spans[0].start_time or 0 if spans else 0
        nodes: dict[int, dict[str, Any]] = {}
        roots: list[dict[str, Any]] = []
        for span in spans:
            assert span.context is not None
            node: dict[str, Any] = {
                "name": span.name,
                "start_s": ((span.start_time or 0) - first_ns) / 1e9,
                "end_s": ((span.end_time or 0) - first_ns) / 1e9,
                "status": span.status.status_code.name,
                "attributes": dict(span.attributes or {}),
                "events": [
                    {"name": event.name, "at_s": (event.timestamp - first_ns) / 1e9, **dict(event.attributes or {})}
                    for event in span.events
                ],
                "children": [],
            }
            nodes[span.context.span_id] = node
        # Children are linked once all spans are known: a child may begin when its parent does, or before.
        for span, node in zip(spans, nodes.values(), strict=True):
            parent = nodes.get(span.parent.span_id) if span.parent else None
            (roots if parent is None else parent["children"]).append(node)
        return roots


@contextmanager
def capture(*, raise_errors: bool = True, fixed: bool = True, **settings: Any) -> Iterator[Capture]:
    """Records into memory within the block, instead of wherever ``init()`` would send.

    Args:
        raise_errors: Let errors inside the instrumentation fail the test, instead of logging them.
        fixed: Derive span ids from a counter, and let each reading of the clock be a second later.
        settings: Settings, as ``init()`` takes them.
    """
    setup.shutdown()
    exporter = InMemorySpanExporter()
    settings = {"set_global": False, "schedule_delay_s": 0.001, **settings}
    setup.init(span_exporter=exporter, **settings)
    before = guard.raise_errors(raise_errors)
    try:
        fixed_ids = ids.derived_ids("agentsight_otel.testing") if fixed else nullcontext()
        time = clock.use_clock(SteppingClock()) if fixed else nullcontext()
        with fixed_ids, time, context.outside():
            yield Capture(exporter)
    finally:
        guard.raise_errors(before)
        setup.shutdown()
