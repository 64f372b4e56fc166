"""One turn, by this SDK, by hand-written OpenTelemetry spans, and by others, each with an exporter of one's choice.

A turn has a conversation's identity with the customer's address, two messages, and two tool calls with arguments and
results. Each function sets its SDK up and returns what takes the turn of a number, and what sends everything.
"""

import json
from collections.abc import Callable

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

Turn = Callable[[int], None]
Flush = Callable[[], object]

MAX_QUEUE_SPANS = 200_000
DEVICE, SOURCE, LANGUAGE, CUSTOMER = "mobile", "web", "en", "user-42"
ADDRESS, STORED_ADDRESS = "81.2.69.160", "81.2.69.0"


def question(number: int) -> str:
    return f"Where is my order {number}?"


def answer(number: int) -> str:
    return f"Order {number} ships tomorrow; you will get a mail."


def search(query: str, limit: int = 5) -> dict[str, object]:
    return {"hits": [query, limit]}


def lookup(order_id: int) -> dict[str, object]:
    return {"order": order_id, "state": "packed"}


def by_hand(exporter: SpanExporter) -> tuple[Turn, Flush]:
    """The same spans with the same attributes, as somebody who knows OpenTelemetry would write them."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=MAX_QUEUE_SPANS))
    tracer = provider.get_tracer("by hand")

    def turn(number: int) -> None:
        identity = {
            "gen_ai.conversation.id": f"c{number}",
            "user.id": CUSTOMER,
            "client.address": STORED_ADDRESS,
            "agentsight.conversation.device": DEVICE,
            "agentsight.conversation.source": SOURCE,
            "agentsight.conversation.language": LANGUAGE,
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
                {"agentsight.message.sender": "end_user", "agentsight.message.content": question(number)},
            )
            for function, arguments in ((search, {"query": "order", "limit": 5}), (lookup, {"order_id": number})):
                with tracer.start_as_current_span(
                    f"execute_tool {function.__name__}",
                    attributes={
                        **identity,
                        "agentsight.span.kind": "tool",
                        "agentsight.turn.id": turn_id,
                        "gen_ai.operation.name": "execute_tool",
                        "gen_ai.tool.name": function.__name__,
                        "gen_ai.tool.call.arguments": json.dumps(arguments),
                    },
                ) as call:
                    call.set_attribute("gen_ai.tool.call.result", json.dumps(function(**arguments)))  # type: ignore
            span.add_event(
                "agentsight.message",
                {"agentsight.message.sender": "agent", "agentsight.message.content": answer(number)},
            )
            span.set_attribute("agentsight.turn.complete", True)

    return turn, provider.force_flush


def ours(exporter: SpanExporter, mask: str = "none") -> tuple[Turn, Flush]:
    import logging

    import agentsight_otel as agentsight

    logging.getLogger("agentsight_otel").setLevel(logging.ERROR)  # it says once that there is no database of places
    agentsight.init(span_exporter=exporter, set_global=False, mask=mask, max_queue_spans=MAX_QUEUE_SPANS)
    find, look_up = agentsight.tool(search), agentsight.tool(lookup)

    def turn(number: int) -> None:
        with (
            agentsight.conversation(
                f"c{number}",
                customer_id=CUSTOMER,
                customer_ip_address=ADDRESS,
                device=DEVICE,
                source=SOURCE,
                language=LANGUAGE,
            ),
            agentsight.turn(agent="b"),
        ):
            agentsight.user_message(question(number))
            find("order", 5)
            look_up(number)
            agentsight.agent_message(answer(number))

    return turn, agentsight.flush


def ours_masked(exporter: SpanExporter) -> tuple[Turn, Flush]:
    return ours(exporter, mask="all")


def agentsight_0_1(exporter: SpanExporter) -> tuple[Turn, Flush]:
    import logging

    import agentsight

    logging.disable(logging.CRITICAL)
    agentsight.init(span_exporter=exporter, auto_instrument=False, verify_key=False, max_queue_size=MAX_QUEUE_SPANS)
    find, look_up = agentsight.tool(search), agentsight.tool(lookup)

    def turn(number: int) -> None:
        with (
            agentsight.conversation(
                f"c{number}",
                customer_id=CUSTOMER,
                customer_ip_address=ADDRESS,
                device=DEVICE,
                source=SOURCE,
                language=LANGUAGE,
            ),
            agentsight.turn("b"),
        ):
            agentsight.user_message(question(number))
            find("order", 5)
            look_up(number)
            agentsight.agent_message(answer(number))

    return turn, agentsight.flush


def langfuse(exporter: SpanExporter) -> tuple[Turn, Flush]:
    from langfuse import Langfuse, observe, propagate_attributes

    client = Langfuse(public_key="pk", secret_key="sk", base_url="http://localhost:1", span_exporter=exporter)
    find, look_up = observe(as_type="tool")(search), observe(as_type="tool")(lookup)

    def turn(number: int) -> None:
        with (
            client.start_as_current_observation(name="b", as_type="agent", input=question(number)) as span,
            propagate_attributes(
                session_id=f"c{number}",
                user_id=CUSTOMER,
                metadata={"device": DEVICE, "source": SOURCE, "language": LANGUAGE},
            ),
        ):
            find("order", 5)
            look_up(number)
            span.update(output=answer(number))

    return turn, client.flush


def logfire(exporter: SpanExporter) -> tuple[Turn, Flush]:
    import logfire

    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(exporter, max_queue_size=MAX_QUEUE_SPANS)],
    )
    find = logfire.instrument("search", record_return=True)(search)
    look_up = logfire.instrument("lookup", record_return=True)(lookup)

    def turn(number: int) -> None:
        with (
            logfire.set_baggage(
                conversation=f"c{number}", user=CUSTOMER, device=DEVICE, source=SOURCE, language=LANGUAGE
            ),
            logfire.span("b"),
        ):
            logfire.info(question(number), sender="end_user")
            find("order", 5)
            look_up(number)
            logfire.info(answer(number), sender="agent")

    return turn, logfire.force_flush


def traceloop(exporter: SpanExporter) -> tuple[Turn, Flush]:
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import agent, tool

    processor = BatchSpanProcessor(exporter, max_queue_size=MAX_QUEUE_SPANS)
    Traceloop.init(processor=processor, instruments=set(), telemetry_enabled=False)
    find, look_up = tool(name="search")(search), tool(name="lookup")(lookup)

    @agent(name="b")
    def answers(number: int) -> str:
        find("order", 5)
        look_up(number)
        return answer(number)

    def turn(number: int) -> None:
        Traceloop.set_association_properties(
            {"session_id": f"c{number}", "user_id": CUSTOMER, "device": DEVICE, "source": SOURCE, "language": LANGUAGE}
        )
        answers(number)

    return turn, processor.force_flush


CONTENDERS: dict[str, tuple[Callable[[SpanExporter], tuple[Turn, Flush]], str | None]] = {
    "by hand": (by_hand, None),
    "agentsight_otel": (ours, None),
    "agentsight_otel masked": (ours_masked, None),
    "agentsight 0.1.4": (agentsight_0_1, "agentsight==0.1.4"),
    "traceloop-sdk": (traceloop, "traceloop-sdk httpx"),
    "logfire": (logfire, "logfire"),
    "langfuse": (langfuse, "langfuse"),
}
"""By name: how it is set up, and the packages of an environment of its own; None: it runs in ours."""
