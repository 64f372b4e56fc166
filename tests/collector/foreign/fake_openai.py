"""What OpenAI's chat completions answer, as far as its client needs it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "Here you are."
_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class _ChatCompletions(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked.get("stream"):
            chunks = [_answer("chat.completion.chunk", delta={"role": "assistant", "content": part}) for part in ANSWER]
            body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            message = {"role": "assistant", "content": ANSWER}
            body = json.dumps({**_answer("chat.completion", message=message), "usage": _USAGE})
            kind = "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def _answer(kind: str, **choice: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1_700_000_000,
        "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": "stop", **choice}],
    }


@contextmanager
def fake_openai() -> Iterator[str]:
    """Serves within the block; gives the base URL for OPENAI_BASE_URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _ChatCompletions) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()
