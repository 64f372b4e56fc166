"""The OpenAI Agents SDK; its tool is decorated, and reported by OpenTelemetry's instrumentation as well."""

import asyncio
import contextlib

from agents import Agent, Runner, function_tool, set_default_openai_api

import agentsight_otel as agentsight

agentsight.init(service_name="openai-agents", instrument=True)
set_default_openai_api("chat_completions")


@function_tool
@agentsight.tool
def find_order(order_id: str) -> str:
    """Finds an order."""
    return f"Order {order_id}: shipped."


tooled = Agent(name="support", model="gpt-4o-mini", tools=[find_order])
toolless = Agent(name="support", model="gpt-4o-mini")


@agentsight.turn(agent="support")
async def answer(turn: str) -> None:
    agentsight.user_message(turn)
    if turn == "stream":
        running = Runner.run_streamed(toolless, "Where is order 1001?")
        async for _ in running.stream_events():
            pass
        said = str(running.final_output)
    else:
        said = str((await Runner.run(tooled, "fail" if turn == "error" else "Where is order 1001?")).final_output)
    agentsight.agent_message(said.strip())


async def main() -> None:
    with agentsight.conversation("agent", customer_id="u1", device="mobile", source="web", language="en"):
        await answer("tool")
        await answer("stream")
        with contextlib.suppress(Exception):
            await answer("error")


asyncio.run(main())
agentsight.shutdown()
