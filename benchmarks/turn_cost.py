"""What a turn (3 spans, 2 tools, 2 messages) costs on the caller's thread, beside the same spans written by hand.

    python benchmarks/turn_cost.py

Both in turns in one process, into an exporter that does nothing; the fastest of several rounds counts.
"""

import json
import time
from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import agentsight_otel as agentsight

ROUNDS = 9
TURNS = 1_500
IDENTITY = {
    "gen_ai.conversation.id": "c",
    "user.id": "u",
    "agentsight.conversation.device": "mobile",
    "agentsight.conversation.source": "web",
    "agentsight.conversation.language": "en",
}


class Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def by_hand() -> Callable[[], None]:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000))
    tracer = provider.get_tracer("by hand")

    def message(sender: str, content: str) -> tuple[str, dict[str, str]]:
        return "agentsight.message", {"agentsight.message.sender": sender, "agentsight.message.content": content}

    def turn() -> None:
        with tracer.start_as_current_span(
            "invoke_agent b", attributes={**IDENTITY, "agentsight.span.kind": "turn"}
        ) as span:
            span.add_event(*message("end_user", "hello there"))
            for number in (1, 2):
                arguments = {
                    **IDENTITY,
                    "gen_ai.tool.name": "f",
                    "gen_ai.tool.call.arguments": json.dumps({"x": number}),
                }
                with tracer.start_as_current_span("execute_tool f", attributes=arguments) as call:
                    call.set_attribute("gen_ai.tool.call.result", json.dumps({"ok": number}))
            span.add_event(*message("agent", "answer"))

    return turn


def by_helpers() -> Callable[[], None]:
    agentsight.init(span_exporter=Nowhere(), set_global=False)
    agentsight.get_or_create_conversation("c", customer_id="u", device="mobile", source="web", language="en")

    @agentsight.tool
    def f(x: int) -> dict[str, int]:
        return {"ok": x}

    def turn() -> None:
        with agentsight.turn(agent="b"):
            agentsight.user_message("hello there")
            f(1)
            f(2)
            agentsight.agent_message("answer")

    return turn


def microseconds(turn: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(TURNS):
        turn()
    return (time.perf_counter() - began) / TURNS * 1e6


def main() -> None:
    plain, ours = by_hand(), by_helpers()
    rounds = [(microseconds(plain), microseconds(ours)) for _ in range(ROUNDS)]
    fastest_plain, fastest_ours = (min(times) for times in zip(*rounds, strict=True))
    print(
        f"by hand {fastest_plain:.0f} us, with agentsight_otel {fastest_ours:.0f} us: {fastest_ours / fastest_plain:.2f} times"
    )


if __name__ == "__main__":
    main()
