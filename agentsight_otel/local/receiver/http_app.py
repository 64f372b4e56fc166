"""OTLP over HTTP: ``POST /v1/traces`` in protobuf or JSON, as the OTLP specification says."""

import zlib
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agentsight_otel.exporters.otlp import MalformedRequest, parse_json, parse_protobuf
from agentsight_otel.local.receiver.writer import MAX_REQUEST_BYTES, Refused, Unavailable, Writer

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_PARSERS: dict[str, Callable[[bytes], ExportTraceServiceRequest]] = {_PROTOBUF: parse_protobuf, _JSON: parse_json}
_INVALID_ARGUMENT, _RESOURCE_EXHAUSTED, _UNAVAILABLE = 3, 8, 14
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def http_app(writer: Writer) -> Starlette:
    """The application behind port 4318.

    Args:
        writer: Stores what comes.
    """

    async def traces(request: Request) -> Response:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        parse = _PARSERS.get(media_type)
        if parse is None:
            return Response(f"content-type: expected {_PROTOBUF} or {_JSON}\n", 415, media_type="text/plain")
        try:
            body = await _body(request)
            rejections = await writer.store(body, parse)
        except _TooLarge:
            return _failure(413, _RESOURCE_EXHAUSTED, f"more than {MAX_REQUEST_BYTES} bytes", media_type)
        except _UnknownEncoding as error:
            return _failure(415, _INVALID_ARGUMENT, str(error), media_type)
        except (MalformedRequest, Refused) as error:
            return _failure(400, _INVALID_ARGUMENT, str(error), media_type)
        except Unavailable as error:
            return _failure(503, _UNAVAILABLE, str(error), media_type, {"Retry-After": "1"})
        except ClientDisconnect:
            return Response(status_code=400)
        return _message(200, response_to(rejections), media_type)

    return Starlette(routes=[Route("/v1/traces", traces, methods=["POST"])])


def response_to(rejections: list[str]) -> ExportTraceServiceResponse:
    """The answer to a request that was stored, perhaps but for some spans."""
    if not rejections:
        return ExportTraceServiceResponse()
    return ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(
            rejected_spans=len(rejections), error_message="; ".join(dict.fromkeys(rejections))[:1000]
        )
    )


class _TooLarge(Exception):
    pass


class _UnknownEncoding(Exception):
    pass


async def _body(request: Request) -> bytes:
    """The body, unpacked, never more of it in memory than the limit."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise _UnknownEncoding(f"content-encoding {encoding[:50]!r}: expected gzip or none")
    unpacker = zlib.decompressobj(_GZIP_WINDOW) if encoding == "gzip" else None
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        if unpacker is not None:
            try:
                chunk = unpacker.decompress(chunk, MAX_REQUEST_BYTES - size + 1)
            except zlib.error as error:
                raise MalformedRequest(f"not gzip: {error}") from None
        size += len(chunk)
        if size > MAX_REQUEST_BYTES:
            raise _TooLarge
        parts.append(chunk)
    if unpacker is not None and not unpacker.eof:
        raise MalformedRequest("the gzip stream ends too early")
    return b"".join(parts)


def _failure(status: int, code: int, message: str, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return _message(status, Status(code=code, message=message), media_type, headers)


def _message(status: int, message: Message, media_type: str, headers: Any = None) -> Response:
    content = message.SerializeToString() if media_type == _PROTOBUF else MessageToJson(message, indent=None)
    return Response(content, status, media_type=media_type, headers=headers)
