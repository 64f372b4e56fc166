"""A local stand-in for OpenAI's API, which tests cannot have: chat completions and responses, plain and streamed.

It answers in the words of Google's API, too, where it is asked so.

A request that offers tools and has no tool's result yet is answered by a call of the tool that the last message names,
else of the first; any other by a text; one whose last message is "fail" by a refusal, one with "break" by an error of
the server that clients are told not to try again.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests import fake_gemini, fake_responses

ARGUMENTS = {"order_id": "1001"}
ANSWER = "Order 1001 is shipped."
OTHERS = {
    "/responses": fake_responses,
    ":generateContent": fake_gemini,
    ":streamGenerateContent?alt=sse": fake_gemini,
}
"""By the ends of their paths, APIs that ask and answer in other words than chat completions."""
USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}


@dataclass
class FakeOpenAI:
    """Where it listens, and what it was asked.

    Attributes:
        base_url: For OPENAI_BASE_URL.
        requests: The bodies, in order.
        headers: The headers, in order.
    """

    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def fake_openai() -> Iterator[FakeOpenAI]:
    """Runs it on a free port."""
    fake = FakeOpenAI()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.requests.append(body)
            fake.headers.append({key.lower(): value for key, value in self.headers.items()})
            stream = body.get("stream", ":streamGenerateContent" in self.path)
            other = next((other for end, other in OTHERS.items() if self.path.endswith(end)), None)
            if other is not None:
                body = other.as_chat(body)
            asked = _text(body["messages"][-1])
            if asked == "fail":
                self._send(400, "application/json", b'{"error": {"message": "no", "type": "invalid_request_error"}}')
                return
            if asked == "break":
                self._send(500, "application/json", b'{"error": {"message": "out of order", "type": "server_error"}}')
                return
            message, reason = _answer(body)
            if other is not None:
                payload = other.answer(message, stream)
            else:
                payload = _chunks(message, reason) if stream else json.dumps(_completion(message, reason)).encode()
            self._send(200, "text/event-stream" if stream else "application/json", payload)

        def _send(self, status: int, kind: str, payload: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(payload)))
            self.send_header("x-should-retry", "false")
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _answer(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    last = body["messages"][-1]
    if body.get("tools") and last["role"] != "tool":
        names = [tool["function"]["name"] for tool in body["tools"]]
        name = next((name for name in names if name in _text(last)), names[0])
        function = {"name": name, "arguments": json.dumps(ARGUMENTS)}
        call = {"id": "call_1", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    return {"role": "assistant", "content": ANSWER}, "stop"


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])


def _completion(message: dict[str, Any], reason: str) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return {**_head("chat.completion"), "choices": [choice], "usage": USAGE}


def _chunks(message: dict[str, Any], reason: str) -> bytes:
    if calls := message.get("tool_calls"):
        deltas: list[dict[str, Any]] = [{"role": "assistant", "tool_calls": [{"index": 0, **calls[0]}]}]
    else:
        deltas = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in ANSWER.split())]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    chunks.append({"choices": [], "usage": USAGE})
    lines = [json.dumps({**_head("chat.completion.chunk"), **chunk}) for chunk in chunks]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "gpt-4o-mini"}
