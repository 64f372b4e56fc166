"""AgentSight 0.1's ``upload_attachments``: stores files at once, and records that they were sent."""

from collections.abc import Mapping
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._lifecycle import setup
from agentsight_otel._recording import api, attachment_store, spans
from agentsight_otel._recording.decorators import conversation
from agentsight_otel._recording.files import describe
from agentsight_otel._tracing import context
from agentsight_otel.compat.exceptions import UploadError


def upload_attachments(
    files: Any,
    conversation_id: str | None = None,
    sender: str = semconv.SENDER_END_USER,
    metadata: Mapping[str, Any] | None = None,
    timeout: float = 30,
    message_id: str | None = None,
) -> dict[str, Any]:
    """Stores files where ``attachments_url`` says, and records that they were sent. Waits for the store.

    Emits a span ``attachment`` (kind attachment).

    Args:
        files: One file or a list of files: paths, open files, or mappings with ``filename`` and ``data`` (base64 text,
            bytes or an open file).
        conversation_id: The conversation. Default: the current one.
        sender: end_user or agent.
        metadata: A JSON object.
        timeout: Ignored: the store has a timeout of its own.
        message_id: Ignored: files belong to the message of the same time.

    Returns:
        ``conversation_id`` and ``attachments``, each with ``filename``, ``mime_type``, ``size_bytes`` and ``file_url``,
        None where nothing is stored: ``capture_content`` withholds attachments, or the conversation is not recorded.

    Raises:
        ValueError: No conversation is passed or current, or a file is not valid.
        UploadError: ``attachments_url`` is not set, or the store refuses.
    """
    setup.ensure_started()
    identifier = spans.identifier(conversation_id) or context.current_conversation().id
    if not identifier:
        raise ValueError("conversation_id: not given, and no conversation is current; expected a non-empty text")
    files = list(files) if isinstance(files, (list, tuple)) else [files]
    if not files:
        raise ValueError("files: expected at least one")
    with conversation(identifier):
        described = [_stored(file) for file in files]
        api.record_attachments(described, sender, metadata)
    return {
        "conversation_id": identifier,
        "attachments": [
            {
                "filename": description.get("name"),
                "mime_type": description.get("type"),
                "size_bytes": description.get("size"),
                "file_url": description.get("url"),
            }
            for description in described
        ],
    }


def _stored(file: object) -> dict[str, Any]:
    described = describe(file)
    try:
        return described | attachment_store.store_now(file, described.get("name"))
    except ImportError:
        raise UploadError("fsspec is not installed; run: pip install 'agentsight-otel[attachments]'") from None
    except ValueError as error:
        kind = UploadError if "attachments_url" in str(error) else ValueError
        raise kind(str(error)) from None
    except Exception as error:
        raise UploadError(f"{type(error).__name__}: {error}") from error
