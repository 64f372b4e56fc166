"""An agent on Google's ADK, which traces itself."""

from typing import Any

import otlp  # noqa: F401
import shop
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import InMemoryRunner
from google.genai.types import Content, Part


def tell(tool: Any, args: Any, tool_context: Any, error: Exception) -> dict[str, str]:
    """Without it a tool that fails ends the run."""
    return {"error": str(error)}


agent = LlmAgent(
    name="shop",
    model="gemini-2.5-flash",
    tools=[shop.find_order, shop.contact_human],
    on_tool_error_callback=tell,
)
runner = InMemoryRunner(agent, app_name="shop")


async def ask(question: str, stream: bool) -> str:
    place = {"user_id": "customer-1", "session_id": "adk"}
    if not await runner.session_service.get_session(app_name="shop", **place):
        await runner.session_service.create_session(app_name="shop", **place)
    said = Content(role="user", parts=[Part(text=question)])
    config = RunConfig(streaming_mode=StreamingMode.SSE if stream else StreamingMode.NONE)
    events = [event async for event in runner.run_async(**place, new_message=said, run_config=config)]
    return "".join(part.text or "" for part in events[-1].content.parts)


shop.talk(ask)
