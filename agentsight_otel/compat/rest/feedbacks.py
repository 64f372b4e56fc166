"""Ratings."""

from typing import Any

from agentsight_otel.compat.exceptions import InvalidConversationDataException, ValidationError
from agentsight_otel.compat.rest.pages import Page, PageIterator
from agentsight_otel.compat.rest.resource import Resource, missing, refuse

_SQL = "SELECT conversation_id, timestamp, sentiment, source, comment, metadata, span_id FROM feedback_v"
_OF_ENVIRONMENT = "conversation_id IN (SELECT conversation_id FROM resolved_conversations WHERE environment = "
_ORDERINGS = {name: name for name in ("conversation_id", "sentiment", "source", "timestamp")} | {
    "created_at": "timestamp"
}
_CONDITIONS = {
    "env": _OF_ENVIRONMENT + "{env:String})",
    "environment": _OF_ENVIRONMENT + "{environment:String})",
    "kind": "{kind:String} = 'conversation'",  # there is no other
    "conversation": "conversation_id = {conversation:String}",
    "conversation_id": "conversation_id = {conversation_id:String}",
    "sentiment": "sentiment = {sentiment:String}",
    "source": "source = {source:String}",
    "comment_contains": "positionCaseInsensitiveUTF8(comment, {comment_contains:String}) > 0",
    "search": "positionCaseInsensitiveUTF8(comment, {search:String}) > 0",
    "has_comment": "(comment != '') = {has_comment:Bool}",
    "created_at_after": "timestamp >= parseDateTime64BestEffort({created_at_after:String}, 3, 'UTC')",
    "created_at_before": "timestamp <= parseDateTime64BestEffort({created_at_before:String}, 3, 'UTC')",
}


class Feedbacks(Resource):
    """Ratings of conversations, as ``client.feedbacks``."""

    def list(self, **filters: Any) -> PageIterator:
        """The matching feedback, latest first.

        Args:
            filters: ``conversation_id``, ``sentiment``, ``source``, ``comment_contains``, ``search``, ``has_comment``,
                ``created_at_after``, ``created_at_before``, ``environment`` or ``env`` (of the conversation), ``kind``
                (conversation), and ``ordering``: ``created_at``, ``conversation_id``, ``sentiment`` or ``source``; a
                minus before it orders descending.

        Raises:
            ValidationError: There is no such filter.
        """
        return self._pages(_SQL, _CONDITIONS, filters, "timestamp DESC, span_id", _ORDERINGS)

    def page(self, number: int = 1, **filters: Any) -> Page:
        """One page of the matching feedback; ``extra["counts"]["all"]`` is the number of all.

        Raises:
            ValidationError: There is no such filter.
        """
        page = self.list(**filters).page(number)
        page.extra["counts"] = {"all": page.count}
        return page

    def get(self, feedback_id: str) -> dict[str, Any]:
        """One rating, by its id.

        Raises:
            NotFoundError: No feedback has that id.
        """
        rows = self._client.rows(f"{_SQL} WHERE span_id = {{id:String}}", id=str(feedback_id))
        return self._row(rows[0]) if rows else missing("feedback", feedback_id)

    def create_for_conversation(
        self, conversation: str | int, sentiment: str, comment: str | None = None
    ) -> dict[str, Any]:
        """Records the customer's rating of a conversation.

        Raises:
            ValidationError: The sentiment or the comment is not valid.
        """
        try:
            return self._client.manager.submit_feedback(conversation, sentiment, comment)
        except (InvalidConversationDataException, ValueError) as error:
            raise ValidationError(str(error), status_code=400) from None

    def create_for_message(
        self,
        message: Any,
        sentiment: str,
        comment: str | None = None,
        *,
        topic: str | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: Conversations are rated here, not messages.
        """
        refuse("feedback of one message")

    def create_for_agent(
        self, sentiment: str, comment: str | None = None, *, agent: Any = None, environment: str | None = None
    ) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: Conversations are rated here, not agents.
        """
        refuse("feedback of an agent")

    def update(self, feedback_id: Any, **fields: Any) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: Rate the conversation again; the latest counts.
        """
        refuse("a change of feedback")

    def delete(self, feedback_id: Any) -> None:
        """Raises:
        MethodNotAllowedError: Erase the conversation instead.
        """
        refuse("deleting feedback")

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": row["span_id"],
            "kind": "conversation",
            "conversation_id": row["conversation_id"],
            "sentiment": row["sentiment"],
            "source": row["source"],
            "comment": row["comment"],
            "created_at": row["timestamp"].isoformat(timespec="milliseconds").split("+")[0] + "Z",
        }
