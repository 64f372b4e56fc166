"""An application with a tracer provider of its own, and its spans as trees."""

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import SpanContext, Tracer

import agentsight_otel as agentsight


class Application:
    """An application with a tracer provider and a backend of its own, and our backend.

    Args:
        sampler: The application's.
        settings: As for ``init()``; ``tracer_provider=True`` attaches.
    """

    def __init__(self, sampler: Sampler = ALWAYS_ON, *, make_global: bool = True, **settings: Any) -> None:
        self.provider = TracerProvider(
            sampler=sampler, resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False
        )
        self.exporter, self.our_exporter = InMemorySpanExporter(), InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        if make_global:
            trace.set_tracer_provider(self.provider)
        if settings.get("tracer_provider"):
            agentsight.init(**{**settings, "tracer_provider": self.provider})
        else:
            agentsight.init(span_exporter=self.our_exporter, schedule_delay_s=0.001, **settings)
        self.tracer: Tracer = self.provider.get_tracer("application")

    @property
    def theirs(self) -> list[ReadableSpan]:
        agentsight.flush()
        return list(self.exporter.get_finished_spans())

    @property
    def ours(self) -> list[ReadableSpan]:
        agentsight.flush()
        return list(self.our_exporter.get_finished_spans())


def forest(spans: list[ReadableSpan]) -> list[Any]:
    """The spans by start, as [name, children] below a parent that is there; one whose parent is not is marked."""
    ordered = sorted(spans, key=lambda span: span.start_time or 0)
    nodes: dict[tuple[int, int], list[Any]] = {}
    roots: list[Any] = []
    for span in ordered:
        assert span.context is not None
        node: list[Any] = [span.name, []]
        nodes[span.context.trace_id, span.context.span_id] = node
        if span.parent is None:
            roots.append(node)
            continue
        above = nodes.get((span.parent.trace_id, span.parent.span_id))
        (roots if above is None else above[1]).append(node if above else [f"HOLE {span.name}", node[1]])
    return roots


def named(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    [found] = [span for span in spans if span.name == name]
    return found


def context_of(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


def serve(application: Application) -> None:
    """One request: a turn with a tool, and spans of the application before, in and after."""
    with application.tracer.start_as_current_span("POST /chat"):
        with application.tracer.start_as_current_span("session"):
            pass
        with agentsight.conversation("c1", customer_id="u1", customer_ip_address="9.9.9.9"), agentsight.turn():
            agentsight.user_message("a secret")
            with (
                application.tracer.start_as_current_span("chain"),
                agentsight.tool("search", arguments={"query": "secret"}) as call,
            ):
                with application.tracer.start_as_current_span("SELECT"):
                    pass
                call.result("secret")
            agentsight.agent_message("a secret")
        with application.tracer.start_as_current_span("render"):
            pass


THEIR_TREE = [["POST /chat", [["session", []], ["chain", [["SELECT", []]]], ["render", []]]]]

OUR_TREE = [["invoke_agent", [["chain", [["execute_tool search", [["SELECT", []]]]]]]]]
