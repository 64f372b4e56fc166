"""The parts of which every format is made."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agentsight_otel.replay import fields
from agentsight_otel.replay.fields import Notes
from agentsight_otel.replay.transcripts import Refusal, Transcript


@dataclass(frozen=True)
class Entry:
    """A line of a file, or an element of a JSON array in it.

    Attributes:
        number: Its number, from 1.
        value: The value that it holds.
        path: Where in the line or element the value stands; '' for all of it.
    """

    number: int
    value: Any
    path: str = ""

    def refusal(self, problem: str) -> Refusal:
        """A refusal of this entry, with its place and the problem."""
        return Refusal(self.number, f"{self.path}: {problem}" if self.path else problem)


UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)
"""What a reader raises on a value that is not of its format."""


def problem(error: Exception) -> str:
    """What is wrong with a value that a reader raised an error on."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, ValueError):
        return str(error)
    return f"{type(error).__name__} ({error}): a field is not of the type that was expected of this format"


def time_of(entry: Entry) -> int | None:
    """The time that an entry states, ns since 1970; None where it states none that can be read."""
    try:
        return fields.time_of(entry.value)
    except UNREADABLE:
        return None


Read = Callable[[Sequence[Entry], Notes], Iterator[Transcript | Refusal]]


@dataclass(frozen=True)
class Format:
    """A format of recordings.

    Attributes:
        name: The name that ``--format`` takes.
        shape: A description of it for people.
        recognises: Returns whether a value is of this format.
        read: Returns the conversations of entries of this format, in order.
    """

    name: str
    shape: str
    recognises: Callable[[Any], bool]
    read: Read


def one_by_one(transcript: Callable[[Any, Notes], Transcript]) -> Read:
    """The ``read`` of a format in which every entry is one conversation."""

    def read(entries: Sequence[Entry], notes: Notes) -> Iterator[Transcript | Refusal]:
        for entry in entries:
            try:
                yield transcript(entry.value, notes)
            except UNREADABLE as error:
                yield entry.refusal(problem(error))

    return read


def grouped(key: Callable[[Any], str], transcript: Callable[[str, Sequence[Entry], Notes], Transcript]) -> Read:
    """The ``read`` of a format in which a conversation is several entries.

    Args:
        key: Returns the conversation's id of an entry; raises a ValueError where it has none.
        transcript: Returns the conversation from its id and all of its entries.
    """

    def read(entries: Sequence[Entry], notes: Notes) -> Iterator[Transcript | Refusal]:
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            try:
                groups.setdefault(key(entry.value), []).append(entry)
            except UNREADABLE as error:
                yield entry.refusal(problem(error))
        for name, group in groups.items():
            good = list(group)
            while good:
                try:
                    yield transcript(name, good, notes)
                    break
                except EntryProblem as wrong:
                    yield wrong.entry.refusal(str(wrong))
                    good = [entry for entry in good if entry is not wrong.entry]
                except UNREADABLE as error:
                    yield from (entry.refusal(problem(error)) for entry in good)
                    break

    return read


class EntryProblem(Exception):
    """One of several entries of a conversation cannot be read; the rest is read without it."""

    def __init__(self, entry: Entry, problem: object) -> None:
        super().__init__(str(problem))
        self.entry = entry


@contextmanager
def of_entry(entry: Entry) -> Iterator[None]:
    """Says of an error inside that it is about this entry, one of several of a conversation.

    Raises:
        EntryProblem: The entry cannot be read.
    """
    try:
        yield
    except UNREADABLE as error:
        raise EntryProblem(entry, problem(error)) from None
