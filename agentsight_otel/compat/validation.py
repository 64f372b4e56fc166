"""Checks arguments as AgentSight 0.0's client does, and raises the same exceptions."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from agentsight_otel import semconv
from agentsight_otel.compat.enums import AttachmentMode
from agentsight_otel.compat.exceptions import (
    InvalidAttachmentException,
    InvalidConversationDataException,
    MissingConversationIdException,
)

MAX_NAME_CHARACTERS = 255
"""The most characters of a conversation's name, id and description."""

MAX_COMMENT_CHARACTERS = 5_000
"""The most characters of a feedback's comment."""

_MODES = {"base64": AttachmentMode.BASE64, "form_data": AttachmentMode.FORM_DATA, "form-data": AttachmentMode.FORM_DATA}
_NEEDED = ("filename", "mime_type", "data")


def _there(data: Mapping[str, Any], key: str) -> bool:
    return bool(str(data.get(key) or "").strip())


def validate_conversation_id(data: Mapping[str, Any]) -> None:
    """Refuses data without a conversation id.

    Raises:
        MissingConversationIdException: There is no conversation id.
    """
    if not _there(data, "conversation_id"):
        raise MissingConversationIdException


def validate_conversation_data(data: Mapping[str, Any]) -> bool:
    """Whether the data has a content, or both a question and an answer.

    Raises:
        MissingConversationIdException: There is no conversation id.
    """
    validate_conversation_id(data)
    return validate_question_and_answer_data(data) or validate_content_data(data)


def validate_question_and_answer_data(data: Mapping[str, Any]) -> bool:
    """Whether the data has a question and an answer."""
    return _there(data, "question") and _there(data, "answer")


def validate_content_data(data: Mapping[str, Any]) -> bool:
    """Whether the data has a content."""
    return _there(data, "content")


def validate_action_data(data: Mapping[str, Any]) -> bool:
    """Whether the data has an action's name.

    Raises:
        MissingConversationIdException: There is no conversation id.
    """
    validate_conversation_id(data)
    return _there(data, "action_name")


def validate_button_data(data: Mapping[str, Any]) -> bool:
    """Whether the data has a button's event, label and value.

    Raises:
        MissingConversationIdException: There is no conversation id.
    """
    validate_conversation_id(data)
    return all(_there(data, key) for key in ("button_event", "label", "value"))


def validate_feedback_data(data: Mapping[str, Any]) -> bool:
    """Checks the data of a feedback; returns True.

    Raises:
        InvalidConversationDataException: The sentiment or the comment is not valid, or something is missing.
        MissingConversationIdException: The conversation id is empty.
    """
    for key in ("conversation_id", "sentiment"):
        if key not in data:
            raise InvalidConversationDataException(f"{key}: missing; expected a text")
    check_sentiment(data["sentiment"])
    check_comment(data.get("comment"))
    validate_conversation_id(data)
    return True


def check_sentiment(value: object) -> str:
    """Checks a sentiment, and returns it as text.

    Raises:
        InvalidConversationDataException: The sentiment is not positive, neutral or negative.
    """
    text = getattr(value, "value", value)
    if text not in semconv.SENTIMENTS:
        raise InvalidConversationDataException(f"sentiment: {text!r}: expected one of {', '.join(semconv.SENTIMENTS)}")
    return str(text)


def check_comment(value: object) -> str | None:
    """Checks a comment, and returns it; None stays None.

    Raises:
        InvalidConversationDataException: The comment is no text, or longer than 5,000 characters.
    """
    if value is None or (isinstance(value, str) and len(value) <= MAX_COMMENT_CHARACTERS):
        return value
    got = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
    raise InvalidConversationDataException(
        f"comment: expected a text of at most {MAX_COMMENT_CHARACTERS} characters, got {got}"
    )


def check_name(value: object) -> str:
    """Checks a conversation's name, and returns it without space around it.

    Raises:
        InvalidConversationDataException: The name is no text, empty, or longer than 255 characters.
    """
    if isinstance(value, str) and value.strip() and len(value) <= MAX_NAME_CHARACTERS:
        return value.strip()
    got = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
    raise InvalidConversationDataException(
        f"name: expected a non-empty text of at most {MAX_NAME_CHARACTERS} characters, got {got}"
    )


def mode_of(value: object) -> AttachmentMode:
    """The attachment mode of an enumeration member or its name, in upper or lower case.

    Raises:
        ValueError: The mode is unknown.
    """
    if isinstance(value, AttachmentMode):
        return value
    if (mode := _MODES.get(str(value).lower())) is None:
        raise ValueError(f"mode: {value!r}: expected base64 or form_data")
    return mode


def validate_and_process_attachments_flexible(attachments: Any, mode: AttachmentMode) -> list[dict[str, Any]]:
    """Checks attachments, and returns a copy of each.

    Args:
        attachments: A list of mappings. In mode base64: ``filename``, ``mime_type`` and base64 text as ``data``; in
            mode form_data: bytes or an open file as ``data``, and the others where they are known.
        mode: How the files are passed.

    Raises:
        InvalidAttachmentException: There are no attachments, or one of them is not valid.
    """
    if not attachments or not isinstance(attachments, list):
        raise InvalidAttachmentException("attachments: expected a list that is not empty")
    return [_attachment(file, mode, f"attachments[{index}]") for index, file in enumerate(attachments)]


def _attachment(file: Any, mode: AttachmentMode, where: str) -> dict[str, Any]:
    if not isinstance(file, Mapping):
        raise InvalidAttachmentException(f"{where}: expected a mapping, got {type(file).__name__}")
    needed = _NEEDED if mode is AttachmentMode.BASE64 else ("data",)
    if missing := [key for key in needed if key not in file]:
        raise InvalidAttachmentException(f"{where}: {', '.join(missing)}: missing")
    data = file["data"]
    if mode is AttachmentMode.FORM_DATA:
        if isinstance(data, str):
            raise InvalidAttachmentException(f"{where}.data: expected bytes or a file in form_data mode, got a text")
        return dict(file)
    for key in ("filename", "mime_type"):
        if not isinstance(file[key], str) or not file[key].strip():
            raise InvalidAttachmentException(f"{where}.{key}: expected a non-empty text")
    if not isinstance(data, str):
        raise InvalidAttachmentException(f"{where}.data: expected base64 text, got {type(data).__name__}")
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidAttachmentException(f"{where}.data: expected base64 text; this is none") from None
    return {key: file[key] for key in _NEEDED}
