"""The time of each message of a transcript: the stated one, or a plausible one where none is stated."""

import hashlib
from collections.abc import Sequence

from agentsight_otel._core.timeline import STEP_NS
from agentsight_otel.replay.transcripts import Transcript

# Seconds that pass before a message without a time of its own, by who sends it.
_SPACING_S = {"user": (4.0, 75.0), "assistant": (1.5, 14.0), "tool": (0.2, 3.5)}
_FEEDBACK_AFTER_S = 20


def offsets_ns(transcript: Transcript) -> list[int]:
    """The time of each message in ns since the conversation's beginning; the same for the same transcript.

    Times never decrease, and no two messages of users and agents share a millisecond: where they were recorded in whole
    seconds, the transcript's order decides.
    """
    start = beginning_ns(transcript)
    stated_ns = [
        None if message.at_ns is None or start is None else message.at_ns - start for message in transcript.messages
    ]
    spaced = [
        0 if index == 0 else _spacing_ns(transcript, index, message.role)
        for index, message in enumerate(transcript.messages)
    ]
    offsets: list[int] = []
    spoken: int | None = None
    now = 0
    for index, message in enumerate(transcript.messages):
        stated = stated_ns[index]
        now = max(now, stated) if stated is not None else now + _within(stated_ns, spaced, index, now)
        if message.role in ("user", "assistant"):
            if spoken is not None and now // STEP_NS <= spoken // STEP_NS:
                now = spoken + STEP_NS
            spoken = now
        offsets.append(now)
    return offsets


def _spacing_ns(transcript: Transcript, index: int, role: str) -> int:
    low, high = _SPACING_S.get(role, (0.0, 0.0))
    return int((low + (high - low) * fraction(f"{transcript.conversation_id}\x00{index}") ** 2) * 1e9)


def _within(stated_ns: Sequence[int | None], spaced: Sequence[int], index: int, now: int) -> int:
    """The time that passes before a message without a time: no more than fits before the next stated time."""
    following = next((number for number in range(index, len(stated_ns)) if stated_ns[number] is not None), None)
    if following is None:
        return spaced[index]
    gap = max((stated_ns[following] or 0) - now, 0)
    needed = sum(spaced[index : following + 1])
    return spaced[index] if needed <= gap else gap // (following - index + 1)


def beginning_ns(transcript: Transcript) -> int | None:
    """When the conversation began, ns since 1970; None where the transcript has no time."""
    if transcript.at_ns is not None:
        return transcript.at_ns
    return next((message.at_ns for message in transcript.messages if message.at_ns is not None), None)


def feedback_offset_ns(offsets: list[int], index: int) -> int:
    """When feedback without a time was given, in ns since the conversation's beginning."""
    return max(offsets, default=0) + (index + 1) * _FEEDBACK_AFTER_S * 1_000_000_000


def spread_ns(transcripts: list[Transcript], until_ns: int, over_ns: int) -> list[int]:
    """Beginnings of conversations without times, in ns since 1970: spread evenly over the ``over_ns`` before
    ``until_ns``, so that none ends after it."""
    beginnings = []
    for index, transcript in enumerate(transcripts):
        last = offsets_ns(transcript)
        length = feedback_offset_ns(last, len(transcript.feedback))
        position = (index + 0.5) / len(transcripts)
        beginnings.append(until_ns - over_ns + int(position * max(over_ns - length, 0)))
    return beginnings


def fraction(seed: str) -> float:
    """A number from 0 to 1 that depends only on the seed."""
    return int.from_bytes(hashlib.sha256(seed.encode("utf-8", "replace")).digest()[:8], "big") / 2**64
