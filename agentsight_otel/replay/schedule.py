"""When each message of a transcript was: as it says, or plausibly spaced where it does not."""

import hashlib

from agentsight_otel.replay.transcripts import Transcript

# Seconds that pass before a message without a time of its own, by who sends it.
_SPACING_S = {"user": (4.0, 75.0), "assistant": (1.5, 14.0), "tool": (0.2, 3.5)}
_FEEDBACK_AFTER_S = 20


def offsets_ns(transcript: Transcript) -> list[int]:
    """For each message the ns since the conversation's beginning; the same for the same transcript."""
    start = beginning_ns(transcript)
    offsets: list[int] = []
    now = 0
    for index, message in enumerate(transcript.messages):
        if message.at_ns is not None and start is not None:
            now = message.at_ns - start
        elif index:
            low, high = _SPACING_S.get(message.role, (0.0, 0.0))
            now += int((low + (high - low) * fraction(f"{transcript.conversation_id}\x00{index}") ** 2) * 1e9)
        offsets.append(now)
    return offsets


def beginning_ns(transcript: Transcript) -> int | None:
    """When the conversation began, as the transcript says; None where it does not."""
    if transcript.at_ns is not None:
        return transcript.at_ns
    return next((message.at_ns for message in transcript.messages if message.at_ns is not None), None)


def feedback_offset_ns(offsets: list[int], index: int) -> int:
    """When feedback without a time was given, in ns since the conversation's beginning."""
    return max(offsets, default=0) + (index + 1) * _FEEDBACK_AFTER_S * 1_000_000_000


def spread_ns(transcripts: list[Transcript], until_ns: int, over_ns: int) -> list[int]:
    """Beginnings for conversations that say none: evenly over the time before ``until_ns``, none ending after it."""
    beginnings = []
    for index, transcript in enumerate(transcripts):
        last = offsets_ns(transcript)
        length = feedback_offset_ns(last, len(transcript.feedback))
        position = (index + 0.5) / len(transcripts)
        beginnings.append(until_ns - over_ns + int(position * max(over_ns - length, 0)))
    return beginnings


def fraction(seed: str) -> float:
    """A number from 0 to 1 that depends on the seed alone."""
    return int.from_bytes(hashlib.sha256(seed.encode("utf-8", "replace")).digest()[:8], "big") / 2**64
