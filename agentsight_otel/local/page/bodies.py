"""The bodies of requests to the page: small ones, which do not take long to arrive."""

import asyncio

from starlette.requests import Request

_MOST_BYTES = 4096
_LONGEST_S = 10.0


class TooSlow(Exception):
    """The body did not arrive in time."""


async def small_body(request: Request) -> bytes:
    """A request's body.

    Raises:
        ValueError: It has more than 4096 bytes.
        TooSlow: It did not arrive in time.
        starlette.requests.ClientDisconnect: The browser has closed the connection.
    """
    try:
        return await asyncio.wait_for(_read(request), _LONGEST_S)
    except asyncio.TimeoutError:
        raise TooSlow("the body did not arrive in time") from None


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ValueError(f"expected at most {_MOST_BYTES} bytes")
    return body
