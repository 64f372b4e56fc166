"""Reads single fields of recordings: texts, times, ids, descriptions; an error says what was expected."""

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from agentsight_otel._core.clock import parse_iso8601
from agentsight_otel.replay.transcripts import Message

TIMES = (
    *("created_at", "createdAt", "timestamp", "create_time", "createTime", "created", "time", "ts", "date"),
    *("datetime", "sent_at", "sentAt", "start_time", "startTime", "started_at", "startedAt"),
)
"""The names under which recordings state times; the first that is present counts."""

CONVERSATION_IDS = (
    *("conversation_id", "conversationId", "thread_id", "threadId", "session_id", "sessionId", "chat_id", "chatId"),
    *("id", "_id", "uuid", "custom_id", "dialog_id"),
)
"""The names under which recordings state the conversation's id."""

DESCRIPTIONS = {
    "customer_id": ("customer_id", "customerId", "user_id", "userId", "end_user", "user"),
    "device": ("device",),
    "source": ("source", "channel"),
    "language": ("language", "locale", "lang"),
    "country": ("country",),
    "ip": ("ip", "ip_address", "customer_ip_address"),
    "name": ("name", "title"),
    "environment": ("environment",),
}
"""The fields that describe a conversation, each with the names that recordings give it."""

SENTIMENTS = ("positive", "neutral", "negative")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMBER = re.compile(r"\d{9,19}(\.\d+)?")
_ZONE = re.compile(r"\s*(?:UTC|GMT)$|\s+(?=[+-]\d\d:?\d\d$)")
_ZONE_WITHOUT_COLON = re.compile(r"([+-]\d\d)(\d\d)$")
_HALF = re.compile(r"(?<![\d:.])(?P<hour>\d{1,2})(?P<rest>(?::\d\d){1,2}(?:\.\d+)?)?\s*(?P<half>[ap])\.?m\b\.?", re.I)
_IN_WORDS = re.compile(r"\s*\([^()]*\)$")
_ZONE_AFTER_GMT = re.compile(r"(?:UTC|GMT)(?=[+-]\d\d:?\d\d)")
_WORD = re.compile(r"[^\W\d_]+")
_ZONES = frozenset(["ut", "utc", "gmt", "z", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "ast", "adt"])
_MONTH_OR_DAY = re.compile("jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun")
_BLANK = ("", "nan", "nat", "<na>")
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (float("inf"), 1e9))
"""Bounds and nanosecond factors of numbers that are times since 1970: below the first bound they are seconds (up to the
year 5138), below the next milliseconds, then microseconds, then nanoseconds."""
_LATEST_S = 9_214_646_400
"""The year 2262, where nanoseconds in 64 bits end."""
_CALL_IDS = ("chatcmpl-", "msg_", "resp_", "req_", "gen-")
_SHOWN_CHARACTERS = 80


class Notes:
    """Counts what was left out or guessed while reading, to tell the user."""

    def __init__(self) -> None:
        self._ignored: Counter[str] = Counter()
        self._said: dict[str, None] = {}

    def ignored(self, place: str, keys: Iterable[str]) -> None:
        """Notes that fields were left out because nothing stores them."""
        for key in keys:
            self._ignored[f"{place}{key}"] += 1

    def say(self, text: str) -> None:
        """Notes any other sentence."""
        self._said[text] = None

    def texts(self) -> tuple[str, ...]:
        """All notes, one sentence each."""
        listed = ", ".join(f"{name} ({count} times)" for name, count in self._ignored.most_common())
        return (*self._said, *((f"left out, as they say nothing that is stored: {listed}",) if listed else ()))


def shown(value: Any) -> str:
    """A value as an error message shows it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def text(value: Any, where: str) -> str:
    """A text, or a number as text; raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{where}: {shown(value)}: expected a text")
    return str(value)


def optional_text(value: Any, where: str) -> str:
    """A text, or a number as text, or '' for null; raises ValueError for anything else."""
    return "" if value is None else text(value, where)


def document(value: Any, where: str) -> dict[str, Any]:
    """A JSON object; raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {shown(value)}: expected an object")
    return value


def listed(value: Any, where: str, expected: str = "a list") -> list[Any]:
    """A JSON array, empty for null; raises ValueError for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{where}: {shown(value)}: expected {expected}")
    return value


def metadata(value: Any, where: str = "metadata") -> dict[str, Any] | None:
    """Metadata: a JSON object, or the text of one; None for null. Raises ValueError for anything else."""
    if value in (None, ""):
        return None
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {shown(value)}: expected a JSON object")
    return value


def blank(value: Any) -> bool:
    """Whether a value is missing: null, or what tables write in an empty cell."""
    if isinstance(value, float):
        return value != value  # NaN
    return value is None or (isinstance(value, str) and value.strip().lower() in _BLANK)


def time_of(value: Mapping[str, Any], where: str = "", names: tuple[str, ...] = TIMES) -> int | None:
    """The time under the first of the usual names that is present, ns since 1970; None where there is none."""
    for name in names:
        if not blank(value.get(name)):
            return time_ns(value[name], f"{where}{name}")
    return None


def time_ns(value: Any, where: str) -> int | None:
    """A time as ns since 1970.

    Args:
        value: ISO 8601 or RFC 2822 (UTC unless it states a zone), or a number since 1970, also as text: seconds or, by
            its size, milli-, micro- or nanoseconds. A blank gives None.
        where: The place of the value, for the error message.

    Raises:
        ValueError: The value is not a valid time.
    """
    if blank(value):
        return None
    if isinstance(value, dict) and len(value) == 1 and "$date" in value:  # MongoDB's export
        value = value["$date"]
    expected = ValueError(
        f"{where}: {shown(value)}: expected a time from 1970 to 2261: ISO 8601, RFC 2822, or seconds since 1970"
    )
    try:
        if isinstance(value, str):
            stripped = value.strip()
            nanoseconds = _of_number(float(stripped)) if _NUMBER.fullmatch(stripped) else _of_text(stripped)
        elif isinstance(value, datetime):
            nanoseconds = of_datetime(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            nanoseconds = _of_number(value)
        else:
            raise expected
    except (ValueError, OverflowError, TypeError, IndexError):
        raise expected from None
    if not 0 <= nanoseconds < _LATEST_S * 1_000_000_000:
        raise expected
    return nanoseconds


def of_datetime(moment: datetime) -> int:
    """A datetime, in UTC unless it has a time zone, as ns since 1970."""
    since = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _of_number(value: float) -> int:
    if isinstance(value, int) and value >= _UNITS[2][0]:
        return value
    per_second = next(unit for limit, unit in _UNITS if value < limit)
    return round(value / per_second * 1_000_000) * 1_000


def _of_text(value: str) -> int:
    value = _HALF.sub(_of_24_hours, value)
    if value[:1].isalpha():
        return _of_mail(value)
    if not value[:1].isdigit():
        raise ValueError
    try:
        return of_datetime(parse_iso8601(_ZONE_WITHOUT_COLON.sub(r"\1:\2", _ZONE.sub("", value))))
    except ValueError:
        return _of_mail(value)  # "1 Nov 2026 09:30:00 +0000"


def _of_mail(value: str) -> int:
    """A date as mails and JavaScript write it. Words that Python's reader would overlook, such as CET, are errors."""
    value = _IN_WORDS.sub("", _ZONE_AFTER_GMT.sub("", value)).replace(" at ", " ")
    words = {word.lower() for word in _WORD.findall(value)}
    if any(word not in _ZONES and not _MONTH_OR_DAY.match(word) for word in words):
        raise ValueError
    return of_datetime(parsedate_to_datetime(value))


def _of_24_hours(match: "re.Match[str]") -> str:
    hour = int(match["hour"])
    if not 1 <= hour <= 12:
        raise ValueError
    return f"{hour % 12 + (12 if match['half'] in 'pP' else 0):02d}{match['rest'] or ':00'}"


def conversation_id(value: Mapping[str, Any], names: tuple[str, ...] = CONVERSATION_IDS) -> str:
    """The conversation's id under the first of the usual names that is present; '' where there is none.

    Raises:
        ValueError: The value under the name is no id.
    """
    for holder in (value, value.get("metadata")):
        if not isinstance(holder, Mapping):
            continue
        for name in names:
            if name not in holder or (holder is not value and name in ("id", "_id", "uuid")):
                continue
            stated = holder[name]
            if isinstance(stated, dict) and len(stated) == 1 and "$oid" in stated:  # MongoDB's export
                stated = stated["$oid"]
            if isinstance(stated, int) and not isinstance(stated, bool):
                stated = str(stated)
            if not isinstance(stated, str) or blank(stated):
                if name != "conversation_id" and blank(stated):
                    continue
                raise ValueError(f"{name}: {shown(stated)}: expected a non-empty text")
            if name in ("id", "_id", "uuid") and stated.startswith(_CALL_IDS):
                continue  # the id of one model call
            return stated.strip()
    return ""


def made_id(messages: Iterable[Message]) -> str:
    """An id for a conversation without one, made from its content: the same content gives the same id."""
    return "replay-" + digest(messages)[:16]


def digest(messages: Iterable[Message]) -> str:
    """A fingerprint of messages and their tool calls, without times and ids."""
    seen = [
        [message.role, message.text, [[call.name, call.arguments] for call in message.tool_calls], len(message.files)]
        for message in messages
    ]
    written = json.dumps(seen, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def description(value: Mapping[str, Any]) -> dict[str, str]:
    """The fields of ``DESCRIPTIONS`` that a conversation has, by our name."""
    described = {}
    for field_name, names in DESCRIPTIONS.items():
        for name in names:
            entry = value.get(name)
            if blank(entry) or entry in ([], {}):
                continue
            if name != field_name and isinstance(entry, (dict, list)):
                continue  # a whole user, for example: only under our own name must it be a text
            described[field_name] = text(entry, name)
            break
    return described


KNOWN = frozenset(
    {
        *TIMES,
        *CONVERSATION_IDS,
        "metadata",
        "feedback",
        "ended",
        *(name for names in DESCRIPTIONS.values() for name in names),
    }
)
"""The names of fields that are read from conversations of every format."""
