"""OTLP: encodes a batch, sends it once, and reports the result; ``DeliveryProcessor`` decides what follows."""

import importlib
import ssl
import threading
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentsight_otel._core import process, standard_config
from agentsight_otel._core.guard import guard
from agentsight_otel._core.standard_config import Destination
from agentsight_otel._core.threads import is_patched, let_urllib3_wait
from agentsight_otel._core.version import VERSION
from agentsight_otel._export import otlp_answers
from agentsight_otel._export.errors import RequestTooLargeError, UnencodableSpanError

_USER_AGENT = f"agentsight-otel/{VERSION}"
_USED_LATER = ("netrc", "encodings.idna", "google.rpc.status_pb2", "google.rpc.error_details_pb2")
_FORK_WAITS_S = 1.0


class OtlpSpanExporter(SpanExporter):
    """Sends batches to the receiver that the ``OTEL_EXPORTER_OTLP_*`` variables name.

    It connects at the first export, and again after a fork. Run it under ``DeliveryProcessor``.

    Attributes:
        destination: The receiver's address, and how to send to it.

    Args:
        timeout_s: The longest that one attempt may take, in seconds.
        max_request_bytes: The largest request, in bytes before compression.

    Raises:
        SettingError: A standard variable's value is wrong.
    """

    component_type: str
    """The exporter's type in the semantic conventions, for self-metrics."""

    protocol: standard_config.Protocol
    """The OTLP protocol: over HTTP or gRPC."""

    _imports: tuple[str, ...] = ()

    def __init__(self, *, timeout_s: float = 10.0, max_request_bytes: int = 3_670_016) -> None:
        self._timeout_s = timeout_s
        self._max_request_bytes = max_request_bytes
        self.destination: Destination = standard_config.destination(self.protocol)
        # Imported now, not in the background: a process forked during an import waits for that module for ever. Nor can
        # gRPC be imported at exit, where the first span may end.
        for name in (*self._imports, *_USED_LATER):
            with suppress(ImportError):
                importlib.import_module(name)
        self._connection: Any = None
        self._connected_as_patched = is_patched()
        self._outgrown: list[Any] = []

    @abstractmethod
    def _connect(self) -> Any:
        """Returns the connection for ``_send``."""

    @abstractmethod
    def _send(self, connection: Any, request: ExportTraceServiceRequest) -> None:
        """Makes one attempt; returns once the receiver has acknowledged the request, else raises."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch, once.

        Returns:
            SUCCESS, once the receiver has acknowledged it.

        Raises:
            PermanentExportError: The receiver refuses the data, or it cannot be encoded.
            PartlyRefusedError: The receiver refuses some of it and has taken the rest.
            RetryLaterError: The receiver is busy.
            NoReceiverError: Nothing listens at the address.
            Exception: The receiver cannot be reached; another attempt may succeed.
        """
        try:
            request = encode_spans(spans)
        except Exception as error:
            raise UnencodableSpanError(f"{type(error).__name__}: {error}"[:300]) from error
        if (size := request.ByteSize()) > self._max_request_bytes:
            raise RequestTooLargeError(f"a request of {size} bytes")
        if self._connected_as_patched != is_patched():
            self._disconnect()  # gevent or eventlet has replaced the sockets and TLS contexts since it was made
        connection = self._connection
        if connection is None:
            self._connected_as_patched = is_patched()
            connection = self._connection = self._connect()
        self._send(connection, request)
        return SpanExportResult.SUCCESS

    def start_anew(self) -> None:
        """Drops the connections in a forked child, since they are its parent's."""
        if self._connection is not None:
            self._outgrown.append(self._connection)  # closing it would write on the parent's connection
        self._connection = None

    def shutdown(self) -> None:
        """Closes the connection; a running gRPC request ends."""
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with guard("closing a connection"):
                self._close(connection)

    @abstractmethod
    def _close(self, connection: Any) -> None:
        """Closes a connection of ``_connect``."""

    def _provided(self) -> Any:
        """The credentials of the provider that the environment names; None where it names none."""
        name = self.destination.credential_provider
        for provider in entry_points(group="opentelemetry_otlp_credential_provider", name=name) if name else ():
            return provider.load()()
        return None

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Returns True: the exporter holds no spans back."""
        return True


class OtlpHttpSpanExporter(OtlpSpanExporter):
    """OTLP over HTTP, protobuf."""

    component_type = "otlp_http_span_exporter"
    protocol = "http/protobuf"
    _imports = ("requests",)

    def _connect(self) -> Any:
        import requests

        where = self.destination
        if is_patched():
            let_urllib3_wait()
        session = self._provided()
        if session is None:
            session = requests.Session()
            if is_patched() and where.endpoint.startswith("https:"):
                # urllib3, where it was imported before a patch, makes contexts of the unpatched class, which recurse.
                session.mount("https://", _adapter_with(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
        session.headers.update({"Content-Type": "application/x-protobuf", "User-Agent": _USER_AGENT, **where.headers})
        if where.compression != "none":
            session.headers["Content-Encoding"] = where.compression
        return session

    def _send(self, connection: Any, request: ExportTraceServiceRequest) -> None:
        where = self.destination
        body = request.SerializeToString()
        if where.compression == "gzip":
            import gzip

            body = gzip.compress(body, compresslevel=6)
        elif where.compression == "deflate":
            import zlib

            body = zlib.compress(body)
        more: dict[str, Any] = {"verify": where.certificate} if where.certificate else {}
        if where.client_certificate:
            more["cert"] = (
                (where.client_certificate, where.client_key) if where.client_key else where.client_certificate
            )
        try:
            # A redirected POST would arrive as a GET, without the spans.
            answer = connection.post(where.endpoint, data=body, timeout=self._timeout_s, allow_redirects=False, **more)
        except Exception as error:
            raise otlp_answers.unreachable(where.endpoint, error) from error
        if (problem := otlp_answers.http_problem(where.endpoint, answer)) is not None:
            raise problem

    def _close(self, connection: Any) -> None:
        connection.close()


class OtlpGrpcSpanExporter(OtlpSpanExporter):
    """OTLP over gRPC.

    A fork waits until a running request is over, at most a second: gRPC prepares for a fork only while no thread is
    inside it; otherwise all requests of the child may fail.
    """

    component_type = "otlp_grpc_span_exporter"
    protocol = "grpc"
    # gRPC imports the second only with the first channel; a fork during that would break the module in the child.
    _imports = ("grpc", "grpc._channel", "opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")

    def __init__(self, *, timeout_s: float = 10.0, max_request_bytes: int = 3_670_016) -> None:
        super().__init__(timeout_s=timeout_s, max_request_bytes=max_request_bytes)
        self._headers = tuple((name.lower(), value) for name, value in self.destination.headers.items())
        self._under_way = threading.Lock()
        self._held_for_fork = False
        process.around(self)

    def before_fork(self) -> None:
        """Waits until a running request is over."""
        self._held_for_fork = self._under_way.acquire(timeout=_FORK_WAITS_S)

    def after_fork(self) -> None:
        """Lets the parent's requests continue."""
        if self._held_for_fork:
            self._under_way.release()

    def start_anew(self) -> None:
        """Drops the channel in a forked child, and the lock, which a thread of the parent may hold."""
        self._under_way = threading.Lock()
        super().start_anew()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch as ``OtlpSpanExporter`` does, one thread at a time."""
        with self._under_way:
            return super().export(spans)

    def _connect(self) -> Any:
        import grpc

        where = self.destination
        target = standard_config.host_of(where.endpoint)
        options = (("grpc.primary_user_agent", _USER_AGENT),)
        compression = grpc.Compression.Gzip if where.compression == "gzip" else grpc.Compression.NoCompression
        if where.insecure:
            return grpc.insecure_channel(target, options, compression)
        credentials = self._provided() or grpc.ssl_channel_credentials(
            _content(where.certificate), _content(where.client_key), _content(where.client_certificate)
        )
        return grpc.secure_channel(target, credentials, options, compression)

    def _send(self, connection: Any, request: ExportTraceServiceRequest) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

        export = TraceServiceStub(connection).Export  # type: ignore[no-untyped-call]
        try:
            answer = export(request, metadata=self._headers, timeout=self._timeout_s)
        except Exception as error:
            problem = otlp_answers.grpc_problem(self.destination.endpoint, error)
            if isinstance(problem, otlp_answers.UNREACHABLE):
                # A channel that lost its peer waits longer with each try; a new channel tries at once.
                self._disconnect()
            raise problem from error
        if (refused := otlp_answers.partly_refused(answer)) is not None:
            raise refused

    def _close(self, connection: Any) -> None:
        connection.close()


def _adapter_with(context: ssl.SSLContext) -> Any:
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, **kwargs)

    return Adapter()


def _content(path: str) -> bytes | None:
    from pathlib import Path

    return Path(path).read_bytes() if path else None
