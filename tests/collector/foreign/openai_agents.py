"""An agent on the OpenAI Agents SDK."""

from agents import Agent, RunConfig, Runner, function_tool, set_trace_processors
from shop import contact_human, find_order

set_trace_processors([])  # its own sends traces to OpenAI
agent = Agent(name="shop", model="gpt-4o-mini", tools=[function_tool(find_order), function_tool(contact_human)])


async def answer(question: str, stream: bool, conversation: str) -> str:
    config = RunConfig(group_id=conversation)
    if not stream:
        return str((await Runner.run(agent, question, run_config=config)).final_output)
    running = Runner.run_streamed(agent, question, run_config=config)
    async for _ in running.stream_events():
        pass
    return str(running.final_output)
