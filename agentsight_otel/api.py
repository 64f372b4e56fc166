"""Module functions over the span lifecycle: conversations, messages and what else happens in them."""

from collections.abc import Iterable, Mapping
from typing import Any

from typing_extensions import Unpack

from agentsight_otel import attachments, context, runtime, semconv, spans
from agentsight_otel._guard import guard, guarded, say
from agentsight_otel.context import NO_CONVERSATION, Conversation, ConversationFields


def get_or_create_conversation(
    conversation_id: str,
    customer_id: str | None = None,
    customer_ip_address: str | None = None,
    device: str | None = None,
    source: str | None = None,
    language: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    environment: str | None = None,
    country: str | None = None,
) -> Conversation:
    """Starts or resumes a conversation and makes it current: the user has begun to interact. Never raises.

    It stays current in this task, thread or surrounding block until another becomes current. Values given in an
    earlier call for the same conversation, in the same context, need not be given again.

    Emits a span ``conversation_started`` (kind conversation).

    Args:
        conversation_id: Your id of it; the trace id follows from it.
        customer_id: Who the customer is (user.id).
        customer_ip_address: Geolocated, then stored as the IP policy allows.
        device: desktop, tablet, mobile, …
        source: web, whatsapp, viber, …
        language: A BCP-47 tag.
        metadata: A JSON object.
        name: A title for people.
        environment: The conversation's own, where it differs from the deployment's.
        country: ISO 3166-1 alpha-2, where you know it yourself.
    """
    return _announced(
        semconv.SPAN_CONVERSATION_STARTED,
        conversation_id,
        customer_id=customer_id,
        customer_ip_address=customer_ip_address,
        device=device,
        source=source,
        language=language,
        metadata=metadata,
        name=name,
        environment=environment,
        country=country,
    )


def initialize_conversation(
    conversation_id: str,
    customer_id: str | None = None,
    customer_ip_address: str | None = None,
    device: str | None = None,
    source: str | None = None,
    language: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    environment: str | None = None,
    country: str | None = None,
) -> Conversation:
    """Records a visit: the chat was offered, nothing was said yet. Never raises.

    The conversation becomes current too, so that a greeting of the agent joins it.

    Emits a span ``conversation_opened`` (kind conversation).

    Args:
        conversation_id: Your id of it; the trace id follows from it.
        customer_id: This and the rest as ``get_or_create_conversation`` takes them.
        customer_ip_address: See there.
        device: See there.
        source: See there.
        language: See there.
        metadata: See there.
        name: See there.
        environment: See there.
        country: See there.
    """
    return _announced(
        semconv.SPAN_CONVERSATION_OPENED,
        conversation_id,
        customer_id=customer_id,
        customer_ip_address=customer_ip_address,
        device=device,
        source=source,
        language=language,
        metadata=metadata,
        name=name,
        environment=environment,
        country=country,
    )


def open_conversation(conversation_id: str, *, enabled: bool = True, **fields: Unpack[ConversationFields]) -> None:
    """Records a visit, as ``initialize_conversation``, but leaves the current conversation as it is. Never raises.

    Emits a span ``conversation_opened`` (kind conversation).

    Args:
        conversation_id: Your id of it.
        enabled: False: records nothing.
        fields: As ``get_or_create_conversation`` takes them.
    """
    if enabled:
        _announce(semconv.SPAN_CONVERSATION_OPENED, conversation_id, **fields)


def _announced(span_name: str, conversation_id: object, **fields: Any) -> Conversation:
    with guard("starting a conversation"):
        conversation = _announce(span_name, conversation_id, **fields) or NO_CONVERSATION
        turn = context.turn_in(None)
        if turn is not None:
            turn.adopt(conversation)
        context.make_current(conversation)
        return conversation
    return NO_CONVERSATION


@guarded("announcing a conversation")
def _announce(span_name: str, conversation_id: object, **fields: Any) -> Conversation:
    conversation = context.describe(runtime.current(), conversation_id, **fields)
    spans.point(semconv.KIND_CONVERSATION, span_name, {}, conversation=conversation, root=True)
    return conversation


def end_conversation(conversation_id: str | None = None) -> None:
    """Ends a conversation explicitly. Never raises.

    Emits a span ``conversation_ended`` (kind conversation, agentsight.conversation.ended = true).

    Args:
        conversation_id: Default: the current one.
    """
    with guard("ending a conversation"):
        ended = _named_or_current(conversation_id)
        spans.point(
            semconv.KIND_CONVERSATION,
            semconv.SPAN_CONVERSATION_ENDED,
            {semconv.CONVERSATION_ENDED: True},
            conversation=ended,
            root=True,
        )


def user_message(text: str, metadata: Mapping[str, Any] | None = None) -> None:
    """Records a message of the end user. Never raises.

    Emits an event ``agentsight.message`` on the current turn; outside one, on a turn of its own.

    Args:
        text: The message; cut at ``max_value_bytes``.
        metadata: A JSON object.
    """
    spans.message(semconv.SENDER_END_USER, text, metadata)


def agent_message(text: str, metadata: Mapping[str, Any] | None = None) -> None:
    """Records a message of the agent. Never raises.

    Emits an event ``agentsight.message`` on the current turn; outside one, on a turn of its own.

    Args:
        text: The message; cut at ``max_value_bytes``.
        metadata: A JSON object.
    """
    spans.message(semconv.SENDER_AGENT, text, metadata)


@guarded("recording a button")
def button(
    button_event: str,
    label: str | None = None,
    value: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """The user pressed a button. Never raises. Emits a span ``button {button_event}`` (kind button).

    Args:
        button_event: What it does.
        label: What is written on it.
        value: What it sends.
        metadata: A JSON object.
    """
    event = spans.bounded_text(button_event)
    spans.point(
        semconv.KIND_BUTTON,
        f"button {event}",
        {
            semconv.BUTTON_EVENT: event,
            semconv.BUTTON_LABEL: spans.bounded_text(label),
            semconv.BUTTON_VALUE: spans.bounded_text(value),
            semconv.METADATA: spans.bounded_text(metadata),
        },
    )


@guarded("recording attachments")
def record_attachments(
    files: Iterable[object],
    sender: str = semconv.SENDER_END_USER,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Files were sent; moves no bytes. Never raises. Emits a span ``attachment`` (kind attachment).

    Args:
        files: Paths, open files, a framework's uploads, or mappings with filename, mime_type and size; of each the
            name, type and size in bytes are recorded, as far as it says.
        sender: end_user or agent.
        metadata: A JSON object.
    """
    listed = [files] if isinstance(files, (str, bytes, Mapping)) else list(files)
    spans.point(
        semconv.KIND_ATTACHMENT,
        semconv.KIND_ATTACHMENT,
        {
            semconv.ATTACHMENT_SENDER: spans.bounded_text(sender),
            semconv.ATTACHMENT_COUNT: len(listed),
            semconv.ATTACHMENT_FILES: spans.bounded_text([attachments.describe(file) for file in listed]),
            semconv.METADATA: spans.bounded_text(metadata),
        },
    )


@guarded("updating metadata")
def update_metadata(metadata: Mapping[str, Any] | None = None, *, remove: Iterable[str] | None = None) -> None:
    """Changes the current conversation's metadata, for every span from here on. Never raises.

    The rest of it stays, as far as this process knows it. Emits a span ``metadata_updated`` (kind conversation).

    Args:
        metadata: Members to add or replace, whole; None, False, 0 and '' are values like others.
        remove: Members to take out.
    """
    current = context.current_conversation()
    if not current.id:
        say("update_metadata outside", "update_metadata(): there is no current conversation")
        return
    removed = [remove] if isinstance(remove, str) else remove or ()
    current.update_metadata(metadata or {}, removed, runtime.current().settings.max_value_bytes)
    spans.point(semconv.KIND_CONVERSATION, semconv.SPAN_METADATA_UPDATED, {}, conversation=current, root=True)


@guarded("recording feedback")
def feedback(
    sentiment: str,
    *,
    comment: str | None = None,
    source: str = semconv.FEEDBACK_SOURCE_CUSTOMER,
    metadata: Mapping[str, Any] | None = None,
    conversation_id: str | None = None,
) -> None:
    """A rating of the conversation. Never raises. Emits a span ``feedback`` (kind feedback).

    Args:
        sentiment: positive, neutral or negative; anything else is stored and logged, and counts in no metric.
        comment: The words that came with it.
        source: customer, or platform for one of your own team, which the feedback metric leaves out.
        metadata: A JSON object.
        conversation_id: Default: the current conversation's.
    """
    rating, given_by = str(sentiment).strip().lower(), str(source or "").strip().lower()
    if rating not in semconv.SENTIMENTS:
        say("sentiment", f"sentiment: {sentiment!r}: expected {', '.join(semconv.SENTIMENTS)}; it is not counted")
    if given_by and given_by not in semconv.FEEDBACK_SOURCES:
        say("source", f"feedback source: {source!r}: expected {', '.join(semconv.FEEDBACK_SOURCES)}; not counted")
    spans.point(
        semconv.KIND_FEEDBACK,
        "feedback",
        {
            semconv.FEEDBACK_SENTIMENT: rating,
            semconv.FEEDBACK_SOURCE: given_by,
            semconv.FEEDBACK_COMMENT: spans.bounded_text(comment),
            semconv.METADATA: spans.bounded_text(metadata),
        },
        conversation=_named_or_current(conversation_id),
    )


def _named_or_current(conversation_id: str | None) -> Conversation:
    return context.current_conversation() if conversation_id is None else _named(conversation_id)


def _named(conversation_id: str) -> Conversation:
    with guard("naming a conversation"):
        return context.describe(runtime.current(), conversation_id)
    return NO_CONVERSATION
