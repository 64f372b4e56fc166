"""The tracker of AgentSight 0.0: records what happens in a conversation call by call, and then sends it.

    from agentsight_otel import conversation_tracker

    conversation_tracker.get_or_create_conversation("conversation-1", device="mobile")
    conversation_tracker.track_human_message("Where is my order?")
    conversation_tracker.track_action("find_order", duration_ms=120, response="shipped")
    conversation_tracker.track_agent_message("On its way.")
    conversation_tracker.send_tracked_data()

One tracker serves every request, task and thread at once: what is tracked belongs to the conversation of the context
it is tracked in. It starts recording by itself, as the environment says, unless ``init()`` was called before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._core.guard import guard, guarded, logger, say
from agentsight_otel._lifecycle import setup
from agentsight_otel._recording import api, spans
from agentsight_otel._tracing import context, runtime
from agentsight_otel.compat import former_config
from agentsight_otel.compat.enums import AttachmentMode, Environment, LogLevel, Sender
from agentsight_otel.compat.former_config import Config
from agentsight_otel.compat.tracking import arguments, refusals, reports
from agentsight_otel.compat.tracking.descriptions import description
from agentsight_otel.compat.tracking.refusals import refusing
from agentsight_otel.compat.tracking.tracked import TRACKED

Metadata = Mapping[str, Any] | None
Attachments = Sequence[Mapping[str, Any]]

_IGNORED = ("api_key", "endpoint", "app_url", "token_handler", "config")


class ConversationTracker:
    """Tracks conversations; every ``ConversationTracker()`` in a process is the same tracker.

    Arguments that AgentSight 0.0's client refuses raise the same exceptions here; nothing else raises. Tracked items
    are kept until ``send_tracked_data`` (or ``shutdown()``, or the process's end) turns them into spans with the times
    at which they were tracked. At most ``backlog.MAX_ITEMS`` items or ``backlog.MAX_BYTES`` are kept; beyond that, the
    conversation that has waited longest is sent early.

    Args:
        conversation_id: The conversation that is current from here on.
        log_level: The level of the logger ``agentsight_otel``.
        more: Other settings, as ``configure`` takes them.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> "ConversationTracker":
        """Returns the process's only tracker."""
        return conversation_tracker

    def __reduce__(self) -> tuple[Any, ...]:
        """Makes copies and unpickled trackers the only tracker of their process too."""
        return ConversationTracker, ()

    def __init__(
        self,
        api_key: str | None = None,
        conversation_id: str | None = None,
        endpoint: str | None = None,
        log_level: LogLevel | str | None = None,
        config: object = None,
        **more: Any,
    ) -> None:
        settings = {"api_key": api_key, "endpoint": endpoint, "log_level": log_level, "config": config, **more}
        settings["conversation_id"] = conversation_id
        if settings := {name: value for name, value in settings.items() if value is not None}:
            self.configure(**settings)

    def configure(
        self,
        api_key: str | None = None,
        conversation_id: str | None = None,
        endpoint: str | None = None,
        log_level: LogLevel | str | None = None,
        *,
        environment: Environment | str | None = None,
        **ignored: Any,
    ) -> None:
        """Changes the tracker's settings; those that are None stay.

        Args:
            api_key: Not needed; ignored.
            conversation_id: The conversation that is current from here on.
            endpoint: Ignored: ``init()`` and the environment set where spans go.
            log_level: The level of the logger ``agentsight_otel``.
            environment: The environment of conversations that state none, where the deployment has none either.
            ignored: ``app_url`` and ``token_handler``, settings of AgentSight 0.0.

        Raises:
            TypeError: A setting is unknown.
        """
        for name in ignored:
            if name not in _IGNORED:
                raise TypeError(
                    f"configure() has no setting {name!r}; expected conversation_id, log_level, environment"
                )
        with guard("configuring the tracker"):
            for name, value in {"api_key": api_key, "endpoint": endpoint, **ignored}.items():
                if value is not None:
                    say(f"configure {name}", f"{name} is not needed and ignored: spans go where init() sends them")
            if log_level is not None:
                logger.setLevel(str(arguments.plain(log_level)).upper())
            if environment is not None:
                TRACKED.environment = str(arguments.plain(environment))
            if conversation_id is not None:
                setup.ensure_started()
                chosen = context.describe(runtime.current(), conversation_id)
                context.make_current(chosen)

    @property
    def config(self) -> Config:
        """The settings of AgentSight 0.0, from its environment variables, and the current conversation's id."""
        config = former_config.of_process()
        config.conversation_id = context.current_conversation().id or config.conversation_id
        return config

    def get_or_create_conversation(
        self,
        conversation_id: str,
        customer_id: str | None = None,
        customer_ip_address: str | None = None,
        device: str | None = None,
        source: str | None = None,
        language: str | None = None,
        name: str | Metadata = None,
        environment: Environment | str | None = None,
        metadata: Metadata = None,
    ) -> None:
        """Starts or resumes a conversation: what is tracked from here on, in this context, belongs to it.

        Emits a span ``conversation_started``, at once.

        Args:
            conversation_id: Your id of it.
            customer_id: Who the customer is.
            customer_ip_address: The customer's IP address: geolocated, then stored as the IP policy allows.
            device: desktop, tablet, mobile, …
            source: web, whatsapp, viber, …
            language: A BCP-47 tag.
            name: A title for people; a mapping in its place is taken as the metadata.
            environment: Used where the deployment states none (resource attribute deployment.environment.name).
                Default: the ``environment`` of ``configure``.
            metadata: A JSON object.
        """
        with guard("starting a conversation"):
            setup.ensure_started()
            fields = description(
                *(customer_id, customer_ip_address, device, source, language, name, metadata),
                environment,
                TRACKED.environment,
            )
            conversation = api.get_or_create_conversation(conversation_id, **fields)
            data: dict[str, Any] = {name: spans.identifier(value) or None for name, value in fields.items()}
            data["metadata"] = spans.bounded_text(fields["metadata"]) or None
            TRACKED.add("conversation", {**data, "conversation_id": conversation.id, "is_used": True})

    def initialize_conversation(
        self,
        conversation_id: str,
        customer_id: str | None = None,
        customer_ip_address: str | None = None,
        device: str | None = None,
        source: str | None = None,
        language: str | None = None,
        name: str | Metadata = None,
        environment: Environment | str | None = None,
        metadata: Metadata = None,
    ) -> None:
        """Records a visit: the chat was offered, and nothing was said yet.

        The conversation becomes current only where none is.

        Emits a span ``conversation_opened``, at once. The arguments are those of ``get_or_create_conversation``.
        """
        with guard("opening a conversation"):
            setup.ensure_started()
            fields = description(
                *(customer_id, customer_ip_address, device, source, language, name, metadata),
                environment,
                TRACKED.environment,
            )
            if context.current_conversation().id:
                api.open_conversation(conversation_id, **fields)
            else:
                api.initialize_conversation(conversation_id, **fields)

    @refusing(refusals.question)
    @guarded("tracking a message")
    def track_human_message(
        self,
        message: str,
        attachments: Attachments | None = None,
        attachment_mode: AttachmentMode | str = AttachmentMode.BASE64,
        metadata: Metadata = None,
    ) -> None:
        """Tracks a message of the end user.

        Args:
            message: The text.
            attachments: Files sent with it, as ``track_attachments`` takes them.
            attachment_mode: How the files are passed: base64 or form_data.
            metadata: A JSON object.

        Raises:
            InvalidQuestionDataException: The text is empty.
            InvalidAttachmentException: A file is not valid.
            ValueError: The mode is unknown.
        """
        if not TRACKED.is_off:
            TRACKED.add_message("question", semconv.SENDER_END_USER, message, attachments, attachment_mode, metadata)

    @refusing(refusals.answer)
    @guarded("tracking a message")
    def track_agent_message(
        self,
        message: str,
        attachments: Attachments | None = None,
        attachment_mode: AttachmentMode | str = AttachmentMode.BASE64,
        metadata: Metadata = None,
    ) -> None:
        """Tracks a message of the agent; the arguments are those of ``track_human_message``.

        Raises:
            InvalidAnswerDataException: The text is empty.
            InvalidAttachmentException: A file is not valid.
            ValueError: The mode is unknown.
        """
        if not TRACKED.is_off:
            TRACKED.add_message("answer", semconv.SENDER_AGENT, message, attachments, attachment_mode, metadata)

    @refusing(refusals.attachments)
    @guarded("tracking attachments")
    def track_attachments(
        self,
        attachments: Attachments,
        sender: Sender | str | None = None,
        metadata: Metadata = None,
        mode: AttachmentMode | str = AttachmentMode.BASE64,
    ) -> None:
        """Tracks that files were sent: their names, types and sizes, never their content.

        Becomes a span ``attachment`` (kind attachment).

        Args:
            attachments: Mappings with ``filename``, ``mime_type`` and ``data`` (base64 text, bytes or a file).
            sender: end_user (default) or agent.
            metadata: A JSON object.
            mode: base64: ``data`` is base64 text; form_data: bytes or an open file.

        Raises:
            InvalidAttachmentException: There are no files, or one is not valid.
            ValueError: The mode is unknown.
        """
        if not TRACKED.is_off:
            TRACKED.add("attachments", arguments.attached(attachments, sender, mode, metadata))

    @refusing(refusals.action)
    @guarded("tracking an action")
    def track_action(
        self,
        action_name: str,
        started_at: datetime | str | None = None,
        ended_at: datetime | str | None = None,
        duration_ms: float | None = None,
        tools_used: Metadata = None,
        response: str | None = None,
        error_msg: str | None = None,
        metadata: Metadata = None,
    ) -> None:
        """Tracks a function, tool or other operation that the agent ran to find its answer.

        Becomes a span ``execute_tool {action_name}`` (kind tool). One or two of ``started_at``, ``ended_at`` and
        ``duration_ms`` are enough; without any the action starts and ends now.

        Args:
            action_name: The tool's name.
            started_at: When it began, in ISO 8601; UTC unless it has a time zone.
            ended_at: When it ended, in ISO 8601. Default: ``started_at`` and the duration, else now.
            duration_ms: How long it took, in milliseconds. With ``started_at``, ``ended_at`` is ignored.
            tools_used: The call's arguments.
            response: The call's result.
            error_msg: Why the call failed; it then counts as an error.
            metadata: A JSON object.

        Raises:
            InvalidConversationDataException: The name is empty.
        """
        if not TRACKED.is_off:
            texts = {
                "tools_used": spans.bounded_text(tools_used) if tools_used else "",
                "response": spans.bounded_text(response),
                "error_msg": spans.bounded_text(error_msg),
            }
            TRACKED.add_action(action_name, started_at, ended_at, duration_ms, metadata, texts)

    @refusing(refusals.button)
    @guarded("tracking a button")
    def track_button(self, button_event: str, label: str, value: str, metadata: Metadata = None) -> None:
        """Tracks that the user pressed a button.

        Becomes a span ``button {button_event}`` (kind button).

        Args:
            button_event: What the button is for, such as ``choose_size``.
            label: The text on the button.
            value: The value that it sends.
            metadata: A JSON object.

        Raises:
            InvalidConversationDataException: The event, the label or the value is empty.
        """
        if not TRACKED.is_off:
            texts = {"button_event": button_event, "label": label, "value": value}
            data = {key: spans.bounded_text(text).strip() for key, text in texts.items()}
            TRACKED.add("button", {**data, "metadata": arguments.json_text(metadata)})

    @guarded("tracking token usage")
    def track_token_usage(
        self,
        prompt_tokens: int | None = 0,
        completion_tokens: int | None = 0,
        total_tokens: int | None = 0,
        embedding_tokens: int | None = 0,
    ) -> None:
        """Tracks the tokens of a model call.

        Becomes a span ``chat`` (kind llm), and a span ``embeddings`` where there are embedding tokens.

        Args:
            prompt_tokens: Tokens of the input.
            completion_tokens: Tokens of the output.
            total_tokens: Tokens of both; for ``get_token_usage``.
            embedding_tokens: Tokens of embeddings.
        """
        if not TRACKED.is_off:
            TRACKED.add_tokens(prompt_tokens, completion_tokens, total_tokens, embedding_tokens)

    def get_token_usage(self) -> dict[str, int]:
        """The tokens tracked for the current conversation since it was last sent.

        Returns:
            ``prompt_tokens``, ``completion_tokens``, ``total_tokens``, ``embedding_tokens``; empty before the first
            ``track_token_usage``.
        """
        with guard("reading token usage"):
            return TRACKED.tokens()
        return {}

    def send_tracked_data(self) -> dict[str, Any]:
        """Turns tracked items into spans, and queues them for delivery; does not wait for the backend.

        It sends the items of the current conversation; where none is current, those of all conversations.

        Returns:
            ``items``: for each item ``index``, ``type``, ``timestamp``, ``response`` (``conversation_id`` and
            ``trace_id``, None where every turn has a trace of its own) and ``success``; ``summary``: the numbers of
            ``questions``, ``answers``, ``attachments``, ``actions``, ``buttons`` and ``errors``. Both are empty where
            there is nothing to send.
        """
        with guard("sending tracked data"):
            return reports.sent(TRACKED.send())
        return reports.sent([])

    def get_tracked_data_summary(self) -> dict[str, Any]:
        """The items tracked for the current conversation and not sent yet.

        Returns:
            ``items``: in order, each with ``type``, ``timestamp``, ``data``, ``index`` and ``preview``; ``summary``:
            the numbers of each type and ``total``; ``conversation_id``.
        """
        with guard("summing up tracked data"):
            return TRACKED.summary()
        return reports.waiting([], None)


conversation_tracker: ConversationTracker = object.__new__(ConversationTracker)
"""The process's only tracker."""
