"""The types of settings: each function here parses a setting's value, or raises ValueError with what was expected."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from agentsight_otel._core import baggage
from agentsight_otel.clickhouse import url

CONTENT_KINDS = (
    "messages",
    "tool_arguments",
    "tool_results",
    "llm",
    "documents",
    "attachments",
    "feedback_comments",
    "buttons",
    "metadata",
    "errors",
)
"""The kinds of content that ``capture_content`` tells apart."""

MASKS = ("secret", "email", "iban", "card", "phone")
"""The built-in masks, in the order in which they are applied."""


class SettingError(ValueError):
    """A setting's value is wrong; the message names the setting, the value and what was expected."""


def text(value: object) -> str:
    """A text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a non-empty text")
    return value.strip()


def environment_name(name: str) -> str:
    """A deployment's name; ``prod`` and ``dev`` are short for production and development, as in AgentSight's SDK."""
    return {"prod": "production", "dev": "development"}.get(name.lower(), name)


def environment(value: object) -> str:
    """A text that is not blank, as ``environment_name`` writes it."""
    return environment_name(text(value))


def flag_or_names(value: object) -> bool | tuple[str, ...]:
    """True, False, or names of libraries."""
    try:
        return flag(value)
    except ValueError:
        names = value.split(",") if isinstance(value, str) else value
        if isinstance(names, (list, tuple, set, frozenset)):
            libraries = tuple(name.strip() for name in names if isinstance(name, str) and name.strip())
            if len(libraries) == len(names):
                return libraries
        raise ValueError("true, false, or names of libraries, such as openai,langchain") from None


def number(low: float, high: float) -> Callable[[object], float]:
    """A number within bounds, both included."""

    def parse(value: object) -> float:
        expected = ValueError(f"a number from {low:g} to {high:g}")
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise expected from None
        if isinstance(value, bool) or not low <= number <= high:
            raise expected
        return number

    return parse


def whole(low: int, high: int) -> Callable[[object], int]:
    """A whole number within bounds, both included."""

    def parse(value: object) -> int:
        expected = ValueError(f"a whole number from {low} to {high}")
        try:
            number = int(str(value))
        except ValueError:
            raise expected from None
        if not low <= number <= high:
            raise expected
        return number

    return parse


def choice(*choices: str) -> Callable[[object], str]:
    """One of several words."""

    def parse(value: object) -> str:
        text = str(value).strip().lower()
        if text not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text

    return parse


def flag(value: object) -> bool:
    """True or False, in the usual words."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ValueError("true or false")


def propagated(value: object) -> tuple[str, ...]:
    """The conversation's fields that ``propagate`` sends to other services in baggage."""
    if isinstance(value, (bool, str)):
        try:
            return baggage.DEFAULT_NAMES if flag(value) else ()
        except ValueError:
            value = str(value).split(",")
    names = tuple(str(name).strip().lower() for name in value) if isinstance(value, Iterable) else ("",)
    if not set(names) <= set(baggage.KEYS):
        raise ValueError("true, false, or some of " + ", ".join(baggage.KEYS))
    return names


def path(value: object) -> str:
    """A path, with ``~`` for the home folder."""
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip():
        raise ValueError("a path")
    return str(Path(value).expanduser())


def ip_policy(value: object) -> str:
    """An IP policy, by its name or the alias that AgentSight's SDK uses."""
    former = {"truncated": "truncate", "dropped": "drop"}
    text = str(value).strip().lower()
    return choice("full", "truncate", "drop")(former.get(text, text))


def names(*allowed: str, others: Mapping[str, tuple[str, ...]]) -> Callable[[object], tuple[str, ...]]:
    """Names from a fixed set: a list, or a text with commas between them; ``others`` are words for several names."""

    def parse(value: object) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        names: list[str] = []
        for name in items if isinstance(items, (list, tuple, set, frozenset)) else [items]:
            text = str(name).strip().lower()
            if text not in others and text not in allowed:
                raise ValueError(f"{', '.join(others)}, or some of {', '.join(allowed)}")
            names += others.get(text, (text,))
        return tuple(dict.fromkeys(names))

    return parse


# The content kinds of spans by the value of the GenAI instrumentations' variable, whose "events" are log records.
GENAI_CAPTURE: dict[str, tuple[str, ...]] = {
    "all": CONTENT_KINDS,
    "none": (),
    **dict.fromkeys(("true", "1", "yes", "on", "span_only", "span_and_event"), CONTENT_KINDS),
    # The variable is about texts of the conversation; metadata that the application sets is kept.
    **dict.fromkeys(("false", "0", "no", "off", "no_content", "event_only"), ("metadata",)),
}


def masks(value: object) -> tuple[Any, ...]:
    """Masks by name, and callables."""
    parse = names(*MASKS, others={"all": MASKS, "none": ()})
    items = value if isinstance(value, (list, tuple)) else [value]
    masks: list[Any] = []
    for item in items:
        if callable(item):
            masks.append(item)
        else:
            try:
                masks += parse(item)
            except ValueError as error:
                raise ValueError(f"a callable, {error}") from None
    return tuple(masks)


def clickhouse_url(value: object) -> str:
    """A ClickHouse URL that can be read."""
    try:
        url.parse(str(value))
    except ValueError as error:
        raise SettingError(str(error)) from None
    return str(value)
