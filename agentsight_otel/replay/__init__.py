"""Sends recorded conversations through the SDK, with their own times.

replay.play(replay.read(lines).transcripts, url)
"""

from agentsight_otel.replay.player import Played, ReplayIncomplete, play
from agentsight_otel.replay.transcripts import Feedback, Message, Reading, Refusal, ToolCall, Transcript, read

__all__ = [
    "Feedback",
    "Message",
    "Played",
    "Reading",
    "Refusal",
    "ReplayIncomplete",
    "ToolCall",
    "Transcript",
    "play",
    "read",
]
