"""The routes of the page."""

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from agentsight_otel.catalogue import CATALOGUE, FILTER_LABELS, WEEKDAYS, Unit
from agentsight_otel.clickhouse_client import ClickHouseConnectionError
from agentsight_otel.local.page import conversations
from agentsight_otel.local.page.access import Guard
from agentsight_otel.local.page.asked import DEFAULT_RANGE, PAGE_SIZE, list_of, window_of
from agentsight_otel.local.page.database import Database, plain
from agentsight_otel.metrics import METRICS, Window, query_parameters, view_call

_STATIC = Path(__file__).resolve().parent.parent / "static"
_PAGES = ("/", "/conversations", "/conversation")
_TEXTS = (Unit.TEXT, Unit.COUNTRY)
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class PageSettings:
    """What the page is told at start.

    Attributes:
        clickhouse_url: Of a database with the schema.
        names: Host names to answer to, beside addresses.
        token: Demanded of everybody; None = of nobody.
        lines: What an agent needs to send to here, shown while there is nothing to show.
        label: Shown beside the title, such as "demo"; '' = nothing.
    """

    clickhouse_url: str
    names: tuple[str, ...] = ("localhost",)
    token: str | None = None
    lines: tuple[str, ...] = field(default_factory=tuple)
    label: str = ""


def page_app(settings: PageSettings) -> Starlette:
    """The application behind port 8686."""
    database = Database(settings.clickhouse_url)

    async def about(request: Request) -> Response:
        return _json(
            {
                "metrics": [_without_enums(asdict(metric)) for metric in CATALOGUE],
                "filters": dict(FILTER_LABELS),
                "weekdays": WEEKDAYS,
                "default_range": DEFAULT_RANGE,
                "page_size": PAGE_SIZE,
                "most_messages": conversations.MAX_MESSAGES,
                "lines": settings.lines,
                "label": settings.label,
            }
        )

    async def overview(request: Request) -> Response:
        window = window_of(request.query_params)

        async def lines() -> AsyncIterator[str]:
            try:
                # The revision before the figures: what comes between the two is then news.
                yield _line({"window": _window(window), "revision": await database.revision()})
                async for part in database.overview(window):
                    yield _line(part)
                yield _line({"done": True})
            except (ClickHouseError, ClickHouseConnectionError) as error:
                yield _line({"error": _said(error)})

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def conversation_list(request: Request) -> Response:
        window = window_of(request.query_params)
        return _json(
            {
                "window": _window(window),
                **await database.conversation_list(window, list_of(request.query_params)),
                "facets": await database.facets(window),
            }
        )

    async def conversation(request: Request) -> Response:
        found = await database.conversation(request.query_params.get("id", ""))
        return _json({"error": "there is no such conversation"}, 404) if found is None else _json(found)

    async def revision(request: Request) -> Response:
        return _json({"revision": await database.revision()})

    async def export(request: Request) -> Response:
        what, kind = request.path_params["what"], request.path_params["kind"]
        if kind not in _MEDIA_TYPES:
            return _json({"error": f"format {kind!r}: expected one of {', '.join(_MEDIA_TYPES)}"}, 404)
        if what == "transcript":
            texts: Sequence[str] = ["conversation_id", "content"]
            sql, parameters = conversations.TRANSCRIPT_SQL, {"id": request.query_params.get("id", "")}
        else:
            window = window_of(request.query_params)
            if what == "conversations":
                asked = list_of(request.query_params)
                selected, parameters = conversations.selection(window, asked)
                sql, texts = conversations.export_sql(selected, asked), conversations.TEXT_COLUMNS
            elif what in METRICS:
                sql, parameters = f"SELECT * FROM {view_call(what)}", query_parameters(window)
                texts = [
                    column.name
                    for metric in CATALOGUE
                    if metric.view == what
                    for column in metric.columns
                    if column.unit in _TEXTS
                ]
            else:
                return _json({"error": f"no export {what!r}"}, 404)
        return StreamingResponse(
            await database.export(sql, parameters, texts, kind),
            media_type=_MEDIA_TYPES[kind],
            headers={"Content-Disposition": f'attachment; filename="{what}.{kind}"'},
        )

    async def page(request: Request) -> Response:
        return FileResponse(_STATIC / "index.html", headers={"Cache-Control": "no-cache"})

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
            Route("/api/revision", revision),
            Route("/api/export/{what}.{kind}", export),
            Mount("/static", _Static(directory=_STATIC)),
        ],
        middleware=[Middleware(Guard, names=settings.names, token=settings.token)],
        exception_handlers={ValueError: _wrong, ClickHouseError: _failed, ClickHouseConnectionError: _failed},
        lifespan=lifespan,
    )


class _Static(StaticFiles):
    """Static files that a browser asks after each time: another version of the package is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _wrong(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 400)


async def _failed(request: Request, error: Exception) -> Response:
    return _json({"error": _said(error)}, 503)


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
