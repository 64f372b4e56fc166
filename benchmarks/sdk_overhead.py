"""What one turn costs on the caller's thread: by this SDK, by hand-written OpenTelemetry spans, and by others.

    python benchmarks/sdk_overhead.py [--rounds 80] [--only ours,by_hand]

A turn has a conversation's identity, two tool calls with arguments and results, and two messages; the exporter does
nothing. Each contender runs in a process of its own, the others' in environments that uv makes; they take their rounds
by turns, and the medians count. Then, what a decorated call costs where nothing is recorded.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

WARM_UP_TURNS = 1_000
TURNS = 100
PAUSE_S = 0.05
"""Between rounds, for the background threads to do their part, which is not what is measured."""


class Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def by_hand() -> Callable[[], None]:
    """The same spans with the same attributes, as somebody who knows OpenTelemetry would write them."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000))
    tracer = provider.get_tracer("by hand")

    def turn() -> None:
        identity = {
            "gen_ai.conversation.id": "c",
            "user.id": "u",
            "agentsight.conversation.device": "mobile",
            "agentsight.conversation.source": "web",
            "agentsight.conversation.language": "en",
        }
        with tracer.start_as_current_span(
            "invoke_agent b",
            attributes={
                **identity,
                "agentsight.span.kind": "turn",
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "b",
            },
        ) as span:
            turn_id = f"{span.get_span_context().span_id:016x}"
            span.set_attribute("agentsight.turn.id", turn_id)
            span.add_event(
                "agentsight.message",
                {"agentsight.message.sender": "end_user", "agentsight.message.content": "hello there"},
            )
            for number in (1, 2):
                with tracer.start_as_current_span(
                    "execute_tool f",
                    attributes={
                        **identity,
                        "agentsight.span.kind": "tool",
                        "agentsight.turn.id": turn_id,
                        "gen_ai.operation.name": "execute_tool",
                        "gen_ai.tool.name": "f",
                        "gen_ai.tool.call.arguments": json.dumps({"x": number}),
                    },
                ) as call:
                    call.set_attribute("gen_ai.tool.call.result", json.dumps({"ok": number}))
            span.add_event(
                "agentsight.message", {"agentsight.message.sender": "agent", "agentsight.message.content": "answer"}
            )
            span.set_attribute("agentsight.turn.complete", True)

    return turn


def ours() -> Callable[[], None]:
    import agentsight_otel as agentsight

    agentsight.init(span_exporter=Nowhere(), set_global=False)

    @agentsight.tool
    def f(x: int) -> dict[str, int]:
        return {"ok": x}

    def turn() -> None:
        with (
            agentsight.conversation("c", customer_id="u", device="mobile", source="web", language="en"),
            agentsight.turn(agent="b"),
        ):
            agentsight.user_message("hello there")
            f(1)
            f(2)
            agentsight.agent_message("answer")

    return turn


def agentsight_0_1() -> Callable[[], None]:
    import agentsight

    agentsight.init(span_exporter=Nowhere(), auto_instrument=False, max_queue_size=100_000)

    @agentsight.tool
    def f(x: int) -> dict[str, int]:
        return {"ok": x}

    def turn() -> None:
        with (
            agentsight.conversation("c", customer_id="u", device="mobile", source="web", language="en"),
            agentsight.turn("b"),
        ):
            agentsight.user_message("hello there")
            f(1)
            f(2)
            agentsight.agent_message("answer")

    return turn


def langfuse() -> Callable[[], None]:
    from langfuse import Langfuse, observe, propagate_attributes

    client = Langfuse(public_key="pk", secret_key="sk", base_url="http://localhost:1", span_exporter=Nowhere())

    @observe(name="f", as_type="tool")
    def f(x: int) -> dict[str, int]:
        return {"ok": x}

    def turn() -> None:
        with (
            client.start_as_current_observation(name="b", as_type="agent", input="hello there") as span,
            propagate_attributes(
                session_id="c", user_id="u", metadata={"device": "mobile", "source": "web", "language": "en"}
            ),
        ):
            f(1)
            f(2)
            span.update(output="answer")

    return turn


def logfire() -> Callable[[], None]:
    import logfire

    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(Nowhere(), max_queue_size=100_000)],
    )

    @logfire.instrument("f", record_return=True)
    def f(x: int) -> dict[str, int]:
        return {"ok": x}

    def turn() -> None:
        with (
            logfire.set_baggage(conversation="c", user="u", device="mobile", source="web", language="en"),
            logfire.span("b"),
        ):
            logfire.info("hello there", sender="end_user")
            f(1)
            f(2)
            logfire.info("answer", sender="agent")

    return turn


def traceloop() -> Callable[[], None]:
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import agent, tool

    Traceloop.init(exporter=Nowhere(), instruments=set(), telemetry_enabled=False)

    @tool(name="f")
    def f(x: int) -> dict[str, int]:
        return {"ok": x}

    @agent(name="b")
    def answer(question: str) -> str:
        f(1)
        f(2)
        return "answer"

    def turn() -> None:
        Traceloop.set_association_properties(
            {"session_id": "c", "user_id": "u", "device": "mobile", "source": "web", "language": "en"}
        )
        answer("hello there")

    return turn


CONTENDERS: dict[str, tuple[Callable[[], Callable[[], None]], str | None]] = {
    "by_hand": (by_hand, None),
    "ours": (ours, None),
    "agentsight 0.1.4": (agentsight_0_1, "agentsight==0.1.4"),
    "traceloop-sdk": (traceloop, "traceloop-sdk httpx"),
    "logfire": (logfire, "logfire"),
    "langfuse": (langfuse, "langfuse"),
}


def disabled() -> dict[str, float]:
    """Nanoseconds a decorated call costs before ``init()``, beyond the call itself."""
    import agentsight_otel as agentsight

    def plain(x: int) -> int:
        return x

    decorated = {
        "tool": agentsight.tool(plain),
        "turn": agentsight.turn(plain),
        "task": agentsight.task(plain),
        "conversation": agentsight.conversation("c")(plain),
    }

    def ns(function: Callable[[int], int]) -> float:
        began = time.perf_counter_ns()
        for number in range(100_000):
            function(number)
        return (time.perf_counter_ns() - began) / 100_000

    return {name: statistics.median(ns(function) - ns(plain) for _ in range(7)) for name, function in decorated.items()}


def measure(contender: str) -> None:
    """In the contender's process: a round for each line read."""
    turn = CONTENDERS[contender][0]()
    for _ in range(WARM_UP_TURNS):
        turn()
    print("ready", flush=True)
    for _ in sys.stdin:
        time.sleep(PAUSE_S)
        gc.collect()
        began = time.thread_time()
        for _ in range(TURNS):
            turn()
        print((time.thread_time() - began) / TURNS * 1e6, flush=True)


def start(contender: str, package: str | None, folder: Path) -> "subprocess.Popen[str]":
    python = sys.executable
    if package is not None:
        environment = folder / contender.replace(" ", "_")
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(environment)], check=True)
        python = str(environment / "bin" / "python")
        subprocess.run(["uv", "pip", "install", "-q", "--python", python, *package.split()], check=True)
    return subprocess.Popen(
        [python, __file__, "--measure", contender],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def round_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    while line := process.stdout.readline():
        if line.strip() == "ready" or line[0].isdigit():  # some say hello first
            return line
    raise SystemExit(f"{process.args}: exit status {process.wait()}")


def compare(names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        processes: dict[str, Any] = {name: start(name, CONTENDERS[name][1], Path(folder)) for name in names}
        for process in processes.values():
            round_of(process)
        for _ in range(rounds):
            for name, process in processes.items():
                process.stdin.write("\n")
                process.stdin.flush()
                taken[name].append(float(round_of(process)))
        for process in processes.values():
            process.stdin.close()
            process.wait(30)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=80)
    parser.add_argument("--only", default=",".join(CONTENDERS))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    taken = compare(options.only.split(","), options.rounds)
    base = taken.get("by_hand")
    print("| | µs a turn | beside by hand |\n|---|---|---|")
    for name, times in taken.items():
        ratio = statistics.median(one / other for one, other in zip(times, base, strict=True)) if base else float("nan")
        print(f"| {name} | {statistics.median(times):.0f} | {ratio:.2f} |")
    print("\n| disabled: | ns a decorated call |\n|---|---|")
    for name, ns in disabled().items():
        print(f"| {name} | {ns:.0f} |")


if __name__ == "__main__":
    main()
