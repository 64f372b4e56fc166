"""Returns memory that was needed only briefly to the system."""

import ctypes
import sys
from typing import Any

_libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
_ARENAS, _MAPPED_FROM = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of malloc.h
_MAPPED_FROM_BYTES = 256 * 1024


def keep_memory_low() -> None:
    """Makes glibc's allocator keep little freed memory; does nothing with other C libraries.

    By default it keeps an arena for each thread, and after the first large body it allocates others of that size in the
    arenas, whose freed memory is not returned to the system.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_ARENAS, 2)
        _libc.mallopt(_MAPPED_FROM, _MAPPED_FROM_BYTES)


def give_back_memory() -> None:
    """Returns freed memory to the system; does nothing without glibc."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
