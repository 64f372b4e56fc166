"""The functions that record conversations, messages, buttons, attachments, metadata and feedback."""

from collections.abc import Iterable, Mapping
from typing import Any

from typing_extensions import Unpack

from agentsight_otel import semconv
from agentsight_otel._core.guard import guard, guarded, say
from agentsight_otel._recording import attachment_store, spans, turns
from agentsight_otel._recording.files import describe
from agentsight_otel._tracing import context, runtime
from agentsight_otel._tracing.context import NO_CONVERSATION, Conversation, ConversationFields
from agentsight_otel._tracing.conversations import members_of

_IN_ORDER = ("customer_id", "customer_ip_address", "device", "source", "language", "metadata")


def get_or_create_conversation(
    conversation_id: object, *in_order: Any, **fields: Unpack[ConversationFields]
) -> Conversation:
    """Starts or resumes a conversation and makes it current: the user has begun to interact. Never raises.

    It stays current in this request, task, thread or surrounding block until another becomes current. Values given in
    an earlier call for the same conversation, in the same context, need not be given again.

    Emits a span ``conversation_started`` (kind conversation).

    Args:
        conversation_id: Your id of it: a text, or an object with one by ``str()``; the trace id is derived from it.
        in_order: ``customer_id``, ``customer_ip_address``, ``device``, ``source``, ``language`` and ``metadata``, as
            positional arguments.
        fields: These, and ``name``, ``environment`` and ``country``, by name; see ``ConversationFields``.
    """
    return _announced(semconv.SPAN_CONVERSATION_STARTED, conversation_id, in_order, fields)


def initialize_conversation(
    conversation_id: object, *in_order: Any, **fields: Unpack[ConversationFields]
) -> Conversation:
    """Records a visit: the chat was offered, nothing was said yet. Never raises.

    The conversation becomes current too, so that a greeting of the agent joins it.

    Emits a span ``conversation_opened`` (kind conversation).

    Args:
        conversation_id: Your id of it; the trace id is derived from it.
        in_order: As ``get_or_create_conversation`` takes them.
        fields: As ``get_or_create_conversation`` takes them.
    """
    return _announced(semconv.SPAN_CONVERSATION_OPENED, conversation_id, in_order, fields)


def open_conversation(conversation_id: object, *, enabled: bool = True, **fields: Unpack[ConversationFields]) -> None:
    """Records a visit, as ``initialize_conversation``, but leaves the current conversation as it is. Never raises.

    Emits a span ``conversation_opened`` (kind conversation).

    Args:
        conversation_id: Your id of it.
        enabled: Whether it is recorded; False records nothing.
        fields: As ``get_or_create_conversation`` takes them.
    """
    if enabled:
        with guard("opening a conversation"):
            opened = context.describe(runtime.current(), conversation_id, **fields)
            spans.point(semconv.KIND_CONVERSATION, semconv.SPAN_CONVERSATION_OPENED, {}, conversation=opened, root=True)


def _announced(
    span_name: str, conversation_id: object, in_order: tuple[Any, ...], fields: ConversationFields
) -> Conversation:
    with guard("starting a conversation"):
        if len(in_order) > len(_IN_ORDER):
            say("too many", f"a conversation has {', '.join(_IN_ORDER)} without their names; the rest is ignored")
        named_fields: dict[str, Any] = {**dict(zip(_IN_ORDER, in_order, strict=False)), **fields}
        conversation = context.describe(runtime.current(), conversation_id, **named_fields)
        turn = context.turn_in(None)
        if turn is not None:
            turn.adopt(conversation)
        context.make_current(conversation)
        spans.point(semconv.KIND_CONVERSATION, span_name, {}, root=True)
        return conversation
    return NO_CONVERSATION


def end_conversation(conversation_id: object = None) -> None:
    """Ends a conversation explicitly. Never raises.

    Emits a span ``conversation_ended`` (kind conversation, agentsight.conversation.ended = true).

    Args:
        conversation_id: The conversation. Default: the current one.
    """
    with guard("ending a conversation"):
        ended = _named_or_current(conversation_id)
        _say_if_outside("an explicit end", ended)
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
    turns.message(semconv.SENDER_END_USER, text, metadata)


def agent_message(text: str, metadata: Mapping[str, Any] | None = None) -> None:
    """Records a message of the agent. Never raises.

    Emits an event ``agentsight.message`` on the current turn; outside one, on a turn of its own.

    Args:
        text: The message; cut at ``max_value_bytes``.
        metadata: A JSON object.
    """
    turns.message(semconv.SENDER_AGENT, text, metadata)


@guarded("recording a button")
def button(
    button_event: str,
    label: str | None = None,
    value: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Records that the user pressed a button. Never raises. Emits a span ``button {button_event}`` (kind button).

    Args:
        button_event: What the button is for.
        label: The text on the button.
        value: The value that it sends.
        metadata: A JSON object.
    """
    event = spans.bounded_text(button_event)
    _say_if_outside("a button", context.current_conversation())
    spans.point(
        semconv.KIND_BUTTON,
        f"button {event}",
        {
            semconv.BUTTON_EVENT: event,
            semconv.BUTTON_LABEL: spans.bounded_text(label),
            semconv.BUTTON_VALUE: spans.bounded_text(value),
            semconv.METADATA: spans.bounded_object(metadata),
        },
    )


@guarded("recording attachments")
def record_attachments(
    files: Iterable[object],
    sender: str = semconv.SENDER_END_USER,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Records that files were sent; reads no content. Never raises. Emits a span ``attachment`` (kind attachment).

    Args:
        files: Paths, open files, a framework's uploads, or mappings with filename, mime_type and size; the name, the
            type and the size in bytes of each are recorded, where it states them.
        sender: end_user or agent.
        metadata: A JSON object.
    """
    listed = [files] if isinstance(files, (str, bytes, Mapping)) else list(files)
    _say_if_outside("an attachment", context.current_conversation())
    spans.point(
        semconv.KIND_ATTACHMENT,
        semconv.KIND_ATTACHMENT,
        {
            semconv.ATTACHMENT_SENDER: spans.bounded_text(sender),
            semconv.ATTACHMENT_COUNT: len(listed),
            semconv.ATTACHMENT_FILES: spans.bounded_text([_stored(file) for file in listed]),
            semconv.METADATA: spans.bounded_object(metadata),
        },
    )


def _stored(file: object) -> dict[str, Any]:
    described = describe(file)
    return described if "url" in described else described | attachment_store.store(file, described.get("name"))


@guarded("updating metadata")
def update_metadata(metadata: Mapping[str, Any] | None = None, *, remove: Iterable[str] | None = None) -> None:
    """Changes the current conversation's metadata, for every span from here on. Never raises.

    Other members stay, as far as this process knows them. Emits a span ``metadata_updated`` (kind conversation).

    Args:
        metadata: Members to add or replace, as a mapping or the text of a JSON object; None, False, 0 and '' are
            values like others. What is none becomes the member ``value``.
        remove: Names of members to remove.
    """
    current = context.current_conversation()
    if not current.id:
        say("update_metadata outside", "update_metadata(): there is no current conversation")
        return
    removed = [remove] if isinstance(remove, str) else remove or ()
    write = runtime.current().object
    current.update_metadata(members_of(metadata, write), removed, write)
    spans.point(semconv.KIND_CONVERSATION, semconv.SPAN_METADATA_UPDATED, {}, conversation=current, root=True)


@guarded("recording feedback")
def feedback(
    sentiment: object,
    *,
    comment: str | None = None,
    source: object = semconv.FEEDBACK_SOURCE_CUSTOMER,
    metadata: Mapping[str, Any] | None = None,
    conversation_id: object = None,
) -> None:
    """Records a rating of the conversation. Never raises. Emits a span ``feedback`` (kind feedback).

    Args:
        sentiment: positive, neutral or negative; anything else is stored and logged, and counts in no metric.
        comment: A text with the rating.
        source: customer, or platform for a rating by your own team, which the feedback metric leaves out.
        metadata: A JSON object.
        conversation_id: The conversation. Default: the current one.
    """
    rating, given_by = spans.identifier(sentiment).lower(), spans.identifier(source).lower()
    if rating not in semconv.SENTIMENTS:
        say("sentiment", f"sentiment: {sentiment!r}: expected {', '.join(semconv.SENTIMENTS)}; it is not counted")
    if given_by and given_by not in semconv.FEEDBACK_SOURCES:
        say("source", f"feedback source: {source!r}: expected {', '.join(semconv.FEEDBACK_SOURCES)}; not counted")
    about = _named_or_current(conversation_id)
    _say_if_outside("feedback", about)
    spans.point(
        semconv.KIND_FEEDBACK,
        "feedback",
        {
            semconv.FEEDBACK_SENTIMENT: rating,
            semconv.FEEDBACK_SOURCE: given_by,
            semconv.FEEDBACK_COMMENT: spans.bounded_text(comment),
            semconv.METADATA: spans.bounded_object(metadata),
        },
        conversation=about,
    )


def _say_if_outside(what: str, conversation: Conversation) -> None:
    if not conversation.id and runtime.current().enabled:
        say(f"{what} outside", f"{what} outside a conversation {context.STORED_WITHOUT}")


def _named_or_current(conversation_id: object) -> Conversation:
    with guard("naming a conversation"):
        if conversation_id is None or (isinstance(conversation_id, str) and not conversation_id.strip()):
            return context.current_conversation()
        return context.describe(runtime.current(), conversation_id)
    return NO_CONVERSATION
