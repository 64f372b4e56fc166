"""The tracker's state: the items that are not sent yet, and its settings. There is one in a process."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from opentelemetry import trace

from agentsight_otel._core import clock
from agentsight_otel._core.guard import say
from agentsight_otel._lifecycle import setup
from agentsight_otel._recording import spans
from agentsight_otel._tracing import context, runtime
from agentsight_otel.compat.tracking import arguments, exchanges, reports
from agentsight_otel.compat.tracking.backlog import Backlog, Item


class Tracked:
    """Keeps items by conversation until they are turned into spans.

    Attributes:
        backlog: The items that wait to be sent.
        environment: The environment of conversations that state none; None for the deployment's.
    """

    def __init__(self) -> None:
        self.backlog = Backlog()
        self.environment: str | None = None
        self._counts_tokens = False

    @property
    def is_off(self) -> bool:
        """Whether recording is off; starts recording first where ``init()`` was not called."""
        setup.ensure_started()
        return not runtime.current().enabled

    def add(self, kind: str, data: dict[str, Any], now_ns: int | None = None, at_ns: int | None = None) -> int:
        """Keeps an item.

        Args:
            kind: conversation, question, answer, attachments, action, button or token_usage.
            data: The item's fields.
            now_ns: When it was tracked, ns since 1970. Default: now.
            at_ns: The time that it is recorded with, ns since 1970. Default: now, but at least a millisecond after the
                message before.

        Returns:
            The time that it is recorded with, ns since 1970.
        """
        if not runtime.current().enabled:
            return 0
        conversation = context.only_conversation()
        if not conversation.id:
            say("tracked outside", f"what is tracked outside a conversation {context.STORED_WITHOUT}")
        active = trace.get_current_span().get_span_context()
        if now_ns is None:
            now_ns = clock.now_ns()
        if at_ns is None:
            at_ns = now_ns
            if kind != "conversation":
                is_message = kind in ("question", "answer")
                at_ns = runtime.current().timeline.tracked_ns(conversation.id, now_ns, is_message=is_message)
        for displaced in self.backlog.add(Item(kind, now_ns, at_ns, conversation, active, data)):
            exchanges.emit(displaced)
        return at_ns

    def add_message(
        self,
        kind: str,
        sender: str,
        message: object,
        attachments: Sequence[Mapping[str, Any]] | None,
        mode: object,
        metadata: object,
    ) -> None:
        """Keeps a message, and its attachments with the same time, because they belong to it."""
        content = spans.bounded_text(message)
        at_ns = self.add(kind, {"content": content, "sender": sender, "metadata": arguments.json_text(metadata)})
        if attachments:
            attached = {**arguments.attached(attachments, sender, mode, None), "with_message": True}
            self.add("attachments", attached, at_ns, at_ns)

    def add_action(
        self,
        action_name: object,
        started_at: datetime | str | None,
        ended_at: datetime | str | None,
        duration_ms: float | None,
        metadata: object,
        texts: dict[str, str],
    ) -> None:
        """Keeps a tool call; one or two of its times are enough, and without any it starts and ends now."""
        now_ns = clock.now_ns()
        at_ns, start_ns, end_ns = arguments.period_ns(
            *(started_at, ended_at, duration_ms, now_ns),
            runtime.current().timeline,
            context.only_conversation().id,
        )
        stated = {"started_at": started_at, "ended_at": ended_at, "duration_ms": duration_ms, **texts}
        data = {
            "action_name": spans.bounded_text(action_name).strip(),
            "metadata": arguments.json_text(metadata),
            **{key: value for key, value in stated.items() if value not in (None, "")},
            "start_ns": start_ns,
            "end_ns": end_ns,
        }
        self.add("action", data, now_ns, at_ns)

    def add_tokens(self, *counts: object) -> None:
        """Keeps the token counts of a model call, in the order of ``arguments.TOKENS``."""
        self._counts_tokens = True
        checked = {name: arguments.count(name, value) for name, value in zip(arguments.TOKENS, counts, strict=True)}
        if any(checked.values()):
            self.add("token_usage", checked)

    def tokens(self) -> dict[str, int]:
        """The token sums of the current conversation since it was last sent; empty before the first ``add_tokens``."""
        if not self._counts_tokens:
            return {}
        waiting = self.backlog.of(context.only_conversation().id)
        usages = [item.data for item in waiting if item.type == "token_usage"]
        return {name: sum(data[name] for data in usages) for name in arguments.TOKENS}

    def send(self) -> list[Item]:
        """Turns the current conversation's items into spans, or those of all where none is current; returns them."""
        conversation = context.only_conversation()
        sent: list[Item] = []
        for items in [self.backlog.take(conversation.id)] if conversation.id else self.backlog.take_all():
            exchanges.emit(items)
            sent += items
        if not sent:
            say("nothing to send", "send_tracked_data(): nothing was tracked since the last time")
        return sent

    def send_rest(self) -> None:
        """Turns all waiting items into spans, at the process's end."""
        for items in self.backlog.take_all():
            exchanges.emit(items, shutting_down=True)

    def summary(self) -> dict[str, Any]:
        """The summary of the current conversation's waiting items."""
        conversation = context.only_conversation()
        return reports.waiting(self.backlog.of(conversation.id), conversation.id or None)


TRACKED = Tracked()
setup.before_shutdown(TRACKED.send_rest)
