"""Celery: a task runs in the conversation that it was sent from, whatever process it runs in.

import agentsight_otel.integrations.celery

agentsight_otel.integrations.celery.connect()  # in the module that both sides import: the one with the app
"""

import json
from typing import Any

from celery import signals

from agentsight_otel import context, runtime, semconv, setup
from agentsight_otel._guard import guarded
from agentsight_otel.context import Conversation

HEADER = "agentsight_conversation"
"""The message header; a JSON object of the identity attributes, after the IP policy."""

_UID = "agentsight_otel"
_running: dict[str, Any] = {}


def connect() -> None:
    """Connects to Celery's signals, once. Call ``init()`` as well: forked workers need no more than that.

    The broker then carries the identity of conversations, customer and stored address included. A worker child
    flushes before it exits.
    """
    signals.before_task_publish.connect(_send, weak=False, dispatch_uid=_UID)
    signals.task_prerun.connect(_enter, weak=False, dispatch_uid=_UID)
    signals.task_postrun.connect(_leave, weak=False, dispatch_uid=_UID)
    signals.worker_process_shutdown.connect(_stop, weak=False, dispatch_uid=_UID)


@guarded("sending a task")
def _send(headers: dict[str, Any] | None = None, **_: Any) -> None:
    conversation = context.current_conversation()
    if conversation.id and headers is not None and runtime.current().enabled:
        headers.setdefault(HEADER, json.dumps(conversation.attributes))


@guarded("starting a task")
def _enter(task_id: str, task: Any, **_: Any) -> None:
    carried = getattr(task.request, HEADER, None)
    if not carried or not runtime.current().enabled:
        return
    attributes = json.loads(carried)
    conversation = Conversation(str(attributes[semconv.CONVERSATION_ID]), attributes)
    _running[task_id] = context.attach(context.with_conversation(conversation))


@guarded("ending a task")
def _leave(task_id: str, **_: Any) -> None:
    context.detach(_running.pop(task_id, None))


@guarded("stopping a worker")
def _stop(**_: Any) -> None:
    # Worker children leave by os._exit: what runs at exit does not run there.
    setup.shutdown()
