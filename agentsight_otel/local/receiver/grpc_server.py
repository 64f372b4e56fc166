"""OTLP over gRPC: the trace service."""

from typing import Any

import grpc

from agentsight_otel.exporters.otlp import MalformedRequest, parse_protobuf
from agentsight_otel.local.errors import PortTaken
from agentsight_otel.local.receiver.http_app import response_to
from agentsight_otel.local.receiver.writer import MAX_REQUEST_BYTES, Refused, Unavailable, Writer

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_MAX_CONCURRENT = 64


async def start_grpc(writer: Writer, host: str, port: int) -> tuple[Any, int]:
    """Starts the server behind port 4317.

    Args:
        writer: Stores what comes.
        host: Address to listen on.
        port: 0 lets the system choose.

    Returns:
        The server, whose ``stop`` is a coroutine function, and its port.

    Raises:
        PortTaken: Another program listens there.
    """

    async def export(body: bytes, context: Any) -> bytes:
        try:
            rejections = await writer.store(body, parse_protobuf)
        except (MalformedRequest, Refused) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Unavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        return response_to(rejections).SerializeToString()

    server = grpc.aio.server(
        maximum_concurrent_rpcs=_MAX_CONCURRENT,
        options=[
            # The default of 4 MiB refuses, and so loses, a batch of long messages.
            ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
            # Else a second server shares the port, and takes half of the spans.
            ("grpc.so_reuseport", 0),
        ],
    )
    # Without deserializer: gRPC's own answer to malformed bytes is INTERNAL.
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        bound = 0
    if not bound:
        raise PortTaken(f"OTLP gRPC port {port} is taken: stop what listens there, or choose another with --grpc-port")
    await server.start()
    return server, bound
