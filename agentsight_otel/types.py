"""The types of AgentSight 0.0's arguments."""

from collections.abc import Mapping
from typing import BinaryIO

FileData = bytes | BinaryIO
"""A file's content: bytes, or an open binary file."""

AttachmentInput = Mapping[str, str | FileData]
"""A file: ``filename``, ``mime_type`` and ``data``."""


class TokenHandler:
    """The token counts of AgentSight 0.0's handlers."""

    def __init__(self) -> None:
        self.prompt_llm_token_count = 0
        self.completion_llm_token_count = 0
        self.total_llm_token_count = 0
        self.total_embedding_token_count = 0


__all__ = ["AttachmentInput", "FileData", "TokenHandler"]
