"""OpenTelemetry's standard variables: where OTLP is sent, and how. Only this module and ``config`` read them."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from agentsight_otel._core.config import SettingError

Protocol = Literal["grpc", "http/protobuf"]

PROTOCOLS: tuple[Protocol, ...] = ("grpc", "http/protobuf")
"""The OTLP protocols that there is an exporter for."""

GENAI_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The variable by which instrumentations of models are asked to record texts."""

_LONGEST_ATTEMPT_S = 60.0
_COMPRESSIONS = {"grpc": ("none", "gzip"), "http/protobuf": ("none", "gzip", "deflate")}
_DEFAULT_ENDPOINTS = {"grpc": "http://localhost:4317", "http/protobuf": "http://localhost:4318"}
_PATH = "/v1/traces"


@dataclass(frozen=True)
class Destination:
    """Where OTLP is sent, and how.

    Attributes:
        protocol: The OTLP protocol.
        endpoint: Over HTTP the whole URL; over gRPC a URL, or a name that gRPC resolves. It may hold a login.
        headers: Headers of each request; they may hold passwords.
        compression: none, gzip, or over HTTP deflate.
        insecure: Over gRPC: whether to do without TLS.
        certificate: Path of a file with the certificates to trust; '' for the system's.
        client_certificate: Path of a file with the client's own certificate; '' for none.
        client_key: Path of a file with the client certificate's key; '' where the certificate's file has it.
        credential_provider: The entry point of a provider of credentials; '' for none.
    """

    protocol: Protocol
    endpoint: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    compression: str
    insecure: bool
    certificate: str
    client_certificate: str
    client_key: str
    credential_provider: str


def destination(protocol: Protocol, environ: Mapping[str, str] | None = None) -> Destination:
    """The destination of OTLP that the environment sets, with the standard's defaults.

    Args:
        protocol: The OTLP protocol to send by.
        environ: Variables of the environment. Default: ``os.environ``.

    Raises:
        SettingError: A variable's value is wrong.
    """
    environ = os.environ if environ is None else environ
    endpoint = _endpoint(protocol, environ)
    scheme = urlsplit(endpoint).scheme
    insecure = _value("INSECURE", environ)[1].lower()
    kind = "GRPC" if protocol == "grpc" else "HTTP"
    return Destination(
        protocol,
        endpoint,
        parse_env_headers(_value("HEADERS", environ)[1], liberal=True),
        _compression(protocol, environ),
        scheme != "https" and (insecure == "true" if insecure else scheme == "http"),
        _file("CERTIFICATE", environ),
        _file("CLIENT_CERTIFICATE", environ),
        _file("CLIENT_KEY", environ),
        environ.get(f"OTEL_PYTHON_EXPORTER_OTLP_{kind}_TRACES_CREDENTIAL_PROVIDER", "").strip()
        or environ.get(f"OTEL_PYTHON_EXPORTER_OTLP_{kind}_CREDENTIAL_PROVIDER", "").strip(),
    )


def host_of(endpoint: str) -> str:
    """The address that gRPC connects to: the host and port of a URL; any other text as it is: ``dns:///host:port``."""
    return urlsplit(endpoint).netloc or endpoint


def configurator() -> str:
    """The name of the configurator that ``opentelemetry-instrument`` is told to use; '' for none."""
    return os.environ.get("OTEL_PYTHON_CONFIGURATOR", "").strip()


def genai_content() -> str:
    """The value of the variable ``GENAI_CONTENT``; '' where it is not set."""
    return os.environ.get(GENAI_CONTENT, "").strip()


def exporter_kind(environ: Mapping[str, str] | None = None) -> str:
    """The exporter that OTEL_TRACES_EXPORTER names: otlp, console or none.

    Raises:
        SettingError: The variable names another exporter.
    """
    environ = os.environ if environ is None else environ
    kind = environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    if kind not in ("otlp", "console", "none"):
        raise SettingError(f"OTEL_TRACES_EXPORTER: {kind!r}: expected otlp, console or none; or init(span_exporter=…)")
    return kind


def protocol(environ: Mapping[str, str] | None = None) -> Protocol:
    """The OTLP protocol that the standard variables name; http/protobuf by default.

    Raises:
        SettingError: There is no exporter for the protocol that is named.
    """
    name, value = _value("PROTOCOL", os.environ if environ is None else environ)
    for supported in PROTOCOLS:
        if value == supported:
            return supported
    if value:
        raise SettingError(f"{name}: {value!r}: expected {' or '.join(PROTOCOLS)}")
    return "http/protobuf"


def timeout_s(own_s: float, *, is_argument: bool = False, environ: Mapping[str, str] | None = None) -> float:
    """Seconds for one attempt: our own setting where somebody set it, else the standard's variable, up to 60.

    Args:
        own_s: Our own setting, in seconds.
        is_argument: Whether an argument of ``init()`` set it.
        environ: Variables of the environment. Default: ``os.environ``.

    Raises:
        SettingError: The standard variable's value is no number above 0.
    """
    environ = os.environ if environ is None else environ
    name, value = _value("TIMEOUT", environ)
    if is_argument or "AGENTSIGHT_EXPORT_TIMEOUT_S" in environ or not value:
        return own_s
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise SettingError(f"{name}: {value!r}: expected a number of seconds above 0")
    return min(seconds, _LONGEST_ATTEMPT_S)


def _value(what: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The standard variable that is set, the one for traces first, and its value; two empty texts where none is."""
    for name in (f"OTEL_EXPORTER_OTLP_TRACES_{what}", f"OTEL_EXPORTER_OTLP_{what}"):
        if value := environ.get(name, "").strip():
            return name, value
    return "", ""


def _endpoint(protocol: Protocol, environ: Mapping[str, str]) -> str:
    name, value = _value("ENDPOINT", environ)
    endpoint = value or _DEFAULT_ENDPOINTS[protocol]
    if protocol == "grpc":
        return endpoint
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise SettingError(f"{name}: expected a URL such as http://localhost:4318")
    return endpoint if name.startswith("OTEL_EXPORTER_OTLP_TRACES_") else endpoint.rstrip("/") + _PATH


def _compression(protocol: Protocol, environ: Mapping[str, str]) -> str:
    name, value = _value("COMPRESSION", environ)
    expected = _COMPRESSIONS[protocol]
    if value and value.lower() not in expected:
        raise SettingError(f"{name}: {value!r}: expected {', '.join(expected)}")
    return value.lower() or "none"


def _file(what: str, environ: Mapping[str, str]) -> str:
    name, value = _value(what, environ)
    if value and not Path(value).exists():
        raise SettingError(f"{name}: {value!r}: expected a file that exists")
    return value
