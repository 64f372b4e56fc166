"""Every setting, and the one place that reads the environment."""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from agentsight_otel._core import setting_types as types
from agentsight_otel._core.guard import say
from agentsight_otel._core.limits import with_room
from agentsight_otel._core.setting_types import CONTENT_KINDS, MASKS
from agentsight_otel._core.setting_types import SettingError as SettingError
from agentsight_otel._core.values import CUT, PROVISIONAL_CUT

IPPolicy = Literal["full", "truncate", "drop"]
TracePer = Literal["conversation", "turn"]


def _setting(env: str, parse: Callable[[object], Any], default: Any, doc: str, *more_env: str) -> Any:
    return dataclasses.field(
        default=default, metadata={"env": (env, *more_env), "parse": parse, "doc": doc, "secret": env.endswith("_URL")}
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """The settings of ``init()``. Each is taken from its argument, else from the environment, else its default."""

    service_name: str | None = _setting(
        "AGENTSIGHT_SERVICE_NAME",
        types.text,
        None,
        "The service that the spans come from (resource attribute service.name).",
        "OTEL_SERVICE_NAME",
    )
    environment: str | None = _setting(
        "AGENTSIGHT_ENVIRONMENT",
        types.environment,
        None,
        "The deployment (resource attribute deployment.environment.name).",
    )
    clickhouse_url: str | None = _setting(
        "AGENTSIGHT_CLICKHOUSE_URL",
        types.clickhouse_url,
        None,
        "Write straight to this ClickHouse, http://user:password@host:port/database, instead of sending OTLP.",
    )
    attachments_url: str | None = _setting(
        "AGENTSIGHT_ATTACHMENTS_URL",
        types.text,
        None,
        "Where what is in attachments is stored, as an fsspec URL: s3://bucket/prefix, file:///srv/files. Default:"
        " nowhere; their names, types and sizes are recorded.",
    )
    max_attachment_bytes: int = _setting(
        "AGENTSIGHT_MAX_ATTACHMENT_BYTES",
        types.whole(1, 4_294_967_296),
        26_214_400,
        "The largest attachment that is stored, in bytes; of larger ones the description alone is kept.",
    )
    geoip_database: str | None = _setting(
        "AGENTSIGHT_GEOIP_DB",
        types.path,
        None,
        "A MaxMind or DB-IP city or country database (.mmdb); read again when it changes.",
        "AGENTSIGHT_GEOIP_DATABASE",
    )
    ip_policy: IPPolicy = _setting(
        "AGENTSIGHT_IP_POLICY",
        types.ip_policy,
        "truncate",
        "What is stored of customers' IP addresses: full, truncate (to /24 and /48) or drop.",
    )
    capture_content: tuple[str, ...] = _setting(
        "AGENTSIGHT_CAPTURE_CONTENT",
        types.names(*CONTENT_KINDS, others=types.GENAI_CAPTURE),
        CONTENT_KINDS,
        "The content that is kept: all, none, or some of " + ", ".join(CONTENT_KINDS) + ".",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    )
    mask: tuple[Any, ...] = _setting(
        "AGENTSIGHT_MASK",
        types.masks,
        (),
        "What is masked before spans leave: all, or some of " + ", ".join(MASKS) + "; as an argument callables too.",
    )
    trace_per: TracePer = _setting(
        "AGENTSIGHT_TRACE_PER",
        types.choice("conversation", "turn"),
        "conversation",
        "One trace per conversation, or one per turn.",
    )
    sample_ratio: float = _setting(
        "AGENTSIGHT_SAMPLE_RATIO",
        types.number(0, 1),
        1.0,
        "The share of conversations recorded; always whole ones.",
    )
    max_value_bytes: int = _setting(
        "AGENTSIGHT_MAX_VALUE_BYTES",
        types.whole(256, 16_777_216),
        262_144,
        "The longest message, argument or result in bytes; longer ones are cut, and say so. "
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT lowers it.",
    )
    max_queue_spans: int = _setting(
        "AGENTSIGHT_MAX_QUEUE_SPANS",
        types.whole(1, 10_000_000),
        50_000,
        "Finished spans kept while the backend is away.",
    )
    max_queue_bytes: int = _setting(
        "AGENTSIGHT_MAX_QUEUE_BYTES",
        types.whole(65_536, 17_179_869_184),
        134_217_728,
        "Memory for them in bytes, approximately.",
    )
    max_batch_spans: int = _setting(
        "AGENTSIGHT_MAX_BATCH_SPANS", types.whole(1, 100_000), 5_000, "The most spans sent at once."
    )
    max_batch_bytes: int = _setting(
        "AGENTSIGHT_MAX_BATCH_BYTES",
        types.whole(65_536, 67_108_864),
        3_670_016,
        "The largest request in bytes; gRPC receivers take 4 MiB unless told otherwise. A larger span is cut.",
    )
    schedule_delay_s: float = _setting(
        "AGENTSIGHT_SCHEDULE_DELAY_S",
        types.number(0.001, 3600),
        1.0,
        "How long a finished span waits for company, in s.",
    )
    export_timeout_s: float = _setting(
        "AGENTSIGHT_EXPORT_TIMEOUT_S", types.number(0.1, 3600), 10.0, "For one attempt to send a batch, in s."
    )
    shutdown_timeout_s: float = _setting(
        "AGENTSIGHT_SHUTDOWN_TIMEOUT_S",
        types.number(0, 3600),
        15.0,
        "How long exit waits for the last spans, in s.",
    )
    turn_timeout_s: float = _setting(
        "AGENTSIGHT_TURN_TIMEOUT_S",
        types.number(0, 604_800),
        300.0,
        "A turn that was handed over to a stream, or kept open, ends when nothing happened in it for so long, in s; "
        "0 = never.",
    )
    spool_dir: str | None = _setting(
        "AGENTSIGHT_SPOOL_DIR",
        types.path,
        None,
        "A folder for spans undelivered at exit; the next start sends them.",
    )
    spool_max_bytes: int = _setting(
        "AGENTSIGHT_SPOOL_MAX_BYTES",
        types.whole(65_536, 1_099_511_627_776),
        268_435_456,
        "The most bytes in that folder.",
    )
    handle_sigterm: bool = _setting(
        "AGENTSIGHT_HANDLE_SIGTERM",
        types.flag,
        True,
        "Send the last spans at SIGTERM, where the application has no handler of its own; it still ends by it.",
    )
    disabled: bool = _setting("AGENTSIGHT_DISABLED", types.flag, False, "Record nothing.", "OTEL_SDK_DISABLED")
    propagate: tuple[str, ...] = _setting(
        "AGENTSIGHT_PROPAGATE",
        types.propagated,
        (),
        "What other services are told of a conversation by W3C baggage: true (all but customer, address, name and "
        "metadata), or a list.",
    )
    instrument: bool | tuple[str, ...] = _setting(
        "AGENTSIGHT_INSTRUMENT",
        types.flag_or_names,
        False,
        "Load the GenAI instrumentations that are installed; or those of some libraries: openai, langchain.",
    )
    auto_start: bool = _setting(
        "AGENTSIGHT_AUTO_START",
        types.flag,
        False,
        "Start within opentelemetry-instrument, beside what it configures.",
    )

    def __repr__(self) -> str:
        """All settings, with passwords left out."""
        shown = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None and field.metadata["secret"]:
                value = _without_password(value)
            shown.append(f"{field.name}={value!r}")
        return f"Settings({', '.join(shown)})"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **arguments: Any) -> "Settings":
        """Settings from arguments and the environment.

        Args:
            environ: Variables of the environment. Default: ``os.environ``.
            given: By field name; None counts as not given.

        Raises:
            SettingError: A value is wrong.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            if arguments.get(field.name) is not None:
                values[field.name] = _parsed(field, field.name, arguments[field.name])
                continue
            for env in field.metadata["env"]:
                if environ.get(env, "").strip():
                    values[field.name] = _parsed(field, env, environ[env])
                    # Several variables can disable recording, and any one of them is enough.
                    if field.name != "disabled" or values[field.name]:
                        break
        settings = cls(**values)
        limit = _value_limit(environ)  # OpenTelemetry would cut at it, JSON in the middle too
        if limit is not None and limit < settings.max_value_bytes:
            settings = replace(settings, max_value_bytes=limit)
        vars(settings)["from_arguments"] = frozenset(name for name, value in arguments.items() if value is not None)
        return settings

    @functools.cached_property
    def from_arguments(self) -> frozenset[str]:
        """The names of the settings that arguments gave, and not the environment; set by ``load``."""
        return frozenset()

    @functools.cached_property
    def recorded_bytes(self) -> int:
        """The size in bytes to which a value is cut when it is recorded; sent is ``max_value_bytes`` of it."""
        return self.recorded(self.max_value_bytes)

    def recorded(self, most: int) -> int:
        """The size to which a text is cut when it is recorded, where it is cut to ``most`` before it is sent.

        With masks it is more: a mask must see what stands around a cut.
        """
        if not self.mask:
            return most
        limit = _value_limit(os.environ)
        return most if limit is not None and limit < with_room(most) else with_room(most)

    @functools.cached_property
    def cut_mark(self) -> str:
        """The mark that stands where a text was cut when it was recorded."""
        return PROVISIONAL_CUT if self.mask else CUT


_VALUE_LIMITS = ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT")


def _value_limit(environ: Mapping[str, str]) -> int | None:
    limits = [int(environ[name]) for name in _VALUE_LIMITS if environ.get(name, "").strip().isdigit()]
    return min(limits, default=None)


def variable(name: str, default: str | None = None) -> str | None:
    """A variable of the environment that only AgentSight 0.0 knows, such as its endpoint; not one of ``Settings``."""
    return os.environ.get(name, default)


def _without_password(url: str) -> str:
    scheme, slashes, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}{slashes}{_without_query(user)}{':***' if colon else ''}{at}{_without_query(place)}"


def _without_query(text: str) -> str:
    before, mark, _ = text.partition("?")
    return f"{before}{mark}{'***' if mark else ''}"


def _parsed(field: "dataclasses.Field[Any]", name: str, value: object) -> Any:
    try:
        return field.metadata["parse"](value)
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from None
    except ValueError as error:
        shown = "(a value)" if field.metadata["secret"] else repr(value)
        raise SettingError(f"{name}: {shown}: expected {error}") from None


_OF_THE_SERVICE = ("endpoint", "verify_key")


def without_aliases(api_key: object, arguments: dict[str, Any]) -> dict[str, Any]:
    """Settings by their own names, from arguments that may have those of the AgentSight 0.1 SDK's ``init()``.

    Those that concern AgentSight's own service are taken out, and logged.
    """
    settings = {key: value for key, value in arguments.items() if key not in _OF_THE_SERVICE}
    ignored = [key for key in _OF_THE_SERVICE if key in arguments]
    if api_key is not None:
        ignored.insert(0, "api_key")
    if ignored:
        say(
            "former settings",
            f"init(): {', '.join(ignored)}: not used: spans go by OTLP or to ClickHouse, not to AgentSight's service",
            level=logging.INFO,
        )
    if (instrument := settings.pop("auto_instrument", None)) is not None:
        settings["instrument"] = instrument
    if (interval_ms := settings.pop("export_interval_ms", None)) is not None:
        settings["schedule_delay_s"] = interval_ms / 1_000
    if (spans := settings.pop("max_queue_size", None)) is not None:
        settings["max_queue_spans"] = spans
    if (timeout_ms := settings.pop("turn_timeout_ms", None)) is not None:
        settings["turn_timeout_s"] = timeout_ms / 1_000
    return settings
