"""pydantic-ai, which traces itself through the global tracer provider: ours."""

import contextlib

from pydantic_ai import Agent

import agentsight_otel as agentsight

agentsight.init(service_name="pydantic-ai")
Agent.instrument_all()
tooled = Agent("openai-chat:gpt-4o-mini")
toolless = Agent("openai-chat:gpt-4o-mini")


@tooled.tool_plain
@agentsight.tool
def find_order(order_id: str) -> str:
    return f"Order {order_id}: shipped."


@agentsight.turn(agent="support")
def answer(turn: str) -> None:
    agentsight.user_message(turn)
    if turn == "stream":
        said = "".join(toolless.run_stream_sync("Where is order 1001?").stream_text(delta=True))
    else:
        said = tooled.run_sync("fail" if turn == "error" else "Where is order 1001?").output
    agentsight.agent_message(said.strip())


with agentsight.conversation("agent", customer_id="u1", device="mobile", source="web", language="en"):
    answer("tool")
    answer("stream")
    with contextlib.suppress(Exception):
        answer("error")
agentsight.shutdown()
