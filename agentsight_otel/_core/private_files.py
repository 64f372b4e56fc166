"""Files that only their owner can read, and that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_LONGEST_NAME = 200


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it gets its name at the end, when all of it is on the disk.

    Args:
        path: Where the file will be; one that is there is replaced.

    Yields:
        The file, open for bytes.

    Raises:
        OSError: It cannot be written; a file that was at ``path`` is still there.
    """
    unfinished = path.with_name(f".{path.name[:_LONGEST_NAME]}.{secrets.token_hex(6)}")
    try:
        with open(unfinished, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # otherwise a crash of the machine can undo the renaming
        finally:
            os.close(folder)
