"""Reads a file of recorded conversations: finds out its format, and returns what it holds."""

import codecs
import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentsight_otel.replay import fields
from agentsight_otel.replay.fields import Notes, shown
from agentsight_otel.replay.formats import exported, registry, whatsapp
from agentsight_otel.replay.formats.base import Entry, Format
from agentsight_otel.replay.formats.mapping import Mapping
from agentsight_otel.replay.history import fingerprints
from agentsight_otel.replay.transcripts import Reading, Refusal, Transcript

_HEADING = re.compile(r"[A-Za-z_][\w .\-/()]*")
_EXTRA = "\x00cells beyond the header"
_LISTS = (
    "results",
    "conversations",
    "data",
    "payload",
    "threads",
    "traces",
    "runs",
    "spans",
    "items",
    "chats",
    "dialogs",
)
"""Names under which APIs return lists; each element is read as if it stood alone in the file."""


def read(
    lines: Iterable[str | bytes],
    *,
    format: str | None = None,
    mapping: Mapping | None = None,
    agent: Sequence[str] = (),
) -> Reading:
    """Reads recorded conversations; a part that cannot be read does not stop the others. Blank lines are skipped.

    Args:
        lines: A file's lines: JSON Lines, one JSON document, CSV, Parquet, or WhatsApp's text.
        format: One of ``registry.NAMES``. Default: each entry's format is found by its content.
        mapping: The meaning of the columns, where each row is one message.
        agent: The names under which the agent writes, for WhatsApp.

    Raises:
        ValueError: There is no format of that name.
        MappingError: The column of the ids, roles, texts or times that the mapping names is nowhere in the file.
    """
    if format is not None and format not in registry.NAMES:
        raise ValueError(f"format: {format!r}: expected one of {', '.join(registry.NAMES)}")
    notes = Notes()
    refusals: list[Refusal] = []
    lines = iter(lines)
    head = list(itertools.islice(lines, 1))
    lines = itertools.chain(head, lines)
    if head and isinstance(head[0], bytes) and head[0].startswith(b"PAR1"):
        lines = _of_parquet(b"".join(line for line in lines if isinstance(line, bytes)))
    texts = list(_decoded(_of_encoding(head, lines), refusals))
    first = [text for _, text in texts[:3]]
    if format == registry.WHATSAPP or (format is None and mapping is None and whatsapp.looks(first)):
        transcripts, problems = _whatsapp([text for _, text in texts], tuple(agent), notes)
        return Reading(tuple(transcripts), tuple(refusals + problems), notes.texts())
    rows = mapping is not None or _is_csv(first)
    full = [(number, text) for number, text in texts if text.strip()]
    whole = _whole(full)
    entries = list(_entries(full, whole, refusals, rows=rows))
    if mapping and (absent := mapping.check([entry.value for entry in entries])):
        notes.say(absent)
    chosen = mapping.format() if mapping else registry.named(format) if format and format != registry.SPANS else None
    spans = [entry.value for entry in entries if chosen is None and exported.is_span(entry.value)]
    transcripts_read: list[Transcript] = []
    for kind, group in _grouped(entries, chosen, refusals):
        for result in kind.read(group, notes):
            if isinstance(result, Refusal):
                refusals.append(result)
            else:
                transcripts_read.append(result)
    made = sum(transcript.id_made for transcript in transcripts_read)
    if made:
        notes.say(f"{made} conversations have no id: one was made from the content of each")
    refusals.sort(key=lambda refusal: refusal.line)
    unit = "line" if whole is None or (len(full) == 1 and not isinstance(whole, list)) else "element"
    return Reading(tuple(_once(transcripts_read, notes)), tuple(refusals), notes.texts(), tuple(spans), unit)


def _of_parquet(data: bytes) -> Iterator[str]:
    """The rows of a Parquet file as lines of JSON.

    Raises:
        ValueError: pyarrow, which is needed for it, is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError("parquet needs pyarrow; run: pip install 'agentsight-otel[dataframes]'") from None
    table = parquet.read_table(pyarrow.BufferReader(data), use_threads=False)
    for batch in table.to_batches(max_chunksize=1_000):
        for row in batch.to_pylist(maps_as_pydicts="lossy"):
            yield json.dumps(row, ensure_ascii=False, default=str)


def _of_encoding(head: list[str | bytes], lines: Iterable[str | bytes]) -> Iterable[str | bytes]:
    """Lines of a file that says it is in UTF-16, or that ends lines as the Macs of old did; others as they are."""
    first = head[0] if head else ""
    if isinstance(first, bytes) and first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in first:
        data = b"".join(line for line in lines if isinstance(line, bytes))
        return data.decode("utf-16", "replace").splitlines(keepends=True)
    if isinstance(first, bytes) and b"\r" in first.rstrip(b"\r") and not first.endswith(b"\n"):
        return first.replace(b"\r", b"\n").splitlines(keepends=True)
    return lines


def _decoded(lines: Iterable[str | bytes], refusals: list[Refusal]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8") if isinstance(line, bytes) else line
        except UnicodeDecodeError as error:
            refusals.append(Refusal(number, f"not UTF-8 at byte {error.start}"))
            continue
        yield number, text


def _whatsapp(lines: list[str], agent: tuple[str, ...], notes: Notes) -> tuple[list[Transcript], list[Refusal]]:
    try:
        return whatsapp.read(lines, agent, notes)
    except ValueError as error:
        return [], [Refusal(1, f"a chat of WhatsApp: {error}")]


def _is_csv(first: list[str]) -> bool:
    """Whether the first line is the header of a CSV file."""
    head = first[0].strip() if first else ""
    cells = next(csv.reader([head], delimiter=_delimiter(head)), [])
    return len(first) > 1 and 1 < len(cells) == len(set(cells)) and all(_HEADING.fullmatch(cell) for cell in cells)


def _delimiter(head: str) -> str:
    """What stands between the cells of a CSV file, by its header."""
    return max(",;\t", key=lambda delimiter: len(next(csv.reader([head], delimiter=delimiter), [])))


def _entries(full: list[tuple[int, str]], whole: Any, refusals: list[Refusal], *, rows: bool) -> Iterator[Entry]:
    """The values of a file, each with its number."""
    if rows and full and full[0][1].strip()[:1] not in ("{", "["):
        csv.field_size_limit(2**31 - 1)
        lines = (text if text.endswith("\n") else text + "\n" for _, text in full)
        reader = csv.DictReader(lines, restkey=_EXTRA, delimiter=_delimiter(full[0][1]))
        try:
            for row in reader:
                if extra := row.pop(_EXTRA, None):
                    width = len(reader.fieldnames or ())
                    problem = f"cell {width + 1}: {shown(extra[0])}: expected {width} cells, as the first line has"
                    refusals.append(Refusal(reader.line_num, problem))
                else:
                    yield Entry(reader.line_num, row)
        except csv.Error as error:
            refusals.append(Refusal(reader.reader.line_num, f"no CSV: {error}"))
        return
    if whole is not None:
        values = whole if isinstance(whole, list) and not registry.of(whole) else [whole]
        for number, value in enumerate(values, 1):
            yield from _unwrapped(Entry(number, value))
        return
    for number, text in full:
        try:
            yield from _unwrapped(Entry(number, json.loads(text)))
        except json.JSONDecodeError as error:
            problem = f"not JSON ({error.msg} at column {error.colno}); expected one JSON object a line"
            refusals.append(Refusal(number, problem))
        except RecursionError:
            refusals.append(Refusal(number, "nested too deeply"))


def _whole(full: list[tuple[int, str]]) -> Any:
    """The file's value where the whole file is one JSON document; None where each line is a value."""
    if not full or full[0][1].strip()[:1] not in ("[", "{"):
        return None
    try:
        json.loads(full[0][1])
        if len(full) > 1:
            return None
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads("".join(text for _, text in full))
    except (ValueError, RecursionError):
        return None


def _unwrapped(entry: Entry) -> Iterator[Entry]:
    """The values inside an API's response; the entry itself where it is none."""
    value = entry.value
    if isinstance(value, dict) and not exported.is_span(value) and registry.of(value) is None:
        for key in _LISTS:
            inner = value.get(key)
            if isinstance(inner, dict):
                yield from _unwrapped(Entry(entry.number, inner, f"{entry.path}{key}."))
                return
            if isinstance(inner, list) and inner and all(isinstance(member, dict) for member in inner):
                for index, member in enumerate(inner):
                    yield Entry(entry.number, member, f"{entry.path}{key}[{index}]")
                return
        if value and all(isinstance(member, dict) for member in value.values()):
            members = [_with_id(key, member) for key, member in value.items()]
            if all(registry.of(member) is not None for member in members):
                for key, member in zip(value, members, strict=True):
                    yield Entry(entry.number, member, f"{entry.path}{key}")
                return
    yield entry


def _with_id(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """A conversation of an object that has each under its id, such as a dump of Rasa's trackers."""
    return {"sender_id" if "events" in value else "conversation_id": key, **value}


def _grouped(
    entries: Sequence[Entry], chosen: Format | None, refusals: list[Refusal]
) -> Iterator[tuple[Format, list[Entry]]]:
    """Entries by their format, in the order in which each format comes first."""
    groups: dict[str, tuple[Format, list[Entry]]] = {}
    for entry in entries:
        if chosen is None and exported.is_span(entry.value):
            continue
        kind = chosen or registry.of(entry.value)
        if kind is None:
            refusals.append(entry.refusal(registry.unknown(entry.value)))
        elif not isinstance(entry.value, (dict, list)):
            refusals.append(entry.refusal(f"{shown(entry.value)}: expected one JSON object a line"))
        else:
            groups.setdefault(kind.name, (kind, []))[1].append(entry)
    yield from groups.values()


def _once(transcripts: Sequence[Transcript], notes: Notes) -> Iterator[Transcript]:
    """Leaves out conversations that a later one repeats and continues, as in dumps of a growing history."""
    by_id: dict[str, list[int]] = {}
    for index, transcript in enumerate(transcripts):
        by_id.setdefault(transcript.conversation_id, []).append(index)
    repeated = set()
    for indices in by_id.values():
        for earlier, later in itertools.pairwise(indices):
            before, after = transcripts[earlier].messages, transcripts[later].messages
            if before and len(before) <= len(after) and fields.digest(before) == fields.digest(after[: len(before)]):
                repeated.add(earlier)
    unnamed = {
        index: transcript
        for index, transcript in enumerate(transcripts)
        if transcript.id_made and transcript.messages and index not in repeated
    }
    repeated |= _unfinished(unnamed, notes)
    for index, transcript in enumerate(transcripts):
        if index not in repeated:
            yield _in_order(transcript)


def _unfinished(unnamed: dict[int, Transcript], notes: Notes) -> set[int]:
    """Of conversations without ids, those that end without an answer and with which another one begins."""
    prints = {index: fingerprints(transcript.messages) for index, transcript in unnamed.items()}
    beginnings = {each for of_one in prints.values() for each in of_one[:-1] if each != of_one[-1]}
    begun = [index for index, of_one in prints.items() if of_one[-1] in beginnings]
    unfinished = {index for index in begun if not _answered(unnamed[index])}
    if unfinished:
        notes.say(f"{len(unfinished)} conversations without an id end unanswered and go on in another: counted once")
    if len(begun) > len(unfinished):
        notes.say(
            f"{len(begun) - len(unfinished)} conversations without an id end answered, and another begins the same way:"
            " each counts; give them ids if they are the same ones"
        )
    return unfinished


def _answered(transcript: Transcript) -> bool:
    last = transcript.messages[-1]
    return last.role == "assistant" and not any(not call.done for call in last.tool_calls)


def _in_order(transcript: Transcript) -> Transcript:
    """The messages by time, where all have one; messages of the same time keep the file's order."""
    times = [message.at_ns for message in transcript.messages if message.at_ns is not None]
    if len(times) < len(transcript.messages) or times == sorted(times):
        return transcript
    return replace(transcript, messages=tuple(sorted(transcript.messages, key=lambda message: message.at_ns or 0)))
