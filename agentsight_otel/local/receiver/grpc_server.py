"""OTLP over gRPC: the trace service."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import grpc

from agentsight_otel.local.ports import listening
from agentsight_otel.local.receiver.errors import MalformedRequest, Refused, TooLarge, TooSlow, Unavailable
from agentsight_otel.local.receiver.grpc_front import front
from agentsight_otel.local.receiver.http_app import response_to
from agentsight_otel.local.receiver.intake import Intake
from agentsight_otel.local.receiver.limits import IDLE_S, MAX_GRPC_BYTES, MAX_RECEIVING_CALLS
from agentsight_otel.local.receiver.protobuf_spans import parse_protobuf
from agentsight_otel.local.receiver.unpacking import unpacker
from agentsight_otel.local.receiver.writer import Writer

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_MAX_CONCURRENT, _MAX_STREAMS = 256, 32
_QUIET_MS = 15_000
# The first bytes of gzip and zlib. No ExportTraceServiceRequest begins with them.
_GZIP_MAGIC, _ZLIB_MAGIC = b"\x1f\x8b", b"\x78"


class GrpcServer:
    """The running server."""

    def __init__(self, server: Any, connections: asyncio.Server, folder: str) -> None:
        self._server = server
        self._connections = connections
        self._folder = folder

    @property
    def port(self) -> int:
        """The port."""
        return int(self._connections.sockets[0].getsockname()[1])

    async def stop(self, grace_s: float) -> None:
        """Ends; running calls may take as long as ``grace_s``."""
        self._connections.close()
        await self._server.stop(grace_s)
        shutil.rmtree(self._folder, ignore_errors=True)


async def start_grpc(
    writer: Writer, intake: Intake, host: str, port: int, *, own_port: str = "--grpc-port"
) -> GrpcServer:
    """Starts the server behind port 4317.

    Args:
        writer: Stores the requests.
        intake: Bounds them.
        host: The address to listen on.
        port: The port; 0 lets the system choose.
        own_port: The command's option for another port, for the error message.

    Raises:
        PortTaken: Another program listens on the port.
    """
    calls = _Calls(intake)

    async def export(requests: AsyncIterator[bytes], context: Any) -> bytes:
        try:
            return await calls.answer_to(requests, writer)
        except (MalformedRequest, TooLarge, Refused) as error:
            code, message = grpc.StatusCode.INVALID_ARGUMENT, str(error)
        except TooSlow as error:
            code, message = grpc.StatusCode.DEADLINE_EXCEEDED, str(error)
        except Unavailable as error:
            code, message = grpc.StatusCode.UNAVAILABLE, str(error)
        await context.abort(code, message)
        raise AssertionError("abort raises")

    server = grpc.aio.server(
        maximum_concurrent_rpcs=_MAX_CONCURRENT,
        options=[
            # The default of 4 MiB would refuse, and so lose, a batch of long messages.
            ("grpc.max_receive_message_length", MAX_GRPC_BYTES),
            # Messages are unpacked here instead, within limits, and one after another.
            ("grpc.per_message_decompression", 0),
            ("grpc.max_concurrent_streams", _MAX_STREAMS),
            ("grpc.server_handshake_timeout_ms", _QUIET_MS),
            ("grpc.max_connection_idle_ms", _QUIET_MS),
        ],
    )
    # Without a deserializer, because gRPC answers malformed bytes with INTERNAL. As a stream of one message, which is
    # the same on the wire, the message can be awaited with a timeout.
    handlers = {"Export": grpc.stream_unary_rpc_method_handler(export)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    reached = listening(host, port, "OTLP gRPC", own_port)
    folder = tempfile.mkdtemp(prefix="agentsight-")  # which only this user can enter
    path = f"{folder}/grpc"
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    return GrpcServer(server, await asyncio.get_running_loop().create_server(front(path), sock=reached), folder)


class _Calls:
    """The calls whose message is arriving: a limited number, of which the one that takes longest makes room first."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._receiving: dict[asyncio.Task[Any], bool] = {}

    async def answer_to(self, requests: AsyncIterator[bytes], writer: Writer) -> bytes:
        """Stores the message of a call, and returns the response.

        Raises:
            MalformedRequest, TooLarge, TooSlow, Unavailable, Refused: The message, or a part of it, is not stored.
        """
        body = await self._message(requests)
        encoding = "gzip" if body[:2] == _GZIP_MAGIC else "deflate" if body[:1] == _ZLIB_MAGIC else ""
        with self._intake.holding(len(body)):
            rejections = await writer.store(body, unpacker(encoding), parse_protobuf)
        return response_to(rejections).SerializeToString()

    async def _message(self, requests: AsyncIterator[bytes]) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        waiting = [each for each, has_to_go in self._receiving.items() if not has_to_go]
        if len(waiting) >= MAX_RECEIVING_CALLS:
            self._receiving[waiting[0]] = True
            waiting[0].cancel()
        self._receiving[task] = False
        try:
            body = await asyncio.wait_for(requests.__anext__(), IDLE_S)
            if await asyncio.wait_for(anext(requests, None), IDLE_S) is not None:
                raise MalformedRequest("expected one message")
            if self._receiving[task]:  # wait_for loses a cancellation that comes together with a message
                raise _made_room()
            return body
        except StopAsyncIteration:
            raise MalformedRequest("expected a message") from None
        except asyncio.TimeoutError:
            raise TooSlow("the message did not arrive in time") from None
        except asyncio.CancelledError:
            if self._receiving[task]:
                if hasattr(task, "uncancel"):  # since Python 3.11
                    task.uncancel()
                raise _made_room() from None
            raise
        finally:
            del self._receiving[task]


def _made_room() -> TooSlow:
    return TooSlow("the message stood still and had to make room for others")
