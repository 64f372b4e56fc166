"""The conversation manager of AgentSight 0.0: what people say of conversations and change about them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from agentsight_otel import api, context, runtime, semconv, setup, spans
from agentsight_otel._guard import guard, say
from agentsight_otel.context import Attributes
from agentsight_otel.enums import Sentiment
from agentsight_otel.tracking.arguments import plain

_MAX_NAME_CHARACTERS = 255


class ConversationManager:
    """Records changes as spans, which whoever reads conversations applies. Nothing of it raises.

    A conversation is named by your own id of it, ``conversation_id``; there is no other. All arguments of the
    constructor and of ``configure`` are accepted for AgentSight 0.0's sake and ignored.

    Every method returns what it recorded; an empty mapping where it refused what it was given, which is logged.
    """

    def __init__(self, *ignored: object, **more_ignored: object) -> None:
        pass

    def configure(self, **ignored: object) -> None:
        """Nothing to configure."""

    def submit_feedback(
        self,
        conversation_id: str | int,
        sentiment: Sentiment | str,
        comment: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The customer's rating of a conversation.

        Emits a span ``feedback`` (kind feedback).

        Args:
            conversation_id: Your id of it.
            sentiment: positive, neutral or negative.
            comment: The words that came with it.
            metadata: A JSON object.
        """
        with guard("submitting feedback"):
            rating = str(plain(sentiment)).strip().lower()
            if rating not in semconv.SENTIMENTS:
                say("sentiment", f"sentiment: {rating[:100]!r}: expected {', '.join(semconv.SENTIMENTS)}; not recorded")
                return {}
            if not (known := _known(conversation_id)):
                return {}
            api.feedback(rating, comment=comment, metadata=metadata, conversation_id=known)
            return {
                "conversation_id": known,
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
            name: At most 255 characters.
        """
        return self.update_conversation(conversation_id, name=name)

    def mark_conversation(self, conversation_id: str | int, is_marked: bool) -> dict[str, Any]:
        """Marks a conversation, or takes the mark away.

        Emits a span ``conversation_updated`` (kind conversation).

        Args:
            conversation_id: Your id of it.
            is_marked: Whether it is to be marked.
        """
        return self.update_conversation(conversation_id, is_marked=is_marked)

    def delete_conversation(self, conversation_id: str | int) -> dict[str, Any]:
        """Takes a conversation out of lists; it stays stored, and counts in metrics as before.

        Emits a span ``conversation_updated`` (kind conversation).

        Args:
            conversation_id: Your id of it.
        """
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

        Of device and language metrics use the first that was ever given, of customers the last.

        Emits a span ``conversation_updated`` (kind conversation).

        Args:
            conversation_id: Your id of it.
            name: Its title, at most 255 characters.
            is_marked: Whether it is to be marked.
            customer_id: Who the customer is.
            device: desktop, tablet, mobile, …
            language: A BCP-47 tag.
            metadata: A JSON object; replaces the one before.
        """
        with guard("updating a conversation"):
            identity: dict[str, Any] = {
                "name": name if name is None else spans.bounded_text(name).strip()[:_MAX_NAME_CHARACTERS],
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


def _update(conversation_id: object, changed: dict[str, Any], attributes: Attributes) -> dict[str, Any]:
    if not (known := _known(conversation_id)):
        return {}
    if not changed:
        say("nothing to update", "a conversation's update without any field: not recorded")
        return {}
    identity = {field: value for field, value in changed.items() if not field.startswith("is_")}
    updated = context.describe(runtime.current(), known, **identity)
    if context.current_conversation().id == updated.id:
        context.make_current(updated)  # or its next span would say what it was before
    if "name" not in changed:
        # A name on this span counts as one that people gave, before those that spans bear from elsewhere.
        bearing = {key: value for key, value in updated.attributes.items() if key != semconv.CONVERSATION_NAME}
        updated = dataclasses.replace(updated, attributes=bearing)
    spans.point(
        semconv.KIND_CONVERSATION, semconv.SPAN_CONVERSATION_UPDATED, attributes, conversation=updated, root=True
    )
    return {"conversation_id": known, **changed}


def _known(conversation_id: object) -> str:
    setup.ensure_started()
    known = spans.bounded_text(conversation_id).strip()
    if not known:
        say("conversation_id", "conversation_id: expected a non-empty text; nothing was recorded")
    return known


conversation_manager = ConversationManager()
"""The manager."""
