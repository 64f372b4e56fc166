"""The routes of the page."""

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from agentsight_otel.clickhouse.catalogue import BY_VIEW, CATALOGUE, FILTER_LABELS, WEEKDAYS, Unit
from agentsight_otel.clickhouse.client import ClickHouseConnectionError
from agentsight_otel.clickhouse.metrics import METRICS
from agentsight_otel.clickhouse.typed.views import question
from agentsight_otel.clickhouse.window import Window
from agentsight_otel.local.page import conversations, first_run, transcript
from agentsight_otel.local.page.access import Guard
from agentsight_otel.local.page.bodies import TooSlow, small_body
from agentsight_otel.local.page.database import Database, plain
from agentsight_otel.local.page.url_parameters import DEFAULT_RANGE, PAGE_SIZE, list_of, since_of, window_of
from agentsight_otel.local.page.waiting import NobodyWaits, while_waited_for

A = TypeVar("A")
B = TypeVar("B")
_STATIC = Path(__file__).resolve().parent.parent / "static"
_PAGES = ("/", "/conversations", "/conversation")
_TEXTS = (Unit.TEXT, Unit.COUNTRY)
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class PageSettings:
    """The settings of the page.

    Attributes:
        clickhouse_url: The URL of a database with the schema.
        names: Host names to answer to, besides IP addresses.
        token: The token that every request needs; None for no token.
        lines: The settings with which an agent sends to here; shown while the database is empty.
        label: A text beside the title, such as "demo"; '' for none.
        cookie_key: The key of the cookies of browsers that have signed in; with another key they sign in again.
        writer_url: The URL with a user who may change the table ``escalation_tools``; None where the page may not.
    """

    clickhouse_url: str
    names: tuple[str, ...] = ("localhost",)
    token: str | None = None
    lines: tuple[str, ...] = field(default_factory=tuple)
    label: str = ""
    cookie_key: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    writer_url: str | None = None


def page_app(settings: PageSettings) -> Starlette:
    """The application behind port 8686."""
    database = Database(settings.clickhouse_url, settings.writer_url)

    async def about(request: Request) -> Response:
        return _json(
            {
                "metrics": [_without_enums(asdict(metric)) for metric in CATALOGUE],
                "filters": dict(FILTER_LABELS),
                "weekdays": WEEKDAYS,
                "default_range": DEFAULT_RANGE,
                "page_size": PAGE_SIZE,
                "most_spans": transcript.MAX_SPANS,
                "lines": settings.lines,
                "first_run": {"python": first_run.PYTHON, "others": first_run.OTHERS},
                "label": settings.label,
            }
        )

    async def overview(request: Request) -> Response:
        window = window_of(request.query_params)

        async def lines() -> AsyncIterator[str]:
            try:
                # The revision is read before the figures, so that spans that arrive in between count as new.
                yield _line({"window": _window(window), "revision": await database.revision()})
                async for part in database.overview(window):
                    yield _line(part)
                yield _line({"done": True})
            except (ClickHouseError, ClickHouseConnectionError) as error:
                yield _line({"error": _said(error)})

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def conversation_list(request: Request) -> Response:
        window, wanted = window_of(request.query_params), list_of(request.query_params)
        listed, facets = await while_waited_for(
            request,
            _both(database.conversation_list(window, wanted), database.facets(window, wanted)),
        )
        return await _large_json({"window": _window(window), **listed, "facets": facets})

    async def conversation(request: Request) -> Response:
        conversation_id, since = request.query_params.get("id", ""), since_of(request.query_params)
        document = await while_waited_for(request, database.conversation(conversation_id, since))
        return (
            _json({"error": "there is no such conversation"}, 404) if document is None else await _large_json(document)
        )

    async def neighbours(request: Request) -> Response:
        window, wanted = window_of(request.query_params), list_of(request.query_params)
        conversation_id = request.query_params.get("id", "")
        return _json(await while_waited_for(request, database.neighbours(conversation_id, window, wanted)))

    async def escalation_tools(request: Request) -> Response:
        if request.method == "POST":
            # Only scripts of this page can send JSON: a form of another site would need a preflight request.
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return _json({"error": "expected application/json"}, 415)
            try:
                change = json.loads(await small_body(request))
                tool, counts = change["tool"], change["counts"]
            except (ValueError, TypeError, KeyError, RecursionError):
                return _json({"error": 'expected {"tool": "its name", "counts": true or false}'}, 400)
            if not isinstance(tool, str) or not isinstance(counts, bool):
                return _json({"error": "tool: expected a text; counts: true or false"}, 400)
            try:
                await database.change_escalation(tool, counts=counts)
            except PermissionError as error:
                return _json({"error": str(error)}, 403)
        return _json(await while_waited_for(request, database.escalation()))

    async def models(request: Request) -> Response:
        window = window_of(request.query_params)
        return _json({"rows": await while_waited_for(request, database.models(window))})

    async def left_out(request: Request) -> Response:
        window = window_of(request.query_params)
        return _json({"rows": await while_waited_for(request, database.left_out(window))})

    async def revision(request: Request) -> Response:
        return _json({"revision": await database.revision()})

    async def export(request: Request) -> Response:
        what, kind = request.path_params["what"], request.path_params["kind"]
        if kind not in _MEDIA_TYPES:
            return _json({"error": f"format {kind!r}: expected one of {', '.join(_MEDIA_TYPES)}"}, 404)
        if what == "transcript":
            texts: Sequence[str] = ["conversation_id", "content"]
            sql, parameters = transcript.TRANSCRIPT_SQL, {"id": request.query_params.get("id", "")}
        else:
            window = window_of(request.query_params)
            if what == "conversations":
                wanted = list_of(request.query_params)
                selected, parameters = conversations.selection(window, wanted)
                sql, texts = conversations.export_sql(selected, wanted), conversations.TEXT_COLUMNS
            elif what in METRICS:
                metric = question(what, window)
                sql, parameters = metric.sql, metric.parameters
                texts = [column.name for column in BY_VIEW[what].columns if column.unit in _TEXTS]
            else:
                return _json({"error": f"no export {what!r}"}, 404)
        return StreamingResponse(
            await while_waited_for(request, database.export(sql, parameters, texts, kind)),
            media_type=_MEDIA_TYPES[kind],
            headers={"Content-Disposition": f'attachment; filename="{what}.{kind}"'},
        )

    async def page(request: Request) -> Response:
        return _page()

    async def not_found(request: Request, error: Exception) -> Response:
        """The response 404: the page itself for people, a sentence in JSON for scripts."""
        if request.url.path.startswith(("/api/", "/static/")):
            return _json({"error": f"there is nothing at {request.url.path[:200]}"}, 404)
        return _page(404)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        database.close()

    return Starlette(
        routes=[
            *(Route(path, page) for path in _PAGES),
            Route("/api/about", about),
            Route("/api/overview", overview),
            Route("/api/conversations", conversation_list),
            Route("/api/conversation", conversation),
            Route("/api/neighbours", neighbours),
            Route("/api/escalation", escalation_tools, methods=["GET", "POST"]),
            Route("/api/models", models),
            Route("/api/left-out", left_out),
            Route("/api/revision", revision),
            Route("/api/export/{what}.{kind}", export),
            Mount("/static", _Static(directory=_STATIC)),
        ],
        middleware=[Middleware(Guard, names=settings.names, token=settings.token, cookie_key=settings.cookie_key)],
        exception_handlers={
            404: not_found,
            ValueError: _wrong,
            ClickHouseError: _failed,
            ClickHouseConnectionError: _failed,
            NobodyWaits: _unheard,
            ClientDisconnect: _unheard,
            TooSlow: _slow,
        },
        lifespan=lifespan,
    )


def _page(status: int = 200) -> Response:
    return FileResponse(_STATIC / "index.html", status, headers={"Cache-Control": "no-cache"})


class _Static(StaticFiles):
    """Static files that a browser revalidates each time, so that a new version of the package is used at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _wrong(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 400)


async def _failed(request: Request, error: Exception) -> Response:
    return _json({"error": _said(error)}, 503)


async def _slow(request: Request, error: Exception) -> Response:
    response = _json({"error": str(error)}, 408)
    response.headers["Connection"] = "close"
    return response


async def _unheard(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    return await asyncio.gather(first, second)


async def _large_json(content: Any) -> Response:
    """A JSON response that is encoded in a thread, because that may take long."""
    return await asyncio.to_thread(_json, content)


def _said(error: Exception) -> str:
    return str(error).splitlines()[0][:500] if str(error) else type(error).__name__


def _window(window: Window) -> dict[str, str]:
    return {"from": plain(window.start), "to": plain(window.end), "timezone": window.timezone}


def _without_enums(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_enums(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_enums(item) for item in value]
    return getattr(value, "value", value)


def _json(content: Any, status: int = 200) -> Response:
    return Response(_dumps(content), status, media_type="application/json")


def _line(content: Any) -> str:
    return _dumps(content) + "\n"


def _dumps(content: Any) -> str:
    return json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value
