"""Conversations, read and managed."""

import builtins
from collections.abc import Iterable
from typing import Any

from agentsight_otel import semconv
from agentsight_otel.compat.exceptions import InvalidConversationDataException, ValidationError
from agentsight_otel.compat.rest.pages import PageIterator
from agentsight_otel.compat.rest.resource import Resource

_UPDATABLE = ("name", "is_marked", "customer_id", "device", "language", "metadata")
_TRANSCRIPT = ("messages", "feedbacks")


class Conversations(Resource):
    """Conversations, as ``client.conversations``."""

    def list(self, **filters: Any) -> PageIterator:
        """The matching conversations, latest first, without messages; takes the filters of ``fetch_conversations``."""
        return self._list(filters, full=False)

    def list_full(self, **filters: Any) -> PageIterator:
        """The matching conversations, latest first, with messages and feedback; takes the same filters as ``list``."""
        return self._list(filters, full=True)

    def get(self, conversation: str | int, *, full: bool = True) -> dict[str, Any]:
        """A conversation; ``tickets`` is empty, ``token_usage`` the sum of its model calls, None where it has none.

        Raises:
            NotFoundError: The conversation does not exist, or was deleted.
        """
        document = self._client.one(conversation)
        usage = self._client.usage.summary("conversation", conversation_id=document["id"])["results"]
        shown = document if full else {key: value for key, value in document.items() if key not in _TRANSCRIPT}
        return {**shown, "tickets": [], "token_usage": usage[0] if usage else None}

    def attachments(self, conversation: str | int) -> dict[str, Any]:
        """The files of a conversation.

        Raises:
            NotFoundError: The conversation does not exist, or was deleted.
        """
        return self._client.reader.fetch_conversation_attachments(self._client.one(conversation)["id"])

    def metadata_keys(self) -> builtins.list[str]:
        """All keys in the metadata of conversations."""
        return self._keys(f"SpanAttributes['{semconv.CONVERSATION_METADATA}']")

    def metadata_values(self, key: str) -> builtins.list[str]:
        """All values of a key in the metadata of conversations.

        Raises:
            ValidationError: The key is empty.
        """
        if not key:
            raise ValidationError("metadata_values(): expected a key", status_code=400)
        rows = self._client.rows(
            "SELECT DISTINCT if(JSONType(json, {key:String}) = 'String', JSONExtractString(json, {key:String}),"
            " JSONExtractRaw(json, {key:String})) AS value FROM (SELECT DISTINCT"
            f" SpanAttributes['{semconv.CONVERSATION_METADATA}'] AS json FROM otel_traces WHERE IsCounted"
            " AND json != '') WHERE JSONHas(json, {key:String}) ORDER BY value",
            key=key,
        )
        return [row["value"] for row in rows]

    def message_metadata_keys(self) -> builtins.list[str]:
        """All keys in the metadata of messages."""
        rows = self._client.rows(
            "SELECT DISTINCT arrayJoin(JSONExtractKeys(metadata)) AS key FROM messages_v WHERE metadata != ''"
            " ORDER BY key"
        )
        return [row["key"] for row in rows]

    def resolve(self, conversation: str | int) -> str:
        """The id of an existing conversation.

        Raises:
            NotFoundError: The conversation does not exist, or was deleted.
        """
        return str(self._client.one(conversation)["id"])

    def rename(self, conversation: str | int, name: str) -> dict[str, Any]:
        """Gives a conversation another title.

        Raises:
            ValidationError: The name is not valid.
        """
        return self.update(conversation, name=name)

    def mark(self, conversation: str | int, is_marked: bool = True) -> dict[str, Any]:
        """Marks a conversation, or takes the mark away."""
        return self.update(conversation, is_marked=bool(is_marked))

    def update(self, conversation: str | int, **fields: Any) -> dict[str, Any]:
        """Changes ``name``, ``is_marked``, ``customer_id``, ``device``, ``language`` or ``metadata``.

        Raises:
            ValidationError: A field is unknown, or its value is not allowed.
        """
        if unknown := sorted(fields.keys() - set(_UPDATABLE)):
            raise ValidationError(f"{', '.join(unknown)}: expected one of {', '.join(_UPDATABLE)}", status_code=400)
        try:
            return self._client.manager.update_conversation(conversation, **fields)
        except (InvalidConversationDataException, ValueError) as error:
            raise ValidationError(str(error), status_code=400) from None

    def update_metadata(
        self, conversation: str | int, metadata: dict[str, Any] | None = None, *, remove: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Changes some members of the metadata, and keeps the rest.

        Raises:
            NotFoundError: The conversation does not exist, or was deleted.
        """
        before = self._client.one(conversation)["metadata"] or {}
        changed = {**before, **(metadata or {})}
        for key in [remove] if isinstance(remove, str) else remove or ():
            changed.pop(key, None)
        return self.update(conversation, metadata=changed)

    def delete(self, conversation: str | int) -> dict[str, Any]:
        """Takes a conversation out of lists; it stays stored.

        Raises:
            ValidationError: The id is not valid.
        """
        try:
            return self._client.manager.delete_conversation(conversation)
        except ValueError as error:
            raise ValidationError(str(error), status_code=400) from None

    def _list(self, filters: dict[str, Any], *, full: bool) -> PageIterator:
        def fetch(query: dict[str, Any]) -> dict[str, Any]:
            try:
                body = self._client.reader.fetch_conversations(**query)
            except ValueError as error:
                raise ValidationError(str(error), status_code=400) from None
            if not full:
                body["results"] = [
                    {key: value for key, value in each.items() if key not in _TRANSCRIPT} for each in body["results"]
                ]
            return body

        return PageIterator(fetch, filters)

    def _keys(self, column: str) -> builtins.list[str]:
        rows = self._client.rows(
            f"SELECT DISTINCT arrayJoin(JSONExtractKeys({column})) AS key FROM otel_traces WHERE IsCounted"
            f" AND {column} != '' ORDER BY key"
        )
        return [row["key"] for row in rows]
