"""Opens the ports of the local services, and finds out which process has a port that is taken."""

import os
import socket
from pathlib import Path

from agentsight_otel.local.errors import PortTaken

_LISTENS = "0A"


def listening(host: str, port: int, what: str, option: str) -> socket.socket:
    """A listening socket.

    Args:
        host: The address to listen on.
        port: The port; 0 for any free one.
        what: What the port is for, for the error message.
        option: The command's option for another port, for the error message.

    Raises:
        PortTaken: The port is taken; the message says by which process.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise PortTaken(
            f"{what} port {port} on {host} cannot be had ({error.strerror or error}): {who_listens(port)}stop what"
            f" listens there (perhaps another agentsight-otel up, or a collector), or choose another with {option};"
            " 0 = any free one"
        ) from None


def who_listens(port: int) -> str:
    """Which process listens on a port, as the beginning of a sentence; '' where that cannot be found out."""
    listeners = _listeners(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            sockets = {os.readlink(entry) for entry in (process / "fd").iterdir()}  # noqa: PTH115
            if sockets & {f"socket:[{inode}]" for inode in listeners}:
                return f"{(process / 'comm').read_text().strip()} (process {process.name}) has it; "
        except OSError:  # the process is another user's, or has ended
            continue
    for user in listeners.values():
        return f"a process of user {_name_of(user)} has it; "
    return ""


def _listeners(port: int) -> dict[str, int]:
    """The inodes of the sockets that listen on a port, with the ids of the users who own them."""
    users_by_inode: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:  # not Linux
            continue
        for words in map(str.split, lines):
            if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                users_by_inode[words[9]] = int(words[7])
    return users_by_inode


def _name_of(user: int) -> str:
    import pwd  # Windows has none

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
