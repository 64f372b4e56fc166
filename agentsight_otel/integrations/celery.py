"""Celery: a task runs in the conversation from which it was sent, in whichever process it runs.

import agentsight_otel.integrations.celery

agentsight_otel.integrations.celery.connect()  # in the module that both sides import: the one with the app
"""

import json
from typing import Any

from celery import signals

from agentsight_otel import semconv
from agentsight_otel._core.guard import guarded
from agentsight_otel._lifecycle import setup
from agentsight_otel._tracing import context, runtime, surroundings
from agentsight_otel._tracing.context import Conversation
from agentsight_otel._tracing.conversations import metadata_in
from agentsight_otel._tracing.surroundings import Surroundings

HEADER = "agentsight_conversation"
"""The message header; a JSON object of the identity attributes, after the IP policy."""

_UID = "agentsight_otel"
_running: dict[str, Surroundings] = {}


def connect() -> None:
    """Connects to Celery's signals; a second call does nothing. Call ``init()`` too; forked workers need no other call.

    The messages of tasks then carry the conversation's identity attributes, with the customer and the stored address.
    A worker's child process flushes before it exits.
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
    if not runtime.current().enabled:
        return
    conversation = None
    if carried := getattr(task.request, HEADER, None):
        attributes = json.loads(carried)
        metadata = metadata_in(attributes.get(semconv.CONVERSATION_METADATA))
        conversation = Conversation(str(attributes[semconv.CONVERSATION_ID]), attributes, metadata)
    # Also for a task that was sent from no conversation: a conversation that a task makes current ends with the task.
    running = _running[task_id] = surroundings.of_request(conversation)
    running.__enter__()


@guarded("ending a task")
def _leave(task_id: str, **_: Any) -> None:
    if (running := _running.pop(task_id, None)) is not None:
        running.__exit__()
        running.end()


@guarded("stopping a worker")
def _stop(**_: Any) -> None:
    # Child processes of a worker end by os._exit, which does not call atexit functions.
    setup.shutdown()
