"""The process that is the server. Run as a script, with the home folder and a pipe's descriptor as arguments.

``SYSTEM START LISTEN`` opens the ordinary HTTP and TCP servers of the ClickHouse inside chdb-core; the last statement
sleeps for good. The extension file is loaded without ``import chdb``, which would open an engine of its own first.

The statements run as user ``default``, who has no password. Nobody else can log in as ``default`` because one session
is all that this user may have, so that session must not end before the process does: no statement ever returns, and a
thread ends the process when the parent closes the pipe, or ends for any reason.
"""

import ctypes
import importlib.machinery
import importlib.util
import os
import platform
import signal
import sys
import threading
import time

_PORTS = "ports.tsv"
_LOOK_EVERY_MS, _LOOK_EVERY_MS_AT_START = 1000, 20
_LET_IN_S = 0.0002
_STATEMENTS = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP;"
    f" SELECT getServerPort('http_port'), getServerPort('tcp_port') INTO OUTFILE '{_PORTS}' TRUNCATE FORMAT TSV;"
    " SELECT sleep(1e9) SETTINGS function_sleep_max_microseconds_per_block = 0"
)

# Landlock, from linux/landlock.h; these system calls have the same numbers on every processor architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_SET_NO_NEW_PRIVILEGES = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_FILE, _TRUNCATE, _DEVICES = 1 << 5, 1 << 8, 1 << 14, 1 << 15
_CONNECT_TCP, _CONNECT_SINCE = 1 << 1, 4
_RIGHTS_BY_VERSION = {2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICES
_READ = _READ_FILE | _READ_FOLDER
_READABLE = (
    "/proc", "/sys", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/localtime", "/etc/hosts",
    "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/ld.so.cache",
)  # fmt: skip
_DEVICE_FILES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_CONFIGURATION = ("config.xml", "users.xml", "config.d", "users.d")


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _Handled(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64))


class _Polled(ctypes.Structure):
    _fields_ = (("descriptor", ctypes.c_int), ("events", ctypes.c_short), ("found", ctypes.c_short))


def main() -> None:
    """Runs the server until the pipe is closed."""
    home, pipe = sys.argv[1], int(sys.argv[2])
    os.umask(0o077)
    # Python's own handler sets only a flag, which the main thread, busy in the extension, would never read.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    candidates = (os.path.join(folder, "chdb", "_chdb.abi3.so") for folder in sys.path)  # noqa: PTH118
    extension = next(path for path in candidates if os.path.exists(path))  # noqa: PTH110
    loader = importlib.machinery.ExtensionFileLoader("_chdb", extension)
    spec = importlib.util.spec_from_file_location("_chdb", extension, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    os.chdir(home)  # config.xml is read from the working directory
    if not _confine(home):
        print("not confined: this system has no Landlock, so the server could read what its user can", file=sys.stderr)
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    # Errors are written to stderr; the call raises none.
    module.query(_STATEMENTS, "TabSeparated", path=os.path.join(home, "data"))  # noqa: PTH118
    os._exit(1)


def _end_with(pipe: int) -> None:
    """Ends the process when the other end of the pipe is closed.

    It waits without releasing Python's global interpreter lock: ClickHouse's table function ``python()`` waits for the
    lock, and with it would crash the server. Only the main thread gets the lock, for a moment now and then, so that it
    can end the process where its statements failed.
    """
    sys.setswitchinterval(1e6)
    keeping = ctypes.PyDLL(None)
    polled = _Polled(pipe, 1, 0)
    every_ms = _LOOK_EVERY_MS_AT_START
    while keeping.poll(ctypes.byref(polled), 1, every_ms) <= 0:
        if _threads() <= 2:
            time.sleep(_LET_IN_S)
        if every_ms != _LOOK_EVERY_MS and os.path.exists(_PORTS):  # noqa: PTH110
            every_ms = _LOOK_EVERY_MS
    os._exit(0)


def _threads() -> int:
    """The number of threads that have the global interpreter lock or wait for it."""
    python = ctypes.pythonapi
    python.PyInterpreterState_Get.restype = ctypes.c_void_p
    python.PyInterpreterState_ThreadHead.restype = python.PyThreadState_Next.restype = ctypes.c_void_p
    count, state = 0, python.PyInterpreterState_ThreadHead(ctypes.c_void_p(python.PyInterpreterState_Get()))
    while state:
        count, state = count + 1, python.PyThreadState_Next(ctypes.c_void_p(state))
    return count


def _confine(home: str) -> bool:
    """Restricts this process to its folder by the kernel's Landlock, irrevocably; False where that is not supported.

    ClickHouse's function ``file()``, which needs no grant here, can then read only the databases, and no program can be
    started. Nor can the process connect to other addresses, unless ``config.d`` exists, which may configure a cluster.
    """
    if platform.system() != "Linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 2:  # the first one forbids all renaming from one folder to another
        return False
    handled = max(rights for since, rights in _RIGHTS_BY_VERSION.items() if since <= version)
    alone = version >= _CONNECT_SINCE and not os.path.exists("config.d")  # noqa: PTH110
    restrictions = _Handled(handled, _CONNECT_TCP if alone else 0)
    size = 16 if version >= _CONNECT_SINCE else 8
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(restrictions), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False

    def allow(path: str, rights: int) -> None:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        if not os.path.isdir(path):  # noqa: PTH112
            rights &= _OF_FILES
        beneath = _Beneath(rights & handled, folder)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(beneath), 0)
        os.close(folder)

    for path in (*_READABLE, *_CONFIGURATION):
        allow(path, _READ)
    for path in _DEVICE_FILES:
        allow(path, _READ_FILE | _WRITE_FILE)
    allow("data", handled & ~_EXECUTE)
    # For logs and ports.tsv; without the right to read, because the folder also has the passwords.
    allow(home, _READ_FOLDER | _WRITE_FILE | _MAKE_FILE | _REMOVE_FILE | _TRUNCATE)
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)


if __name__ == "__main__":
    main()
