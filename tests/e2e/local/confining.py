"""Whether this kernel can keep a process to its folder."""

import ctypes
import platform


def can_be_confined(since: int = 2) -> bool:
    """Landlock, in the version that the server needs: 2 for files, 4 for connections."""
    return platform.system() == "Linux" and ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= since
