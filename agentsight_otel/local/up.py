"""What ``agentsight-otel up`` runs: the embedded ClickHouse, a receiver of OTLP, and the page."""

import asyncio
import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from agentsight_otel._export.clickhouse import RowInserter
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.url import host_in_url
from agentsight_otel.local.collector import CollectorProcess, find_collector
from agentsight_otel.local.errors import FolderInUse
from agentsight_otel.local.hosts import is_loopback
from agentsight_otel.local.keeping import Part, keep_running
from agentsight_otel.local.page import PageSettings, page_app
from agentsight_otel.local.ports import listening
from agentsight_otel.local.private_files import write_private
from agentsight_otel.local.receiver import Intake, Writer, http_app, keep_memory_low, start_grpc
from agentsight_otel.local.server import EmbeddedClickHouse
from agentsight_otel.local.serving import GRACE_S, serving, serving_apart

_PAGE_FILE = "page.url"
_COOKIE_KEY_FILE = "page-key"


@dataclass(frozen=True)
class UpSettings:
    """The settings of ``up``.

    Attributes:
        home: The data folder of the embedded ClickHouse.
        database: The database in it.
        host: The address on which the page listens.
        port: The port of the page; 0 for any free one, as for the other two ports.
        grpc_port: The port for OTLP over gRPC.
        http_port: The port for OTLP over HTTP.
        token: The token that the page requires; needed where other machines can reach ``host``. None for a new one
            at each start.
        label: A text beside the page's title.
        origins: Origins of web pages that may send OTLP over HTTP to the small receiver.
        otlp_host: The address on which OTLP is taken; whoever can reach it can send, for OTLP has no login here.
    """

    home: Path
    database: str = "agentsight"
    host: str = "127.0.0.1"
    port: int = 8686
    grpc_port: int = 4317
    http_port: int = 4318
    token: str | None = None
    label: str = ""
    origins: tuple[str, ...] = ()
    otlp_host: str = "127.0.0.1"


@dataclass(frozen=True)
class Running:
    """The addresses of the running services.

    Attributes:
        page_url: The page's URL; with the token where it was made at this start.
        clickhouse_url: ClickHouse's URL, with the password.
        reader_url: ClickHouse's URL of the user who only reads, with the password.
        grpc_port: The port for OTLP over gRPC.
        http_port: The port for OTLP over HTTP.
        collector: The path of the real collector; None where the small receiver runs.
        lines: The environment variables with which an agent sends to here, as lines of a shell.
    """

    page_url: str
    clickhouse_url: str
    reader_url: str
    grpc_port: int
    http_port: int
    collector: Path | None
    lines: tuple[str, ...]


def up(settings: UpSettings, ready: Callable[[Running], object]) -> None:
    """Runs everything until SIGINT or SIGTERM, and stops it in order.

    Args:
        settings: The settings.
        ready: Called once, in a thread of its own, when all services answer.

    Raises:
        ValueError: Other machines can reach ``host``, and there is no token.
        LocalClickHouseError: A service cannot start, or ended; the message says why and what to do.
    """
    if settings.token is None and not is_loopback(settings.host):
        raise ValueError(
            f"--host {settings.host} lets other machines see every conversation: give a --token that they must know"
        )
    keep_memory_low()
    with contextlib.ExitStack() as stack:
        page_socket = stack.enter_context(listening(settings.host, settings.port, "page", "--port"))
        # The port is held until the receiver or collector starts, so that a conflict shows before anything is started.
        with listening(settings.otlp_host, settings.grpc_port, "OTLP gRPC", "--grpc-port") as probe:
            grpc_port = probe.getsockname()[1]
        http_socket = stack.enter_context(listening(settings.otlp_host, settings.http_port, "OTLP HTTP", "--http-port"))
        clickhouse = stack.enter_context(_clickhouse(settings.home))
        schema.apply(clickhouse.url(settings.database))
        asyncio.run(_serve(settings, ready, clickhouse, page_socket, http_socket, grpc_port))


@contextlib.contextmanager
def _clickhouse(home: Path) -> Iterator[EmbeddedClickHouse]:
    server = EmbeddedClickHouse(home)
    try:
        server.start()
    except FolderInUse as error:
        page = home / _PAGE_FILE
        if page.exists():
            raise FolderInUse(
                f"agentsight-otel up runs already on {home}: see {page.read_text().strip()}, or name another folder"
                " with --data (and other ports)"
            ) from None
        raise error
    try:
        yield server
    finally:
        (home / _PAGE_FILE).unlink(missing_ok=True)
        server.stop()


async def _serve(
    settings: UpSettings,
    ready: Callable[[Running], object],
    clickhouse: EmbeddedClickHouse,
    page_socket: socket.socket,
    http_socket: socket.socket,
    grpc_port: int,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        url, reader_url = clickhouse.url(settings.database), clickhouse.reader_url(settings.database)
        http_port = http_socket.getsockname()[1]
        binary = find_collector()
        parts: list[Part] = [clickhouse]
        if binary is not None:
            http_socket.close()
            collector = CollectorProcess(
                binary,
                clickhouse,
                settings.database,
                host=settings.otlp_host,
                grpc_port=grpc_port,
                http_port=http_port,
            )
            stack.callback(collector.stop)
            await asyncio.to_thread(collector.start)
            parts.append(collector)
        else:
            await stack.enter_async_context(_receiving(settings, url, grpc_port, http_socket))
        lines = (
            f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://{host_in_url(_reachable(settings.otlp_host))}:{http_port}",
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            "export OTEL_SERVICE_NAME=my-agent",
        )
        token = settings.token or secrets.token_urlsafe(24)
        page = page_app(
            PageSettings(
                reader_url,
                names=("localhost", settings.host),
                token=token,
                lines=lines,
                label=settings.label,
                cookie_key=_cookie_key(clickhouse.home),
                writer_url=url,
            )
        )
        # In a thread of its own, so that requests of the page do not delay the receiver.
        stack.enter_context(serving_apart(page, page_socket))
        host, port = page_socket.getsockname()[:2]
        page_url = f"http://{host_in_url(host)}:{port}"
        if settings.token is None:
            page_url += f"/?{urlencode({'token': token})}"
        write_private(clickhouse.home / _PAGE_FILE, page_url + "\n")
        running = Running(page_url, url, reader_url, grpc_port, http_port, binary, lines)
        threading.Thread(target=ready, args=(running,), daemon=True, name="agentsight-ready").start()
        await keep_running(parts, stop)


def _reachable(host: str) -> str:
    """The address by which this machine reaches what listens on one; all of them include its own."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _cookie_key(home: Path) -> bytes:
    """The key of the page's cookies, kept in the data folder, so that browsers stay signed in after a restart."""
    file = home / _COOKIE_KEY_FILE
    if not file.exists() or not file.read_text().strip():
        write_private(file, secrets.token_hex(32))
    return file.read_text().strip().encode()


@asynccontextmanager
async def _receiving(settings: UpSettings, url: str, grpc_port: int, http_socket: socket.socket) -> AsyncIterator[None]:
    inserter = RowInserter(url)
    writer, intake = Writer(inserter.insert), Intake()
    try:
        grpc_server = await start_grpc(writer, intake, settings.otlp_host, grpc_port)
        try:
            async with serving(http_app(writer, intake, origins=settings.origins), http_socket):
                try:
                    yield
                finally:
                    # Closed first, so that senders who wait for an insert still get their response.
                    await writer.close()
        finally:
            await grpc_server.stop(GRACE_S)
    finally:
        await writer.close()
        inserter.close()
