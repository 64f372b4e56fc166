"""A conversation of which every value attacks whoever shows it."""

import json
from datetime import datetime
from typing import Any

EVIL = "<img src=x onerror='window.pwned=1'><script>window.pwned=1</script>\"'`${alert(1)}"
FORMULA = '=HYPERLINK("http://evil.example","click")'


def spans_of(at: datetime) -> bytes:
    """OTLP in JSON: one turn with two messages, one tool call, one feedback."""
    start = int(at.timestamp() * 1e9) - 60_000_000_000

    def texts(values: dict[str, str]) -> list[dict[str, Any]]:
        return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]

    identity = {
        "gen_ai.conversation.id": EVIL,
        "user.id": FORMULA,
        "agentsight.conversation.device": EVIL,
        "agentsight.conversation.source": EVIL,
        "agentsight.conversation.language": "<b>x",
        "geo.country.iso_code": EVIL,
        "deployment.environment.name": EVIL,
    }

    def span(number: int, kind: str, attributes: dict[str, str], events: list[Any]) -> dict[str, Any]:
        return {
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": f"{number:016x}",
            "name": EVIL,
            "startTimeUnixNano": str(start + number * 10**9),
            "endTimeUnixNano": str(start + (number + 1) * 10**9),
            "attributes": texts({**identity, "agentsight.span.kind": kind, **attributes}),
            "events": events,
        }

    messages = [
        {
            "timeUnixNano": str(start + second * 10**9),
            "name": "agentsight.message",
            "attributes": texts({"agentsight.message.sender": sender, "agentsight.message.content": EVIL}),
        }
        for second, sender in ((1, "end_user"), (5, "agent"))
    ]
    tool = {"gen_ai.tool.name": EVIL, "gen_ai.tool.call.arguments": EVIL, "gen_ai.tool.call.result": f'{{"a": "{EVIL}'}
    rated = {"agentsight.feedback.sentiment": "negative", "agentsight.feedback.comment": EVIL}
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": texts({"service.name": EVIL})},
                    "scopeSpans": [
                        {
                            "spans": [
                                span(1, "turn", {}, messages),
                                span(2, "tool", tool, []),
                                span(3, "feedback", rated, []),
                            ]
                        }
                    ],
                }
            ]
        }
    ).encode()
