"""The shop whose agents these are: its two tools, of which one fails, and a customer who asks three times."""

import asyncio
from collections.abc import Awaitable, Callable

PAUSE_S = 0.5
"""What a person needs to read an answer, at least: turns that follow each other at once are no conversation's."""


def find_order(order_id: str) -> str:
    """Finds an order."""
    return f"Order {order_id} is shipped."


def contact_human(order_id: str) -> str:
    """Calls a person."""
    raise RuntimeError("nobody is there")


def talk(ask: Callable[[str, bool], str | Awaitable[str]]) -> None:
    """Three turns: the model wants find_order, then contact_human, in a stream; at last it is out of order.

    Args:
        ask: Answers a question, streamed or not; what it raises in the last turn is the SDK's to report.
    """
    asyncio.run(_talk(ask))


async def _talk(ask: Callable[[str, bool], str | Awaitable[str]]) -> None:
    async def answer(question: str, stream: bool) -> str:
        said = ask(question, stream)
        return said if isinstance(said, str) else await said

    for question, stream in (("Where is it? find_order", False), ("A person, please! contact_human", True)):
        assert (await answer(question, stream)).strip(), question
        await asyncio.sleep(PAUSE_S)
    try:
        await answer("break", False)
    except Exception as error:
        assert "out of order" in str(error), repr(error)
    else:
        raise AssertionError("the model should have failed")
