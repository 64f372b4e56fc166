"""Checks the tracker's arguments as AgentSight 0.0's client does: before tracking, and also with recording off."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from agentsight_otel._core.guard import swallow
from agentsight_otel._recording import spans
from agentsight_otel.compat import validation
from agentsight_otel.compat.exceptions import (
    InvalidAnswerDataException,
    InvalidAttachmentException,
    InvalidConversationDataException,
    InvalidQuestionDataException,
)

F = TypeVar("F", bound=Callable[..., Any])

REFUSED = (
    InvalidQuestionDataException,
    InvalidAnswerDataException,
    InvalidConversationDataException,
    InvalidAttachmentException,
    ValueError,
)
"""The exceptions for arguments that AgentSight 0.0's client refuses."""


def refusing(check: Callable[..., object]) -> Callable[[F], F]:
    """Decorates a method with a check that takes the same arguments, and raises where it refuses them."""

    def decorate(method: F) -> F:
        @functools.wraps(method)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            try:
                check(*args, **kwargs)
            except REFUSED:
                raise
            except Exception as error:  # raised by a value's own methods while it is checked
                swallow("checking what is tracked", error)
            return method(self, *args, **kwargs)

        return cast(F, call)

    return decorate


def question(message: object, attachments: Any = None, attachment_mode: Any = "base64", metadata: Any = None) -> None:
    """Refuses a message without a text, and files that are not valid."""
    if not _text(message):
        raise InvalidQuestionDataException("message: expected a non-empty text")
    _with_message(attachments, attachment_mode)


def answer(message: object, attachments: Any = None, attachment_mode: Any = "base64", metadata: Any = None) -> None:
    """Refuses a message without a text, and files that are not valid."""
    if not _text(message):
        raise InvalidAnswerDataException("message: expected a non-empty text")
    _with_message(attachments, attachment_mode)


def attachments(attachments: Any, sender: Any = None, metadata: Any = None, mode: Any = "base64") -> None:
    """Refuses files that are not valid, or not passed in the way of the mode."""
    validation.validate_and_process_attachments_flexible(attachments, validation.mode_of(mode))


def action(action_name: object, *more: Any, **named: Any) -> None:
    """Refuses an action without a name."""
    _refuse_empty([("action_name", action_name)])


def button(button_event: object, label: object, value: object, metadata: Any = None) -> None:
    """Refuses a button without an event, a label or a value."""
    _refuse_empty([("button_event", button_event), ("label", label), ("value", value)])


def _with_message(files: Any, mode: Any) -> None:
    if files:
        validation.validate_and_process_attachments_flexible(files, validation.mode_of(mode))


def _refuse_empty(texts: Iterable[tuple[str, object]]) -> None:
    for name, value in texts:
        if not isinstance(value, str) or not value.strip():
            raise InvalidConversationDataException(f"{name}: expected a non-empty text, got {_shown(value)}")


def _text(value: object) -> str:
    return spans.bounded_text(value).strip()


def _shown(value: object) -> str:
    return "an empty one" if isinstance(value, str) else type(value).__name__
