"""Everything on one desk: the embedded ClickHouse, OTLP in, and the page. What ``agentsight-otel up`` runs."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from agentsight_otel import schema
from agentsight_otel.exporters.clickhouse import RowInserter
from agentsight_otel.local.collector import CollectorProcess, find_collector
from agentsight_otel.local.errors import CollectorFailed, FolderInUse, PortTaken, StartFailed
from agentsight_otel.local.page import PageSettings, page_app
from agentsight_otel.local.page.access import is_loopback
from agentsight_otel.local.receiver import Writer, http_app, start_grpc
from agentsight_otel.local.server import EmbeddedClickHouse

OTLP_HOST = "127.0.0.1"
_PAGE_FILE = "page.url"
_GRACE_S = 3.0


@dataclass(frozen=True)
class UpSettings:
    """What to run.

    Attributes:
        home: Data folder of the embedded ClickHouse.
        database: In it.
        host: Address of the page.
        port: Of the page; 0 = any free one, as for the other two.
        grpc_port: Of OTLP over gRPC, always on this machine only.
        http_port: Of OTLP over HTTP, always on this machine only.
        token: Demanded by the page; must be given unless ``host`` is of this machine only.
        label: Shown beside the page's title.
    """

    home: Path
    database: str = "agentsight"
    host: str = "127.0.0.1"
    port: int = 8686
    grpc_port: int = 4317
    http_port: int = 4318
    token: str | None = None
    label: str = ""


@dataclass(frozen=True)
class Running:
    """Where what runs is to be found.

    Attributes:
        page_url: Without the token.
        clickhouse_url: With the password.
        grpc_port: As bound.
        http_port: As bound.
        collector: The real collector's binary; None where the small receiver runs.
        lines: What an agent's environment needs to send to here.
    """

    page_url: str
    clickhouse_url: str
    grpc_port: int
    http_port: int
    collector: Path | None
    lines: tuple[str, ...]


def up(settings: UpSettings, ready: Callable[[Running], object]) -> None:
    """Runs everything until SIGINT or SIGTERM, and stops it in order.

    Args:
        settings: What to run.
        ready: Called once, in a thread of its own, when all of it answers.

    Raises:
        ValueError: ``host`` can be reached by other machines and there is no token.
        LocalClickHouseError: A part cannot start, or ended; the message says why and what to do.
    """
    if settings.token is None and not is_loopback(settings.host):
        raise ValueError(
            f"--host {settings.host} lets other machines see every conversation: give a --token that they must know"
        )
    with contextlib.ExitStack() as stack:
        page_socket = stack.enter_context(_listening(settings.host, settings.port, "page", "--port"))
        # Held until whoever takes OTLP starts, so that a conflict shows before anything else has been started.
        with _listening(OTLP_HOST, settings.grpc_port, "OTLP gRPC", "--grpc-port") as probe:
            grpc_port = probe.getsockname()[1]
        http_socket = stack.enter_context(_listening(OTLP_HOST, settings.http_port, "OTLP HTTP", "--http-port"))
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


def _listening(host: str, port: int, what: str, option: str) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise PortTaken(
            f"{what} port {port} on {host} cannot be had ({error.strerror or error}): stop what listens there (perhaps"
            f" another agentsight-otel up, or a collector), or choose another with {option}; 0 = any free one"
        ) from None


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
        url = clickhouse.url(settings.database)
        http_port = http_socket.getsockname()[1]
        binary = find_collector()
        collector: CollectorProcess | None = None
        if binary is not None:
            http_socket.close()
            collector = CollectorProcess(
                binary, clickhouse, settings.database, grpc_port=grpc_port, http_port=http_port
            )
            stack.callback(collector.stop)
            await asyncio.to_thread(collector.start)
        else:
            await stack.enter_async_context(_receiving(url, grpc_port, http_socket))
        lines = (
            f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://{OTLP_HOST}:{http_port}",
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            "export OTEL_SERVICE_NAME=my-agent",
        )
        host, port = page_socket.getsockname()[:2]
        page = page_app(
            PageSettings(
                url, names=("localhost", settings.host), token=settings.token, lines=lines, label=settings.label
            )
        )
        await stack.enter_async_context(_serving(page, page_socket))
        page_url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        (clickhouse.home / _PAGE_FILE).write_text(page_url + "\n")
        running = Running(page_url, url, grpc_port, http_port, binary, lines)
        threading.Thread(target=ready, args=(running,), daemon=True, name="agentsight-ready").start()
        while not stop.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)
            if not clickhouse.alive():
                raise StartFailed(f"ClickHouse ended unexpectedly; see {clickhouse.home / 'stderr.log'}")
            if collector is not None and not collector.alive():
                raise CollectorFailed(f"the collector ended unexpectedly; see {collector.log}")


@asynccontextmanager
async def _receiving(url: str, grpc_port: int, http_socket: socket.socket) -> AsyncIterator[None]:
    inserter = RowInserter(url)
    writer = Writer(inserter.insert)
    try:
        grpc_server, _ = await start_grpc(writer, OTLP_HOST, grpc_port)
        try:
            async with _serving(http_app(writer), http_socket):
                yield
        finally:
            await grpc_server.stop(_GRACE_S)
    finally:
        await writer.close()
        inserter.close()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: two of them run here, and stop in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    server = _Server(
        uvicorn.Config(app, log_level="warning", access_log=False, server_header=False,
                       timeout_graceful_shutdown=int(_GRACE_S), ws="none")
    )  # fmt: skip
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if task.done():
                await task
                raise StartFailed("the web server ended while starting")
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task
