"""Every setting, and the one place that reads the environment."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agentsight_otel import baggage, clickhouse_url

IPPolicy = Literal["full", "truncate", "drop"]
TracePer = Literal["conversation", "turn"]


CONTENT_KINDS = (
    "messages",
    "tool_arguments",
    "tool_results",
    "llm",
    "attachments",
    "feedback_comments",
    "buttons",
    "metadata",
)
"""The kinds of content that ``capture_content`` tells apart."""

MASKS = ("secret", "email", "iban", "card", "phone")
"""The built-in masks, in the order in which they are applied."""


class SettingError(ValueError):
    """A setting's value is wrong; the message names the setting, the value and what was expected."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a non-empty text")
    return value.strip()


def _number(low: float, high: float) -> Callable[[object], float]:
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


def _whole(low: int, high: int) -> Callable[[object], int]:
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


def _choice(*choices: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = str(value).strip().lower()
        if text not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text

    return parse


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ValueError("true or false")


def _propagated(value: object) -> tuple[str, ...]:
    if isinstance(value, (bool, str)):
        try:
            return baggage.DEFAULT_NAMES if _flag(value) else ()
        except ValueError:
            value = str(value).split(",")
    names = tuple(str(name).strip().lower() for name in value) if isinstance(value, Iterable) else ("",)
    if not set(names) <= set(baggage.KEYS):
        raise ValueError("true, false, or some of " + ", ".join(baggage.KEYS))
    return names


def _path(value: object) -> str:
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip():
        raise ValueError("a path")
    return str(Path(value).expanduser())


def _ip_policy(value: object) -> str:
    former = {"truncated": "truncate", "dropped": "drop"}
    text = str(value).strip().lower()
    return _choice("full", "truncate", "drop")(former.get(text, text))


def _names(*known: str, others: Mapping[str, tuple[str, ...]]) -> Callable[[object], tuple[str, ...]]:
    """Of a list, or a text with commas between; ``others`` are words that stand for several."""

    def parse(value: object) -> tuple[str, ...]:
        given = value.split(",") if isinstance(value, str) else value
        names: list[str] = []
        for name in given if isinstance(given, (list, tuple, set, frozenset)) else [given]:
            text = str(name).strip().lower()
            if text not in others and text not in known:
                raise ValueError(f"{', '.join(others)}, or some of {', '.join(known)}")
            names += others.get(text, (text,))
        return tuple(dict.fromkeys(names))

    return parse


# What the variable of the GenAI instrumentations says about spans; events in its sense are log records.
_GENAI_CAPTURE: dict[str, tuple[str, ...]] = {
    "all": CONTENT_KINDS,
    "none": (),
    **dict.fromkeys(("true", "1", "yes", "on", "span_only", "span_and_event"), CONTENT_KINDS),
    **dict.fromkeys(("false", "0", "no", "off", "no_content", "event_only"), ()),
}


def _masks(value: object) -> tuple[Any, ...]:
    parse = _names(*MASKS, others={"all": MASKS, "none": ()})
    given = value if isinstance(value, (list, tuple)) else [value]
    masks: list[Any] = []
    for one in given:
        if callable(one):
            masks.append(one)
        else:
            try:
                masks += parse(one)
            except ValueError as error:
                raise ValueError(f"a callable, {error}") from None
    return tuple(masks)


def _clickhouse_url(value: object) -> str:
    try:
        clickhouse_url.parse(str(value))
    except ValueError as error:
        raise SettingError(str(error)) from None
    return str(value)


def _setting(env: str, parse: Callable[[object], Any], default: Any, doc: str, *more_env: str) -> Any:
    return dataclasses.field(
        default=default, metadata={"env": (env, *more_env), "parse": parse, "doc": doc, "secret": env.endswith("_URL")}
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What ``init()`` works with: arguments first, then the environment, then defaults."""

    service_name: str | None = _setting(
        "AGENTSIGHT_SERVICE_NAME",
        _text,
        None,
        "The service that the spans come from (resource attribute service.name).",
        "OTEL_SERVICE_NAME",
    )
    environment: str | None = _setting(
        "AGENTSIGHT_ENVIRONMENT", _text, None, "The deployment (resource attribute deployment.environment.name)."
    )
    clickhouse_url: str | None = _setting(
        "AGENTSIGHT_CLICKHOUSE_URL",
        _clickhouse_url,
        None,
        "Write straight to this ClickHouse, http://user:password@host:port/database, instead of sending OTLP.",
    )
    geoip_database: str | None = _setting(
        "AGENTSIGHT_GEOIP_DB",
        _path,
        None,
        "A MaxMind or DB-IP city or country database (.mmdb); read again when it changes.",
        "AGENTSIGHT_GEOIP_DATABASE",
    )
    ip_policy: IPPolicy = _setting(
        "AGENTSIGHT_IP_POLICY",
        _ip_policy,
        "truncate",
        "What is stored of customers' IP addresses: full, truncate (to /24 and /48) or drop.",
    )
    capture_content: tuple[str, ...] = _setting(
        "AGENTSIGHT_CAPTURE_CONTENT",
        _names(*CONTENT_KINDS, others=_GENAI_CAPTURE),
        CONTENT_KINDS,
        "The content that is kept: all, none, or some of " + ", ".join(CONTENT_KINDS) + ".",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    )
    mask: tuple[Any, ...] = _setting(
        "AGENTSIGHT_MASK",
        _masks,
        (),
        "What is masked before spans leave: all, or some of " + ", ".join(MASKS) + "; as an argument callables too.",
    )
    trace_per: TracePer = _setting(
        "AGENTSIGHT_TRACE_PER",
        _choice("conversation", "turn"),
        "conversation",
        "One trace per conversation, or one per turn.",
    )
    sample_ratio: float = _setting(
        "AGENTSIGHT_SAMPLE_RATIO", _number(0, 1), 1.0, "The share of conversations recorded; always whole ones."
    )
    max_value_bytes: int = _setting(
        "AGENTSIGHT_MAX_VALUE_BYTES",
        _whole(256, 16_777_216),
        262_144,
        "The longest message, argument or result in bytes; longer ones are cut, and say so.",
    )
    max_queue_spans: int = _setting(
        "AGENTSIGHT_MAX_QUEUE_SPANS", _whole(1, 10_000_000), 50_000, "Finished spans kept while the backend is away."
    )
    max_queue_bytes: int = _setting(
        "AGENTSIGHT_MAX_QUEUE_BYTES",
        _whole(65_536, 17_179_869_184),
        134_217_728,
        "Memory for them in bytes, approximately.",
    )
    max_batch_spans: int = _setting(
        "AGENTSIGHT_MAX_BATCH_SPANS", _whole(1, 100_000), 5_000, "The most spans sent at once."
    )
    max_batch_bytes: int = _setting(
        "AGENTSIGHT_MAX_BATCH_BYTES",
        _whole(65_536, 67_108_864),
        3_670_016,
        "The largest request in bytes; gRPC receivers take 4 MiB unless told otherwise. A larger span is cut.",
    )
    schedule_delay_s: float = _setting(
        "AGENTSIGHT_SCHEDULE_DELAY_S", _number(0.001, 3600), 1.0, "How long a finished span waits for company, in s."
    )
    export_timeout_s: float = _setting(
        "AGENTSIGHT_EXPORT_TIMEOUT_S", _number(0.1, 3600), 10.0, "For one attempt to send a batch, in s."
    )
    shutdown_timeout_s: float = _setting(
        "AGENTSIGHT_SHUTDOWN_TIMEOUT_S", _number(0, 3600), 15.0, "How long exit waits for the last spans, in s."
    )
    turn_timeout_s: float = _setting(
        "AGENTSIGHT_TURN_TIMEOUT_S",
        _number(0, 604_800),
        300.0,
        "A turn that was handed over to a stream, or kept open, ends when nothing happened in it for so long, in s; "
        "0 = never.",
    )
    spool_dir: str | None = _setting(
        "AGENTSIGHT_SPOOL_DIR", _path, None, "A folder for spans undelivered at exit; the next start sends them."
    )
    spool_max_bytes: int = _setting(
        "AGENTSIGHT_SPOOL_MAX_BYTES", _whole(65_536, 1_099_511_627_776), 268_435_456, "The most bytes in that folder."
    )
    handle_sigterm: bool = _setting(
        "AGENTSIGHT_HANDLE_SIGTERM",
        _flag,
        True,
        "Send the last spans at SIGTERM, where the application has no handler of its own; it still ends by it.",
    )
    disabled: bool = _setting("AGENTSIGHT_DISABLED", _flag, False, "Record nothing.", "OTEL_SDK_DISABLED")
    propagate: tuple[str, ...] = _setting(
        "AGENTSIGHT_PROPAGATE",
        _propagated,
        (),
        "What other services are told of a conversation by W3C baggage: true (all but customer, address, name and "
        "metadata), or a list.",
    )
    instrument: bool = _setting(
        "AGENTSIGHT_INSTRUMENT", _flag, False, "Load the GenAI instrumentations that are installed."
    )
    auto_start: bool = _setting(
        "AGENTSIGHT_AUTO_START", _flag, False, "Start within opentelemetry-instrument, beside what it configures."
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **given: Any) -> "Settings":
        """Settings from arguments and the environment.

        Args:
            environ: Default: ``os.environ``.
            given: By field name; None counts as not given.

        Raises:
            SettingError: A value is wrong.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            if given.get(field.name) is not None:
                values[field.name] = _parsed(field, field.name, given[field.name])
                continue
            for env in field.metadata["env"]:
                if environ.get(env, "").strip():
                    values[field.name] = _parsed(field, env, environ[env])
                    # Any of the variables that disable does.
                    if field.name != "disabled" or values[field.name]:
                        break
        return cls(**values)


def _parsed(field: "dataclasses.Field[Any]", name: str, value: object) -> Any:
    try:
        return field.metadata["parse"](value)
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from None
    except ValueError as error:
        shown = "(a value)" if field.metadata["secret"] else repr(value)
        raise SettingError(f"{name}: {shown}: expected {error}") from None
