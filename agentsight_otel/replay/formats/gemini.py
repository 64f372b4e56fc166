"""Google's Gemini: ``contents`` of ``role`` and ``parts``, with or without the response."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.content import jsonish
from agentsight_otel.replay.fields import Notes, listed, shown
from agentsight_otel.replay.formats.base import UNREADABLE, Entry, problem, time_of
from agentsight_otel.replay.history import Histories, oldest_first
from agentsight_otel.replay.transcripts import Message, Refusal, ToolCall, Transcript

_ROLES = {"user": "user", "model": "assistant", "function": "user", "tool": "user", "system": "system"}
_SILENT = ("thought", "thoughtSignature", "thought_signature", "videoMetadata", "video_metadata")


def _first(value: dict[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _contents(value: dict[str, Any]) -> Any:
    return _first(value, "contents", "history")


def _are_contents(values: Any) -> bool:
    """Whether a list is one of contents, whose parts, unlike Vercel's, have no type."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(value, dict) and "parts" in value and "content" not in value for value in values)
        and not any(isinstance(part, dict) and "type" in part for value in values for part in _parts(value))
    )


def _parts(content: dict[str, Any]) -> list[Any]:
    parts = content.get("parts")
    return parts if isinstance(parts, list) else [parts]


def recognises(value: Any) -> bool:
    """Whether a value is a list of contents, or has one, directly or inside a request."""
    if not isinstance(value, dict):
        return _are_contents(value)
    request = value.get("request")
    return (
        isinstance(value.get("contents"), list)
        or _are_contents(value.get("history"))
        or (isinstance(request, dict) and isinstance(_contents(request), list))
    )


def read(entries: Sequence[Entry], notes: Notes) -> Iterator[Transcript | Refusal]:
    """Reads requests; those that continue one another become one conversation."""
    histories = Histories()
    for entry in oldest_first(entries, time_of):
        try:
            value = entry.value if isinstance(entry.value, dict) else {"contents": entry.value}
            _add(histories, fields.document(value, "entry"))
        except UNREADABLE as error:
            yield entry.refusal(problem(error))
    yield from histories


def _add(histories: Histories, value: dict[str, Any]) -> None:
    inner = value.get("request")
    request = inner if isinstance(inner, dict) else value
    messages: list[Message] = []
    for index, content in enumerate(listed(_contents(request), "contents")):
        messages += _content(content, f"contents[{index}]")
    response = value.get("response", value)
    answered: list[Message] = []
    if isinstance(response, dict) and response.get("candidates"):
        candidate = fields.document(listed(response["candidates"], "candidates")[0], "candidates[0]")
        answer = _first(candidate, "content")
        done_ns = fields.time_of(response, "response.") if response is not value else None
        if answer is not None:
            answer = {"role": "model", **fields.document(answer, "candidates[0].content")}
            answered = [
                replace(message, at_ns=message.at_ns or done_ns)
                for message in _content(answer, "candidates[0].content")
            ]
    histories.add(
        messages,
        answered,
        stated=fields.conversation_id(value),
        at_ns=fields.time_of(value),
        description=fields.description(value),
        metadata=fields.metadata(value.get("metadata")),
        feedback=chat.feedback(value.get("feedback")),
    )


def _content(value: Any, where: str) -> Iterator[Message]:
    content = fields.document(value, where)
    role = _ROLES.get(str(content.get("role", "user")))
    if role is None:
        raise ValueError(f"{where}.role: {shown(content.get('role'))}: expected one of {', '.join(_ROLES)}")
    at_ns = fields.time_of(content, f"{where}.")
    parts = content.get("parts")
    parts = [parts] if isinstance(parts, (dict, str)) else listed(parts, f"{where}.parts")
    texts: list[str] = []
    calls: list[ToolCall] = []
    files: list[dict[str, Any]] = []
    results: list[Message] = []
    for index, entry in enumerate(parts):
        place = f"{where}.parts[{index}]"
        part = {"text": entry} if isinstance(entry, str) else fields.document(entry, place)
        data = _first(part, "inlineData", "inline_data", "fileData", "file_data")
        call = _first(part, "functionCall", "function_call")
        result = _first(part, "functionResponse", "function_response")
        code = _first(part, "executableCode", "executable_code")
        ran = _first(part, "codeExecutionResult", "code_execution_result")
        if part.get("thought") is True:
            continue
        if isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif call is not None:
            name = fields.text(fields.document(call, place).get("name"), f"{place}.functionCall.name")
            calls.append(ToolCall(str(call.get("id") or ""), name, call.get("args")))
        elif result is not None:
            name = fields.text(fields.document(result, place).get("name"), f"{place}.functionResponse.name")
            response = result.get("response")
            error = response.get("error") if isinstance(response, dict) else None
            results.append(
                Message(
                    "tool",
                    jsonish(response),
                    answers=str(result.get("id") or name),
                    at_ns=at_ns,
                    error=jsonish(error) if error else None,
                )
            )
        elif code is not None:
            calls.append(ToolCall("", "code_execution", fields.document(code, place).get("code")))
        elif ran is not None:
            outcome = str(fields.document(ran, place).get("outcome", ""))
            failed = outcome not in ("", "OUTCOME_OK", "OUTCOME_UNSPECIFIED")
            results.append(
                Message(
                    "tool",
                    jsonish(ran.get("output")),
                    answers="code_execution",
                    at_ns=at_ns,
                    error=outcome if failed else None,
                )
            )
        elif data is not None:
            described = fields.document(data, place)
            files.append(
                {
                    "name": _first(described, "displayName", "display_name", "fileUri", "file_uri") or "file",
                    "type": _first(described, "mimeType", "mime_type") or "file",
                }
            )
        elif not set(part) <= set(_SILENT):
            raise ValueError(
                f"{place}: {shown(part)}: expected text, functionCall, functionResponse, inlineData, fileData,"
                " executableCode or codeExecutionResult"
            )
    ran_here = [result for result in results if result.answers == "code_execution" and role == "assistant"]
    yield from (result for result in results if result not in ran_here)
    if texts or calls or files:
        done = tuple(
            replace(call, done=True, result=ran_here.pop(0).text)
            if call.name == "code_execution" and ran_here
            else call
            for call in calls
        )
        yield Message(role, "".join(texts), done, at_ns=at_ns, files=tuple(files))
