"""Any other JSON Lines or CSV with one message in each row: a mapping names the columns."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.content import jsonish
from agentsight_otel.replay.fields import Notes, shown
from agentsight_otel.replay.formats.base import Entry, Format, grouped, of_entry
from agentsight_otel.replay.transcripts import Feedback, Message, ToolCall, Transcript

_ROLES = ("user", "assistant", "tool", "system")
_DEFAULT_ROLES = {
    **{role: role for role in _ROLES},
    **dict.fromkeys(("end_user", "human", "customer", "visitor", "client", "incoming", "inbound"), "user"),
    **dict.fromkeys(("agent", "bot", "ai", "outgoing", "outbound", "operator", "admin"), "assistant"),
}
_OF_CONVERSATION = ("customer_id", "device", "source", "language", "country", "ip", "name", "environment", "metadata")
_OF_MESSAGE = (
    *("conversation_id", "role", "content", "created_at", "tool", "tool_arguments", "tool_result", "tool_error"),
    *("tool_duration_ms", "feedback", "feedback_comment"),
)
_COLUMNS = (*_OF_MESSAGE, *_OF_CONVERSATION)
_NEEDED = ("conversation_id", "role", "content", "created_at")
"""Fields without which a conversation would be empty, or its times made up."""


_ABSENT = object()


class MappingError(ValueError):
    """The file that ``--map`` names is no valid mapping, or not one for the file to read."""


@dataclass(frozen=True)
class Mapping:
    """Which column of a file holds which field.

    Attributes:
        columns: The column of each field, by the field's name; a dot in a column reaches into an object.
        roles: The role (user, assistant, tool or system) of each value of the role's column, in lower case.
    """

    columns: dict[str, str]
    roles: dict[str, str]

    @classmethod
    def load(cls, path: Path) -> "Mapping":
        """Reads a mapping file: a JSON object of columns, with ``roles`` among them.

        Raises:
            MappingError: The file cannot be read, or is no valid mapping.
        """
        try:
            columns = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise MappingError(f"{path}: {error}; expected a JSON object") from None
        if not isinstance(columns, dict):
            raise MappingError(f"{path}: {shown(columns)}: expected a JSON object")
        roles = columns.pop("roles", {})
        for name, column in columns.items():
            if name not in _COLUMNS:
                raise MappingError(f"{path}: {name}: expected one of {', '.join(_COLUMNS)}, roles")
            if not isinstance(column, str) or not column:
                raise MappingError(f"{path}: {name}: {shown(column)}: expected the name of a column")
        if missing := [name for name in ("conversation_id", "role", "content") if name not in columns]:
            raise MappingError(f"{path}: {', '.join(missing)}: not there; expected the name of a column")
        if not isinstance(roles, dict) or not set(roles.values()) <= set(_ROLES):
            raise MappingError(f"{path}: roles: {shown(roles)}: expected an object of {', '.join(_ROLES)}")
        return cls(columns, {**_DEFAULT_ROLES, **{str(name).lower(): role for name, role in roles.items()}})

    def format(self) -> Format:
        """The format that the mapping describes."""
        return Format(
            "map", "rows as --map describes them", lambda value: isinstance(value, dict), grouped(self._key, self._read)
        )

    def check(self, rows: Sequence[Any]) -> str:
        """Looks for columns that no row has: most likely they are called otherwise.

        Args:
            rows: All of a file.

        Returns:
            What to say of the other fields; an empty text where all columns are there.

        Raises:
            MappingError: It is the column of the ids, roles, texts or times, without which nothing is right.
        """
        objects = [row for row in rows if isinstance(row, dict)]
        absent = [
            name
            for name, column in self.columns.items()
            if objects and all(_found(row, column) is _ABSENT for row in objects)
        ]
        for name in absent:
            if name in _NEEDED:
                known = ", ".join(map(str, objects[0]))
                raise MappingError(f"{name}: {self.columns[name]}: no row has this column; expected one of {known}")
        return "; ".join(f"{name}: no row has a column {self.columns[name]}" for name in absent)

    def _get(self, row: Any, name: str) -> Any:
        column = self.columns.get(name)
        if column is None:
            return None
        value = _found(row, column)
        return None if value is _ABSENT or fields.blank(value) else value

    def _key(self, row: Any) -> str:
        conversation_id = self._get(row, "conversation_id")
        if conversation_id in (None, "") or isinstance(conversation_id, (bool, dict, list)):
            column = self.columns["conversation_id"]
            raise ValueError(f"{column}: {shown(conversation_id)}: expected the id of a conversation")
        return str(conversation_id).strip()

    def _read(self, conversation: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
        messages: list[Message] = []
        described: dict[str, str] = {}
        metadata: dict[str, Any] | None = None
        feedback: list[Feedback] = []
        for entry in entries:
            with of_entry(entry):
                messages += self._messages(entry.value)
                feedback += self._feedback(entry.value)
                for name in _OF_CONVERSATION[:-1]:
                    if (value := self._get(entry.value, name)) not in (None, ""):
                        described.setdefault(name, fields.text(value, self.columns[name]))
                free = self._get(entry.value, "metadata")
                metadata = metadata or fields.metadata(free, self.columns.get("metadata", "metadata"))
        if all(message.at_ns is not None for message in messages):
            messages.sort(key=lambda message: message.at_ns or 0)
        return Transcript(conversation, tuple(messages), described, metadata, tuple(feedback))

    def _messages(self, row: Any) -> Iterable[Message]:
        sender = self._get(row, "role")
        role = self.roles.get(str(sender).strip().lower())
        if role is None:
            raise ValueError(
                f"{self.columns['role']}: {shown(sender)}: expected one of {', '.join(self.roles)},"
                " or what roles says in the mapping"
            )
        at_ns = None
        if (when := self._get(row, "created_at")) not in (None, ""):
            at_ns = fields.time_ns(when, self.columns["created_at"])
        content = self._get(row, "content")
        tool = self._get(row, "tool")
        if tool not in (None, ""):
            error = self._get(row, "tool_error")
            duration_ms = self._get(row, "tool_duration_ms")
            call = ToolCall(
                "",
                fields.text(tool, self.columns["tool"]),
                self._get(row, "tool_arguments") or None,
                at_ns,
                self._duration_ns(duration_ms),
                done=True,
                result=self._get(row, "tool_result") or (content if role == "tool" else None) or None,
                error=None if error in (None, "", False, "false", "0", 0) else jsonish(error),
            )
            yield Message("assistant", "", (call,), at_ns=at_ns)
            if role == "tool":
                return
        elif role == "tool":
            raise ValueError(f"{self.columns['role']}: {shown(sender)}: expected the tool's name in a column tool")
        if content not in (None, ""):
            yield Message(role, self._text(content), at_ns=at_ns)

    def _text(self, content: Any) -> str:
        if not isinstance(content, (list, dict)):
            return jsonish(content)
        text = chat.content_of({"content": content}, self.columns["content"]).text
        if not text:
            raise ValueError(f"{self.columns['content']}: {shown(content)}: expected a text, or parts with one")
        return text

    def _duration_ns(self, duration_ms: Any) -> int | None:
        if fields.blank(duration_ms):
            return None
        try:
            return round(float(duration_ms) * 1e6)
        except (ValueError, TypeError, OverflowError):
            column = self.columns["tool_duration_ms"]
            raise ValueError(f"{column}: {shown(duration_ms)}: expected a number of milliseconds") from None

    def _feedback(self, row: Any) -> Iterable[Feedback]:
        rating = self._get(row, "feedback")
        if rating in (None, ""):
            return
        sentiment = str(rating).strip().lower()
        if sentiment not in fields.SENTIMENTS:
            raise ValueError(f"{self.columns['feedback']}: {shown(rating)}: expected positive, neutral or negative")
        comment = self._get(row, "feedback_comment")
        yield Feedback(sentiment, str(comment) if comment not in (None, "") else None)


def _found(row: Any, column: str) -> Any:
    """What a row has in a column, which may reach into objects; ``_ABSENT`` where the row has no such column."""
    if isinstance(row, dict) and column in row:
        return row[column]
    for step in column.split("."):
        row = row.get(step, _ABSENT) if isinstance(row, dict) else _ABSENT
    return row
