"""Files and folders that only their owner can read; files are written atomically."""

import os
import stat
from pathlib import Path
from typing import IO, Any

from agentsight_otel._core.private_files import whole_file
from agentsight_otel.local.errors import FolderNotPrivate

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Names that this product and its documentation put into a data folder: a folder with no others is a data folder.
_OURS = frozenset({"config.xml", "users.xml", "config.d", "users.d", "data", "password", "lock"})


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read. A reader finds the old text or the new one, never a part of it.

    Raises:
        OSError: The file cannot be written; the old text, if any, is still there.
    """
    with whole_file(path) as file:
        file.write(text.encode())


def open_private(path: Path, mode: str) -> IO[Any]:
    """Opens a file for writing; a new file can be read only by its owner."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))


def make_private(folder: Path) -> None:
    """Makes sure that a folder exists, and that no other user of the machine can enter it.

    An existing folder that others can enter is closed to them if it is empty or a data folder. A folder with other
    content may be shared on purpose, and is left as it is.

    Raises:
        FolderNotPrivate: Others can enter the folder, and it has other content than a data folder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not folder.stat().st_mode & _OTHERS:
        return
    names = {path.name for path in folder.iterdir()}
    if folder.stat().st_uid == os.getuid() and (not names or "password" in names or names <= _OURS):
        folder.chmod(0o700)
        return
    raise FolderNotPrivate(
        f"{folder} is open to other users of this machine and holds other things than this product's data: name a"
        f" folder of its own with --data, or run: chmod 700 {folder}"
    )
