"""WhatsApp's text export of a chat."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from agentsight_otel.replay.fields import Notes, of_datetime
from agentsight_otel.replay.transcripts import Message, Refusal, Transcript

_LINE = re.compile(
    r"^\u200e?\[?(?P<a>\d{1,4})[./-](?P<b>\d{1,2})[./-](?P<c>\d{2,4}),?\s+"
    r"(?:(?:à|às|a las|a les|alle|alle ore|at|um|om|kl\.?|o)\s+)?"
    r"(?P<h>\d{1,2})[:.](?P<m>\d{2})(?:[:.](?P<s>\d{2}))?\s*(?P<half>[AaPp]\.?\s?[Mm]\.?)?\]?\s*(?:-\s+)?(?P<rest>.*)$"
)
_FILE = re.compile(
    r"(?P<omitted><[^<>:\n]{2,20} [^<>:\n]{2,20}>|"
    r"(?:image|video|audio|sticker|GIF|Contact card|[^\n]*document) omitted)"
    r"|<[^<>:\n]{2,20}: ?(?P<named>[^<>\n]+\.\w{1,5})>|(?P<name>\S[^\n]*\.\w{1,5}) \([^()\n]{4,30}\)"
)
"""A file instead of a text: left out of the export, or named, on iOS and on Android."""
_MARK = "\u200e"
"""What WhatsApp begins its own words with, so that they can be told from what people write (on iOS)."""
_MEDIA = re.compile(
    r"(?:ima?ge[mn]?|imagen|immagine|bild|foto|afbeelding|v[ií]d[eé]o|[aá]udio|sticker|figurinha|gif|dokument|document[eo]?)"
    r"\b",
    re.IGNORECASE,
)
_DELETED = (
    *("this message was deleted", "you deleted this message", "diese nachricht wurde gelöscht"),
    *("du hast diese nachricht gelöscht", "ce message a été supprimé", "vous avez supprimé ce message"),
    *("se eliminó este mensaje", "eliminaste este mensaje", "mensagem apagada", "esta mensagem foi apagada"),
    *("questo messaggio è stato eliminato", "hai eliminato questo messaggio", "dit bericht is verwijderd"),
)
_EDITED = "<This message was edited>"


@dataclass
class _Message:
    number: int
    when: "re.Match[str]"
    who: str
    text: str


def looks(first_lines: list[str]) -> bool:
    """Whether a file's first lines are those of an exported chat."""
    return any(_LINE.match(line) for line in first_lines[:3])


def read(lines: list[str], agent: tuple[str, ...], notes: Notes) -> tuple[list[Transcript], list[Refusal]]:
    """Reads the chat.

    Args:
        lines: The file's lines.
        agent: The names under which the agent writes.
        notes: Takes notes of what is guessed.
    """
    written: list[_Message] = []
    refusals: list[Refusal] = []
    for number, line in enumerate(lines, 1):
        line = line.replace("\u202f", " ").replace("\u00a0", " ").rstrip("\r\n")
        if match := _LINE.match(line):
            who, colon, text = match["rest"].partition(": ")
            if colon:
                written.append(_Message(number, match, who.strip("\u200e\u202a\u202c "), text))
            else:  # "Messages are end-to-end encrypted", "Ann was added"
                written.append(_Message(number, match, "", match["rest"]))
        elif written:
            written[-1].text += "\n" + line
        elif line.strip():
            refusals.append(
                Refusal(number, f"{line[:60]!r}: expected a date, a time and a name, as WhatsApp exports them")
            )
    names = list(dict.fromkeys(message.who for message in written if message.who))
    if not set(agent) & set(names):
        raise ValueError(
            f"expected --agent with the name of whoever answers: one of {', '.join(names) or 'none found'}"
        )
    day_first = _day_first(written, notes)
    messages = []
    for message in written:
        if not message.who:
            continue
        try:
            at_ns = of_datetime(_moment(message.when, day_first))
        except ValueError:
            refusals.append(Refusal(message.number, f"{message.when[0][:40]!r}: expected a date and a time"))
            continue
        role = "assistant" if message.who in agent else "user"
        text, name = _read_text(message.text)
        if text is None:
            notes.say("lines that WhatsApp itself wrote (deleted messages, encryption, calls) are left out")
        elif text or name:
            files = ({"name": name, "type": "file"},) if name else ()
            messages.append(Message(role, text, at_ns=at_ns, files=files))
    notes.say("WhatsApp's export names no time zone: its times are read as UTC")
    others = [name for name in names if name not in agent]
    seed = "\x00".join(sorted(names)) + (written[0].when[0] if written else "")
    conversation_id = "whatsapp-" + hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    described = {"source": "whatsapp"}
    if len(others) == 1:
        described["customer_id"] = others[0]
    return [Transcript(conversation_id, tuple(messages), described, id_made=True)], refusals


def _read_text(written: str) -> tuple[str | None, str]:
    """A message's text and the name of its file, each '' where there is none; None where WhatsApp itself wrote it."""
    text = written.replace(_EDITED, "").strip(f"{_MARK} \n")
    first, _, rest = text.partition("\n")
    if text.rstrip(".").lower() in _DELETED:
        return None, ""
    if file := _FILE.fullmatch(first):
        return rest.strip(), file["named"] or file["name"] or first.strip("<>")
    before, mark, last = text.rpartition(_MARK)
    if mark and (file := _FILE.fullmatch(last)):  # a caption, and then the file
        return before.strip(), file["named"] or file["name"] or last.strip("<>")
    if not written.startswith(_MARK):
        return text, ""
    return ("", first) if _MEDIA.match(first) and len(first.split()) <= 4 else (None, "")


def _day_first(messages: list[_Message], notes: Notes) -> bool:
    firsts = [int(message.when["a"]) for message in messages]
    seconds = [int(message.when["b"]) for message in messages]
    if any(first > 31 for first in firsts):
        return True  # the year stands first: the order is certain
    if any(first > 12 for first in firsts):
        return True
    if any(second > 12 for second in seconds):
        return False
    american = any(message.when["half"] for message in messages) and "/" in messages[0].when[0]
    first = "month" if american else "day"
    notes.say(f"whether its dates begin with the day or the month cannot be told; they are read {first} first")
    return not american


def _moment(match: "re.Match[str]", day_first: bool) -> datetime:
    first, second, third = (int(match[part]) for part in "abc")
    if first > 31:
        year, month, day = first, second, third
    else:
        day, month = (first, second) if day_first else (second, first)
        year = third + 2000 if third < 100 else third
    hour = int(match["h"])
    if half := match["half"]:
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    return datetime(year, month, day, hour, int(match["m"]), int(match["s"] or 0))
