"""OTLP over HTTP: ``POST /v1/traces`` in protobuf or JSON, after the OTLP specification."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agentsight_otel.local.hosts import SenderGuard
from agentsight_otel.local.receiver.errors import (
    MalformedRequest,
    Refused,
    TooLarge,
    TooSlow,
    Unavailable,
    UnknownEncoding,
)
from agentsight_otel.local.receiver.intake import Intake
from agentsight_otel.local.receiver.json_spans import parse_json
from agentsight_otel.local.receiver.otlp_rows import Rejections
from agentsight_otel.local.receiver.protobuf_spans import parse_protobuf
from agentsight_otel.local.receiver.sent_spans import Parse
from agentsight_otel.local.receiver.unpacking import unpacker
from agentsight_otel.local.receiver.writer import Writer

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_PARSERS: dict[str, Parse] = {_PROTOBUF: parse_protobuf, _JSON: parse_json}
_INVALID_ARGUMENT, _DEADLINE_EXCEEDED, _RESOURCE_EXHAUSTED, _UNAVAILABLE = 3, 4, 8, 14


def http_app(writer: Writer, intake: Intake, *, origins: Sequence[str] = ()) -> Starlette:
    """The application behind port 4318.

    Args:
        writer: Stores the requests.
        intake: Receives them.
        origins: Origins of web pages that may send. Default: none.
    """

    async def traces(request: Request) -> Response:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        parse = _PARSERS.get(media_type)
        if parse is None:
            return Response(f"content-type: expected {_PROTOBUF} or {_JSON}\n", 415, media_type="text/plain")
        try:
            unpack = unpacker(",".join(request.headers.getlist("content-encoding")))
            async with intake.body_of(request) as body:
                rejections = await writer.store(body, unpack, parse, request.is_disconnected)
        except TooLarge as error:
            return _failure(413, _RESOURCE_EXHAUSTED, str(error), media_type)
        except UnknownEncoding as error:
            return _failure(415, _INVALID_ARGUMENT, str(error), media_type)
        except (MalformedRequest, Refused) as error:
            return _failure(400, _INVALID_ARGUMENT, str(error), media_type)
        except TooSlow as error:
            return _failure(408, _DEADLINE_EXCEEDED, str(error), media_type, {"Connection": "close"})
        except Unavailable as error:
            return _failure(503, _UNAVAILABLE, str(error), media_type, {"Retry-After": "1"})
        except ClientDisconnect:
            return Response(status_code=400)
        return _message(200, response_to(rejections), media_type)

    return Starlette(
        routes=[Route("/v1/traces", traces, methods=["POST"])],
        middleware=[Middleware(SenderGuard, origins=origins)],
    )


def response_to(rejections: Rejections) -> ExportTraceServiceResponse:
    """The response to a request that was stored, with the spans that were left out, if any."""
    if not rejections.count:
        return ExportTraceServiceResponse()
    return ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(
            rejected_spans=rejections.count, error_message="; ".join(rejections.reasons)[:1000]
        )
    )


def _failure(status: int, code: int, message: str, media_type: str, headers: dict[str, str] | None = None) -> Response:
    # A message may quote the request, and half of a surrogate pair cannot be sent.
    text = message.encode("utf-8", "replace").decode()
    return _message(status, Status(code=code, message=text), media_type, headers)


def _message(status: int, message: Message, media_type: str, headers: Any = None) -> Response:
    content = message.SerializeToString() if media_type == _PROTOBUF else MessageToJson(message, indent=None)
    return Response(content, status, media_type=media_type, headers=headers)
