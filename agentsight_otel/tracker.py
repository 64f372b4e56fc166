"""The tracker of AgentSight 0.0: say what happens in a conversation call by call, then send it.

    from agentsight_otel import conversation_tracker

    conversation_tracker.get_or_create_conversation("conversation-1", device="mobile")
    conversation_tracker.track_human_message("Where is my order?")
    conversation_tracker.track_action("find_order", duration_ms=120, response="shipped")
    conversation_tracker.track_agent_message("On its way.")
    conversation_tracker.send_tracked_data()

One tracker serves every request, task and thread at once: what is tracked belongs to the conversation of the context
it is tracked in. It starts recording by itself, as the environment says, unless ``init()`` was called before.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from opentelemetry import trace

from agentsight_otel import api, clock, context, runtime, semconv, setup, spans
from agentsight_otel._guard import guard, guarded, logger, say
from agentsight_otel.context import Conversation
from agentsight_otel.enums import AttachmentMode, Environment, LogLevel, Sender
from agentsight_otel.tracking import arguments, exchanges, reports
from agentsight_otel.tracking.backlog import Backlog, Item
from agentsight_otel.tracking.sole_conversation import SoleConversation

Metadata = Mapping[str, Any] | None
Attachments = Sequence[Mapping[str, Any]]

_IGNORED = ("api_key", "endpoint", "app_url", "token_handler", "config")


class ConversationTracker:
    """Tracks conversations; there is one tracker in a process, whichever way it is asked for.

    Nothing of it raises. What is tracked is kept until ``send_tracked_data`` (or ``shutdown()``, or the process's end)
    turns it into spans that bear the times at which it was tracked. At most ``backlog.MAX_ITEMS`` items or
    ``backlog.MAX_BYTES`` are kept; beyond, the conversation that has waited longest is sent ahead of its time.

    Args:
        conversation_id: As for ``configure``.
        log_level: As for ``configure``.
        more: As for ``configure``.
    """

    _the_one: "ConversationTracker | None" = None
    _making = threading.Lock()
    _backlog: Backlog
    _sole: SoleConversation
    _environment: str | None
    _counts_tokens: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> "ConversationTracker":
        """The one tracker."""
        with ConversationTracker._making:
            if ConversationTracker._the_one is None:
                made = super().__new__(cls)
                made._backlog = Backlog()
                made._sole = SoleConversation()
                made._environment = None
                made._counts_tokens = False
                setup.before_shutdown(made._send_rest)
                ConversationTracker._the_one = made
            return ConversationTracker._the_one

    def __init__(
        self,
        api_key: str | None = None,
        conversation_id: str | None = None,
        endpoint: str | None = None,
        log_level: LogLevel | str | None = None,
        config: object = None,
        **more: Any,
    ) -> None:
        given = {"api_key": api_key, "endpoint": endpoint, "log_level": log_level, "config": config, **more}
        given["conversation_id"] = conversation_id
        if given := {name: value for name, value in given.items() if value is not None}:
            self.configure(**given)

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
        """Changes how the tracker works; what is not given stays.

        Args:
            api_key: Not needed; ignored.
            conversation_id: The conversation that is current from here on.
            endpoint: Ignored: where spans go is a matter of ``init()`` and the environment.
            log_level: Of the logger ``agentsight_otel``.
            environment: Of conversations that state none, where the deployment has none either.
            ignored: ``app_url`` and ``token_handler``, which AgentSight 0.0 knew.

        Raises:
            TypeError: There is no such setting.
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
                self._environment = str(arguments.plain(environment))
            if conversation_id is not None:
                setup.ensure_started()
                chosen = context.describe(runtime.current(), conversation_id)
                context.make_current(chosen)
                self._sole.enter(chosen)

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
            customer_ip_address: Geolocated, then stored as the IP policy allows.
            device: desktop, tablet, mobile, …
            source: web, whatsapp, viber, …
            language: A BCP-47 tag.
            name: A title for people; a mapping in its place is the metadata.
            environment: Counts where the deployment states none (resource attribute deployment.environment.name).
                Default: what ``configure`` was given.
            metadata: A JSON object.
        """
        with guard("starting a conversation"):
            setup.ensure_started()
            given = self._description(customer_id, customer_ip_address, device, source, language, name, metadata)
            given["environment"] = self._environment_of(environment)
            conversation = api.get_or_create_conversation(conversation_id, **given)
            self._sole.enter(conversation)
            data = {name: spans.bounded_text(value) or None for name, value in given.items()}
            self._add("conversation", {**data, "conversation_id": conversation.id, "is_used": True})

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
        """Records a visit: the chat was offered, nothing was said yet.

        It becomes current only where no conversation is.

        Emits a span ``conversation_opened``, at once. The arguments are those of ``get_or_create_conversation``.
        """
        with guard("opening a conversation"):
            setup.ensure_started()
            given = self._description(customer_id, customer_ip_address, device, source, language, name, metadata)
            given["environment"] = self._environment_of(environment)
            if context.current_conversation().id:
                api.open_conversation(conversation_id, **given)
            else:
                self._sole.enter(api.initialize_conversation(conversation_id, **given))

    def track_human_message(
        self,
        message: str,
        attachments: Attachments | None = None,
        attachment_mode: AttachmentMode | str = AttachmentMode.BASE64,
        metadata: Metadata = None,
    ) -> None:
        """Tracks a message of the end user.

        Args:
            message: The text; an empty one is none.
            attachments: Files that came with it, as for ``track_attachments``.
            attachment_mode: Accepted for AgentSight 0.0's sake: files are not uploaded.
            metadata: A JSON object.
        """
        self._track_message("question", semconv.SENDER_END_USER, message, attachments, metadata)

    def track_agent_message(
        self,
        message: str,
        attachments: Attachments | None = None,
        attachment_mode: AttachmentMode | str = AttachmentMode.BASE64,
        metadata: Metadata = None,
    ) -> None:
        """Tracks a message of the agent; the arguments are those of ``track_human_message``."""
        self._track_message("answer", semconv.SENDER_AGENT, message, attachments, metadata)

    @guarded("tracking a message")
    def _track_message(
        self, kind: str, sender: str, message: object, attachments: Attachments | None, metadata: Metadata
    ) -> None:
        if self._off():
            return
        content = spans.bounded_text(message)
        if content.strip():
            self._add(kind, {"content": content, "sender": sender, "metadata": arguments.json_text(metadata)})
        else:
            say("empty message", f"an empty message of {sender}: not tracked")
        if attachments:
            self.track_attachments(attachments, sender)

    @guarded("tracking attachments")
    def track_attachments(
        self,
        attachments: Attachments,
        sender: Sender | str | None = None,
        metadata: Metadata = None,
        mode: AttachmentMode | str = AttachmentMode.BASE64,
    ) -> None:
        """Tracks that files were sent: their names, types and sizes, never what is in them.

        Becomes a span ``attachment`` (kind attachment).

        Args:
            attachments: Mappings with ``filename``, ``mime_type`` and ``data`` (base64 text, bytes or a file).
            sender: end_user (default) or agent.
            metadata: A JSON object.
            mode: Accepted for AgentSight 0.0's sake: files are not uploaded.
        """
        if self._off():
            return
        files = arguments.descriptors(attachments)
        if not files:
            say("no attachments", "track_attachments() without attachments: not tracked")
            return
        self._add(
            "attachments",
            {
                "attachments": files,
                "sender": str(arguments.plain(sender) or semconv.SENDER_END_USER),
                "mode": str(arguments.plain(mode)),
                "metadata": arguments.json_text(metadata),
            },
        )

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

        Becomes a span ``execute_tool {action_name}`` (kind tool). Of the three times one or two are enough; with none
        the action is a moment, now.

        Args:
            action_name: Of the tool.
            started_at: ISO 8601; read as UTC unless it says its zone.
            ended_at: The same. Default: ``started_at`` and the duration, else now.
            duration_ms: Milliseconds. Given together with ``started_at`` it counts, not ``ended_at``.
            tools_used: Becomes the call's arguments.
            response: What came of it: the call's result.
            error_msg: Why it failed; the call counts as an error.
            metadata: A JSON object.
        """
        if self._off():
            return
        if not (name := spans.bounded_text(action_name).strip()):
            say("empty action", "an action without a name: not tracked")
            return
        now_ns = clock.now_ns()
        start_ns, end_ns = arguments.period_ns(started_at, ended_at, duration_ms, now_ns)
        given = {
            "started_at": started_at,
            "ended_at": ended_at,
            "duration_ms": duration_ms,
            "tools_used": arguments.json_text(tools_used),
            "response": spans.bounded_text(response),
            "error_msg": spans.bounded_text(error_msg),
        }
        self._add(
            "action",
            {
                "action_name": name,
                "metadata": arguments.json_text(metadata),
                **{key: value for key, value in given.items() if value not in (None, "")},
                "start_ns": start_ns,
                "end_ns": end_ns,
            },
            at_ns=now_ns,
        )

    @guarded("tracking a button")
    def track_button(self, button_event: str, label: str, value: str, metadata: Metadata = None) -> None:
        """Tracks that the user pressed a button.

        Becomes a span ``button {button_event}`` (kind button).

        Args:
            button_event: What it is for.
            label: What is written on it.
            value: What it sends.
            metadata: A JSON object.
        """
        if self._off():
            return
        texts = {"button_event": button_event, "label": label, "value": value}
        data = {key: spans.bounded_text(text).strip() for key, text in texts.items()}
        if not any(data.values()):
            say("empty button", "a button without event, label and value: not tracked")
            return
        self._add("button", {**data, "metadata": arguments.json_text(metadata)})

    @guarded("tracking token usage")
    def track_token_usage(
        self,
        prompt_tokens: int | None = 0,
        completion_tokens: int | None = 0,
        total_tokens: int | None = 0,
        embedding_tokens: int | None = 0,
    ) -> None:
        """Tracks what a call of a language model used.

        Becomes a span ``chat`` (kind llm), and one ``embeddings`` where there are embedding tokens.

        Args:
            prompt_tokens: Of the input.
            completion_tokens: Of the output.
            total_tokens: Both; for ``get_token_usage``.
            embedding_tokens: Of embeddings.
        """
        if self._off():
            return
        self._counts_tokens = True
        given = (prompt_tokens, completion_tokens, total_tokens, embedding_tokens)
        counts = {name: arguments.count(name, value) for name, value in zip(arguments.TOKENS, given, strict=True)}
        if any(counts.values()):
            self._add("token_usage", counts)

    def get_token_usage(self) -> dict[str, int]:
        """The tokens tracked for the current conversation since it was last sent.

        Returns:
            ``prompt_tokens``, ``completion_tokens``, ``total_tokens``, ``embedding_tokens``; empty before the first
            ``track_token_usage``.
        """
        with guard("reading token usage"):
            if self._counts_tokens:
                tracked = [
                    item.data for item in self._backlog.of(self._conversation().id) if item.type == "token_usage"
                ]
                return {name: sum(data[name] for data in tracked) for name in arguments.TOKENS}
        return {}

    def send_tracked_data(self) -> dict[str, Any]:
        """Turns what was tracked into spans, and hands them to delivery; does not wait for the backend.

        It sends the current conversation; where there is none, every conversation that has something to send.

        Returns:
            ``items``: for each item ``index``, ``type``, ``timestamp``, ``response`` (``conversation_id`` and
            ``trace_id``, None where every turn has a trace of its own) and ``success``; ``summary``: the numbers of
            ``questions``, ``answers``, ``attachments``, ``actions``, ``buttons`` and ``errors``. Without anything to
            send they are empty.
        """
        sent: list[Item] = []
        with guard("sending tracked data"):
            conversation = self._conversation()
            for items in [self._backlog.take(conversation.id)] if conversation.id else self._backlog.take_all():
                exchanges.emit(items)
                sent += items
            if not sent:
                say("nothing to send", "send_tracked_data(): nothing was tracked since the last time")
        return reports.sent(sent)

    def get_tracked_data_summary(self) -> dict[str, Any]:
        """What is tracked of the current conversation and not sent yet.

        Returns:
            ``items``: in order, each with ``type``, ``timestamp``, ``data``, ``index`` and ``preview``; ``summary``:
            the numbers of each type and ``total``; ``conversation_id``.
        """
        with guard("summing up tracked data"):
            conversation = self._conversation()
            return reports.waiting(self._backlog.of(conversation.id), conversation.id or None)
        return reports.waiting([], None)

    def _off(self) -> bool:
        setup.ensure_started()
        return not runtime.current().enabled

    def _conversation(self) -> Conversation:
        current = context.current_conversation()
        return current if current.id else self._sole.get()

    def _add(self, kind: str, data: dict[str, Any], at_ns: int | None = None) -> None:
        if not runtime.current().enabled:
            return
        conversation = self._conversation()
        if not conversation.id:
            say("no conversation", "tracked outside a conversation: it is stored, but counts in no metric")
        active = trace.get_current_span().get_span_context()
        at_ns = clock.now_ns() if at_ns is None else at_ns
        for displaced in self._backlog.add(Item(kind, at_ns, conversation, active, data)):
            exchanges.emit(displaced)

    def _send_rest(self) -> None:
        for items in self._backlog.take_all():
            exchanges.emit(items, shutting_down=True)

    def _environment_of(self, given: Environment | str | None) -> str | None:
        resource = getattr(runtime.current().tracer, "resource", None)
        stated = {} if resource is None else resource.attributes
        if any(stated.get(key) for key in semconv.RESOURCE_ENVIRONMENT_KEYS):
            return None  # as in AgentSight 0.0, the deployment's counts, not the argument
        stated_here = arguments.plain(given) or self._environment
        return None if stated_here is None else str(stated_here)

    @staticmethod
    def _description(
        customer_id: object,
        customer_ip_address: object,
        device: object,
        source: object,
        language: object,
        name: object,
        metadata: Metadata,
    ) -> dict[str, Any]:
        if isinstance(name, Mapping) and metadata is None:
            name, metadata = None, name
        return {
            "customer_id": customer_id,
            "customer_ip_address": customer_ip_address,
            "device": arguments.plain(device),
            "source": arguments.plain(source),
            "language": arguments.plain(language),
            "name": name,
            "metadata": metadata,
        }


conversation_tracker = ConversationTracker()
"""The tracker."""
