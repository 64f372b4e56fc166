"""Sends recorded conversations through the SDK, with their own times.

replay.play(replay.read(lines).transcripts, url)
"""

from agentsight_otel.replay.formats.mapping import Mapping, MappingError
from agentsight_otel.replay.player import Played, ReplayIncomplete, play
from agentsight_otel.replay.reading import read
from agentsight_otel.replay.stored_spans import store_spans
from agentsight_otel.replay.transcripts import Feedback, Message, Reading, Refusal, ToolCall, Transcript

__all__ = [
    "Feedback",
    "Mapping",
    "MappingError",
    "Message",
    "Played",
    "Reading",
    "Refusal",
    "ReplayIncomplete",
    "ToolCall",
    "Transcript",
    "play",
    "read",
    "store_spans",
]
