"""Conversations as other SDKs report them: in some, most spans say only by their trace whose they are."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Span:
    """A span; its parent is the trace's first span.

    Attributes:
        name: Its name.
        start_ms: ms from the trace's start.
        end_ms: ms from the trace's start.
        attributes: Its attributes.
        scope: The instrumentation.
    """

    name: str
    start_ms: int
    end_ms: int
    attributes: dict[str, str | int]
    scope: str = ""


CONVERSATIONS = {
    # OpenInference: the agent's span has the session, what it did has none.
    "oi-1": [
        Span("agent", 0, 900, {"openinference.span.kind": "AGENT", "session.id": "oi-1", "input.value": "Where is it?",
            "output.value": "On its way."}),
        Span("ChatCompletion", 10, 400, {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 1234, "llm.token_count.completion": 56}),
        Span("find_order", 410, 500, {"openinference.span.kind": "TOOL", "tool.name": "find_order"}),
    ],
    # OpenLLMetry: the association names the session, tokens have the names of before.
    "tl-1": [
        Span("support.workflow", 0, 900, {"traceloop.span.kind": "workflow", "traceloop.entity.name": "support",
            "traceloop.association.properties.session_id": "tl-1", "traceloop.entity.input": "Hello",
            "traceloop.entity.output": "Hi!"}),
        Span("openai.chat", 10, 400, {"gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-4o-mini",
            "traceloop.association.properties.session_id": "tl-1", "gen_ai.usage.prompt_tokens": 321,
            "gen_ai.usage.completion_tokens": 45}),
    ],
    # Vercel's AI SDK.
    "ai-1": [
        Span("ai.streamText", 0, 900, {"ai.operationId": "ai.streamText", "ai.telemetry.metadata.sessionId": "ai-1",
            "ai.prompt": "Hello", "ai.response.text": "Hi!"}, "ai"),
        Span("ai.streamText.doStream", 10, 400, {"ai.operationId": "ai.streamText.doStream", "ai.model.id": "gpt-5",
            "ai.telemetry.metadata.sessionId": "ai-1", "ai.usage.inputTokens": 77, "ai.usage.outputTokens": 8}, "ai"),
    ],
    # Two instrumentations of one call, both without the session: it is one call.
    "two-1": [
        Span("invoke_agent shop", 0, 900, {"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "two-1"}),
        Span("chat claude-5", 10, 400, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-5"}, "frame"),
        Span("messages", 20, 390, {"openinference.span.kind": "LLM", "llm.model_name": "claude-5",
            "llm.token_count.prompt": 500, "llm.token_count.completion": 60}, "openinference"),
    ],
}  # fmt: skip


def spans_of(at: datetime) -> bytes:
    """OTLP in JSON: each conversation in a trace of its own, from ``at`` on."""
    begin = int(at.timestamp() * 1e9)

    def value(held: str | int) -> dict[str, Any]:
        return {"intValue": str(held)} if isinstance(held, int) else {"stringValue": held}

    scopes = [
        {
            "scope": {"name": span.scope},
            "spans": [
                {
                    "traceId": f"{trace:032x}",
                    "spanId": f"{trace:08x}{number:08x}",
                    "parentSpanId": f"{trace:08x}00000001" if number > 1 else "",
                    "name": span.name,
                    "startTimeUnixNano": str(begin + span.start_ms * 10**6),
                    "endTimeUnixNano": str(begin + span.end_ms * 10**6),
                    "attributes": [{"key": key, "value": value(held)} for key, held in span.attributes.items()],
                }
            ],
        }
        for trace, spans in enumerate(CONVERSATIONS.values(), 1)
        for number, span in enumerate(spans, 1)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode()
