"""The conversation manager of AgentSight 0.0: records feedback, and changes that people make to conversations."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._core.guard import guard, say
from agentsight_otel._lifecycle import setup
from agentsight_otel._recording import api, spans
from agentsight_otel._tracing import context, runtime
from agentsight_otel._tracing.context import Attributes
from agentsight_otel.compat import former_config, unknown, validation
from agentsight_otel.compat.enums import Sentiment
from agentsight_otel.compat.exceptions import InvalidConversationDataException
from agentsight_otel.compat.former_config import Config
from agentsight_otel.compat.tracking.arguments import plain


class ConversationManager:
    """Records changes of conversations as spans, which are applied when conversations are read; one in a process.

    A conversation is identified by your own id, ``conversation_id``; there is no other. All arguments of the
    constructor and of ``configure`` are accepted for compatibility with AgentSight 0.0, and ignored. Arguments that
    0.0's client refuses raise the same exceptions here; nothing else raises.

    Every method returns what it recorded. A conversation of which nothing else was ever recorded counts in no metric;
    where ``agentsight_api`` is configured, a warning is logged that the id is unknown.
    """

    def __new__(cls, *ignored: object, **more_ignored: object) -> "ConversationManager":
        """Returns the process's only manager."""
        return conversation_manager

    def __init__(self, *ignored: object, **more_ignored: object) -> None:
        pass

    def configure(self, **ignored: object) -> None:
        """Does nothing: the manager has no settings."""

    @property
    def config(self) -> Config:
        """The settings of AgentSight 0.0, from its environment variables; without effect here."""
        return former_config.of_process()

    def submit_feedback(
        self,
        conversation_id: str | int,
        sentiment: Sentiment | str,
        comment: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Records the customer's rating of a conversation.

        Emits a span ``feedback`` (kind feedback).

        Args:
            conversation_id: Your id of it.
            sentiment: positive, neutral or negative.
            comment: A text by the customer, at most 5,000 characters.
            metadata: A JSON object.

        Raises:
            ValueError: The id is empty.
            InvalidConversationDataException: The sentiment or the comment is not valid.
        """
        _refuse_no_id(conversation_id)
        rating = validation.check_sentiment(sentiment)
        validation.check_comment(comment)
        with guard("submitting feedback"):
            if not (identifier := _identifier(conversation_id)):
                return {}
            api.feedback(rating, comment=comment, metadata=metadata, conversation_id=identifier)
            unknown.say_if_unknown(identifier)
            return {
                "conversation_id": identifier,
                "sentiment": rating,
                "comment": comment,
                "source": semconv.FEEDBACK_SOURCE_CUSTOMER,
                "metadata": dict(metadata or {}),
            }
        return {}

    def rename_conversation(self, conversation_id: str | int, name: str) -> dict[str, Any]:
        """Gives a conversation another title.

        Emits a span ``conversation_updated`` (kind conversation).

        Args:
            conversation_id: Your id of it.
            name: The title, at most 255 characters.

        Raises:
            ValueError: The id is empty.
            InvalidConversationDataException: The name is not valid.
        """
        _refuse_no_id(conversation_id)
        return self.update_conversation(conversation_id, name=validation.check_name(name))

    def mark_conversation(self, conversation_id: str | int, is_marked: bool) -> dict[str, Any]:
        """Marks a conversation, or takes the mark away.

        Emits a span ``conversation_updated`` (kind conversation).

        Args:
            conversation_id: Your id of it.
            is_marked: Whether it is to be marked.

        Raises:
            ValueError: The id is empty.
        """
        _refuse_no_id(conversation_id)
        return self.update_conversation(conversation_id, is_marked=bool(is_marked))

    def delete_conversation(self, conversation_id: str | int) -> dict[str, Any]:
        """Takes a conversation out of lists; it stays stored, and counts in metrics as before.

        To remove the stored data: ``agentsight-otel erase``.

        Emits a span ``conversation_updated`` (kind conversation).

        Args:
            conversation_id: Your id of it.

        Raises:
            ValueError: The id is empty.
        """
        _refuse_no_id(conversation_id)
        with guard("deleting a conversation"):
            return _update(conversation_id, {"is_deleted": True}, {semconv.CONVERSATION_DELETED: True})
        return {}

    def update_conversation(
        self,
        conversation_id: str | int,
        name: str | None = None,
        is_marked: bool | None = None,
        customer_id: str | None = None,
        device: str | None = None,
        language: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Changes several fields of a conversation at once.

        Metrics use the first device and language that a conversation was ever given, but the last customer.

        Emits a span ``conversation_updated`` (kind conversation).

        Args:
            conversation_id: Your id of it.
            name: Its title, at most 255 characters.
            is_marked: Whether it is to be marked.
            customer_id: Who the customer is.
            device: desktop, tablet, mobile, …
            language: A BCP-47 tag.
            metadata: A JSON object; replaces the one before.

        Raises:
            ValueError: The id is empty, or there is no field to change.
            InvalidConversationDataException: The name or the metadata is not valid.
        """
        _refuse_no_id(conversation_id)
        if name is not None:
            name = validation.check_name(name)
        if metadata is not None and not isinstance(metadata, Mapping):
            raise InvalidConversationDataException(f"metadata: expected a mapping, got {type(metadata).__name__}")
        values = (name, is_marked, customer_id, device, language, metadata)
        if all(value is None for value in values):
            raise ValueError("update_conversation: expected at least one field to change")
        with guard("updating a conversation"):
            identity: dict[str, Any] = {
                "name": name,
                "customer_id": customer_id,
                "device": plain(device),
                "language": plain(language),
                "metadata": metadata,
            }
            changed = {field: value for field, value in identity.items() if value not in (None, "")}
            attributes: Attributes = {}
            if is_marked is not None:
                changed["is_marked"] = attributes[semconv.CONVERSATION_MARKED] = bool(is_marked)
            return _update(conversation_id, changed, attributes)
        return {}


def _refuse_no_id(conversation_id: object) -> None:
    if conversation_id is None or isinstance(conversation_id, (bool, Mapping, list, tuple, set)):
        raise ValueError(f"conversation_id: expected a text, got {type(conversation_id).__name__}")
    if not spans.identifier(conversation_id):  # a UUID or the like counts by its text
        raise ValueError("conversation_id: expected a non-empty text")


def _update(conversation_id: object, changed: dict[str, Any], attributes: Attributes) -> dict[str, Any]:
    if not (identifier := _identifier(conversation_id)):
        return {}
    if not changed:
        say("nothing to update", "a conversation's update without any field: not recorded")
        return {}
    identity = {field: value for field, value in changed.items() if not field.startswith("is_")}
    updated = context.describe(runtime.current(), identifier, **identity)
    if context.current_conversation().id == updated.id:
        context.make_current(updated)  # otherwise its next span would bear the old fields
    if "name" not in changed:
        # A name on this span counts as given by people, and has priority over names on other spans.
        bearing = {key: value for key, value in updated.attributes.items() if key != semconv.CONVERSATION_NAME}
        updated = dataclasses.replace(updated, attributes=bearing)
    spans.point(
        semconv.KIND_CONVERSATION, semconv.SPAN_CONVERSATION_UPDATED, attributes, conversation=updated, root=True
    )
    unknown.say_if_unknown(identifier)
    return {"conversation_id": identifier, **changed}


def _identifier(conversation_id: object) -> str:
    setup.ensure_started()
    identifier = spans.identifier(conversation_id)
    if not identifier:
        say("conversation_id", "conversation_id: expected a non-empty text; nothing was recorded")
    return identifier


conversation_manager: ConversationManager = object.__new__(ConversationManager)
"""The process's only manager."""
