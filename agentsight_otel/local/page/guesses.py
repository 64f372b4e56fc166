"""Limits the number of wrong tokens in a minute."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_GUESSES = 10
WINDOW_S = 60.0
_MOST_ADDRESSES = 10_000
_UNGUESSABLE_LENGTH = 22
"""The length from which on a token cannot be guessed: that of ``secrets.token_urlsafe(16)``, with 128 bits."""


class Guesses:
    """Counts wrong tokens by the address that they came from; of IPv6 by its first 64 bits, which are one network's.

    Args:
        token: The right token. One that is too long to be guessed is accepted even from an address that sends many
            wrong ones, so that another user of the same machine cannot lock its owner out.
        clock: Returns seconds of a clock that never goes back.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_guessable = len(token) < _UNGUESSABLE_LENGTH
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def refuses(self, address: str) -> bool:
        """Whether tokens from this address are refused without being checked."""
        return self._is_guessable and self.too_many(address)

    def too_many(self, address: str) -> bool:
        """Whether too many wrong tokens came from this address within the last minute."""
        count, since = self._wrong.get(_network(address), (0, 0.0))
        return count >= MOST_GUESSES and self._clock() - since < WINDOW_S

    def wrong(self, address: str) -> None:
        """Counts a wrong token from this address."""
        now = self._clock()
        address = _network(address)
        count, since = self._wrong.pop(address, (0, now))
        self._wrong[address] = (count + 1, since) if now - since < WINDOW_S else (1, now)
        if len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4 or parsed.ipv4_mapped is not None:
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
