"""The parts that a message's content is made of, in any of the formats that have parts."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from agentsight_otel.replay.fields import shown
from agentsight_otel.replay.transcripts import ToolCall


@dataclass
class Result:
    """The result of a tool call."""

    answers: str
    text: str
    error: str | None = None


@dataclass
class Content:
    """What a message's parts hold: texts, tool calls, results of tool calls, and files."""

    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All texts, in lines."""
        return "\n".join(self.texts)

    def attach_results(self) -> list[Result]:
        """Ends the calls whose results stand in the same message; returns the results of calls that stand elsewhere."""
        apart = []
        for result in self.results:
            index = next((i for i, call in enumerate(self.calls) if not call.done and _answers(result, call)), None)
            if index is None:
                apart.append(result)
            else:
                self.calls[index] = replace(self.calls[index], done=True, result=result.text, error=result.error)
        return apart


def _answers(result: Result, call: ToolCall) -> bool:
    return result.answers == call.id if call.id and result.answers else result.answers in ("", call.name)


Handler = Callable[[dict[str, Any], str, Content], None]


def silent_part(part: dict[str, Any], where: str, content: Content) -> None:
    """Handles a part that is known but shown to nobody, such as reasoning: leaves it out."""


def text_part(key: str = "text") -> Handler:
    """A handler of parts that have a text under ``key``."""

    def handle(part: dict[str, Any], where: str, content: Content) -> None:
        value = part.get(key)
        if isinstance(value, dict) and isinstance(
            value.get("value"), str
        ):  # Assistants: {"value": …, "annotations": …}
            value = value["value"]
        if not isinstance(value, str):
            raise ValueError(f"{where}.{key}: {shown(value)}: expected a text")
        if value:
            content.texts.append(value)

    return handle


def file(kind: str, *name_keys: str) -> Handler:
    """A handler of parts that are files: it keeps a file's name and type, never its content."""

    def handle(part: dict[str, Any], where: str, content: Content) -> None:
        holders = (part.get(key) for key in ("file", "source", "image_url", "image_file", "input_audio"))
        inner: dict[str, Any] = next((holder for holder in holders if isinstance(holder, dict)), {})
        described: dict[str, Any] = {}
        for key in (*name_keys, "filename", "name", "title", "file_id"):
            name = part.get(key) or inner.get(key)
            if isinstance(name, str) and name:
                described["name"] = name
                break
        mime = next(
            (
                holder[key]
                for holder in (part, inner)
                for key in ("mediaType", "media_type", "mimeType", "mime_type", "contentType")
                if isinstance(holder.get(key), str)
            ),
            kind,
        )
        content.files.append({**described, "type": mime})

    return handle


def jsonish(value: Any) -> str:
    """A tool's result as text: a text as it is, text parts joined, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        texts = [part["text"] for part in value if isinstance(part.get("text"), str)]
        if len(texts) == len(value):
            return "\n".join(texts)
    return json.dumps(value, ensure_ascii=False, default=str)
