"""Single messages."""

from collections.abc import Iterable
from typing import Any

from agentsight_otel.compat.rest.resource import Resource, missing, refuse


class Messages(Resource):
    """Single messages, as ``client.messages``."""

    def get(self, message: str) -> dict[str, Any]:
        """A message, by the ``id`` that it has in its conversation.

        Raises:
            NotFoundError: No message has that id.
        """
        span_id, _, index = str(message).partition("-")
        rows = self._client.rows(
            "SELECT conversation_id FROM messages_v WHERE span_id = {span:String} AND event_index = {index:UInt32}",
            span=span_id,
            index=int(index) if index.isdecimal() else 0,
        )
        entries = self._client.one(rows[0]["conversation_id"])["messages"] if rows else []
        entry_of_message: dict[str, Any] | None = next((entry for entry in entries if entry["id"] == message), None)
        return missing("message", message) if entry_of_message is None else entry_of_message

    def update(self, message: Any, *, metadata: dict[str, Any]) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: A message stays as it was recorded.
        """
        refuse("a change of a message")

    def update_metadata(
        self, message: Any, metadata: dict[str, Any] | None = None, *, remove: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: A message stays as it was recorded.
        """
        refuse("a change of a message")
