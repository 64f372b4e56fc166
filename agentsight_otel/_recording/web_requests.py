"""Web requests: a conversation that any part of one makes current, in whichever thread, is that of the whole request.

Applications of Starlette, FastAPI, Flask and Django are recognised automatically; for others, and to read the visitor's
device, language and address, use the middlewares of ``agentsight_otel.integrations``.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

import wrapt

from agentsight_otel._core.guard import swallow
from agentsight_otel._tracing import runtime, surroundings
from agentsight_otel._tracing.surroundings import Surroundings

_MARK = "agentsight_otel.request"
"""The key in an ASGI scope or a WSGI environ that marks a request as recognised, so that no other layer handles it."""

_APPLICATIONS = {
    "starlette.applications": "Starlette.__call__",
    "django.core.handlers.asgi": "ASGIHandler.__call__",
    "flask.app": "Flask.__call__",
    "django.core.handlers.wsgi": "WSGIHandler.__call__",
}
_watched = False


def watch() -> None:
    """Patches the frameworks above, once they are imported, so that requests are recognised; imports none of them."""
    global _watched
    if not _watched:
        _watched = True
        for module in _APPLICATIONS:
            wrapt.register_post_import_hook(_wrap, module)


def _wrap(module: Any) -> None:
    try:
        wrapt.wrap_function_wrapper(module, _APPLICATIONS[module.__name__], _call)
    except Exception as error:
        swallow("recognising web requests", error)


def _call(application: Callable[..., Any], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # The application is not called inside the guard: an error of its own would have it called twice.
    request: Surroundings | None = None
    asgi = False
    try:
        if args and not kwargs and runtime.current().enabled and not args[0].get(_MARK):
            asgi = "type" in args[0] and len(args) == 3
            if not asgi or args[0]["type"] in ("http", "websocket"):
                request = surroundings.of_request()
    except Exception as error:
        swallow("recognising a web request", error)
    if request is None:
        return application(*args, **kwargs)
    return asgi_request(application, request, *args) if asgi else wsgi_request(application, request, *args)


async def asgi_request(
    application: Callable[..., Awaitable[None]],
    request: Surroundings,
    scope: MutableMapping[str, Any],
    receive: Any,
    send: Any,
) -> None:
    """Handles one request or websocket; raises what the application raises."""
    scope[_MARK] = True
    try:
        with request:
            await application(scope, receive, send)
    finally:
        request.end()


def wsgi_request(
    application: Callable[..., Iterable[bytes]],
    request: Surroundings,
    environ: MutableMapping[str, Any],
    start_response: Any,
) -> Iterable[bytes]:
    """Handles one request; raises what the application raises."""
    environ[_MARK] = True
    wrap_file = environ.get("wsgi.file_wrapper")
    files: list[object] = []
    if wrap_file is not None and not isinstance(wrap_file, type):  # of uWSGI: what it returns cannot be recognised

        def noting(*args: Any) -> Any:
            files.append(wrap_file(*args))
            return files[-1]

        environ["wsgi.file_wrapper"] = noting
    goes_on = False
    try:
        with request:
            body = application(environ, start_response)
        is_file = isinstance(wrap_file, type) and isinstance(body, wrap_file)
        if is_file or isinstance(body, (list, tuple)) or any(body is file for file in files):
            return body  # the application has finished, and servers send such bodies faster
        goes_on = True
        return _Body(body, request)
    finally:
        if not goes_on:
            request.end()


class _Body:
    """A streamed response; the request's conversation is current only within each step."""

    def __init__(self, body: Iterable[bytes], request: Surroundings) -> None:
        self._body = body
        self._steps: Iterator[bytes] | None = None
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._request:
            if self._steps is None:
                self._steps = iter(self._body)
            return next(self._steps)

    def close(self) -> None:
        """Closes the application's body; the server calls it."""
        try:
            if (close := getattr(self._body, "close", None)) is not None:
                with self._request:
                    close()
        finally:
            self._request.end()
