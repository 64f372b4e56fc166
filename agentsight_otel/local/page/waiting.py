"""Cancels the work for a response when the browser no longer waits for it."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")


class NobodyWaits(Exception):
    """The browser has closed the connection, for example to request something else."""


async def while_waited_for(request: Request, answer: Coroutine[Any, Any, T]) -> T:
    """Awaits a response, and cancels it as soon as the browser closes the connection.

    Args:
        request: The request; its body, if it has one, must have been read.
        answer: The coroutine that computes the response; cancelling it ends its queries.

    Raises:
        NobodyWaits: The browser closed the connection.
    """
    working = asyncio.create_task(answer)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise NobodyWaits
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.gather(working, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
