"""Undelivered spans on disk: kept at exit, delivered by the next process that starts with the same folder.

A file is one OTLP request in protobuf, written under another name first and then renamed; its name ends in its
checksum. A process that delivers a file holds a lock on it, which the system releases when the process dies.
"""

import os
import secrets
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from agentsight_otel._core.guard import guard, say
from agentsight_otel._export.batches import Ticket
from agentsight_otel._export.span_sizes import resource_wire_bytes, wire_bytes
from agentsight_otel._export.spool_format import decode_spans, encode_spans

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUPPORTED = fcntl is not None
"""Whether this system has the locks that a spool needs."""

_SUFFIX = ".otlp"
_BROKEN = ".broken"
_ABANDONED_AFTER_S = 3_600


class Spool:
    """A folder of undelivered spans, safe with several processes.

    Args:
        folder: The folder; where it does not exist, it is created for its owner only.
        max_bytes: The most bytes of all files in it; further spans are dropped.
        max_file_bytes: The most bytes of one file.
    """

    def __init__(self, folder: Path, *, max_bytes: int, max_file_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_file_bytes = max_file_bytes
        self._tried: set[str] = set()
        self._made()

    def keep(self, spans: list[ReadableSpan]) -> int:
        """Stores spans, as far as there is room; returns how many, from the first on. Raises OSError where it fails."""
        if not self._made():
            return 0
        kept = 0
        with self._locked():
            used = sum(size for _, size in self._files(_SUFFIX, _BROKEN))
            for part in self._parts(spans):
                data = encode_spans(part)
                if used + len(data) > self._max_bytes:
                    say("spool full", f"{self._folder}: the spool's {self._max_bytes} bytes are full")
                    break
                try:
                    self._write(data)
                except OSError as error:
                    say("spool", f"{self._folder}: undelivered spans cannot be kept: {error}")
                    break
                used += len(data)
                kept += len(part)
        return kept

    def _made(self) -> bool:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            say("spool", f"spool_dir: {self._folder}: undelivered spans cannot be kept: {error}")
            return False
        return True

    def has_files(self) -> bool:
        """Whether the folder has files to deliver."""
        return bool(self._files(_SUFFIX))

    def take(self) -> Ticket | None:
        """The spans of a file that no other process is delivering; None if there is none."""
        with guard("reading the spool"):
            self._sweep()
            for name, _ in self._files(_SUFFIX):
                if name not in self._tried:
                    self._tried.add(name)
                    if (ticket := self._open(self._folder / name)) is not None:
                        return ticket
        return None

    def _parts(self, spans: list[ReadableSpan]) -> Iterator[list[ReadableSpan]]:
        part: list[ReadableSpan] = []
        size = 0
        for span in spans:
            more = wire_bytes(span) + (
                0 if part and part[-1].resource is span.resource else resource_wire_bytes(span.resource)
            )
            if part and size + more > self._max_file_bytes:
                yield part
                part, size = [], 0
            part.append(span)
            size += more
        if part:
            yield part

    def _write(self, data: bytes) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}-{zlib.crc32(data):08x}{_SUFFIX}"
        unfinished = self._folder / f"{name}.tmp"
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._folder / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def _open(self, path: Path) -> Ticket | None:
        try:
            # Non-blocking, in case the file has become a pipe.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            file = os.fdopen(descriptor, "rb")
        except OSError:  # another process has delivered it meanwhile
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_nlink == 0:
                raise BlockingIOError
        except OSError:
            file.close()
            return None
        data = file.read()
        try:
            if f"{zlib.crc32(data):08x}" != path.stem.rpartition("-")[2]:
                raise ValueError("its checksum is wrong")
            spans = decode_spans(data)
        except Exception as error:
            aside = path.with_suffix(_BROKEN)
            say("spool broken", f"{path}: set aside as {aside.name}: {error}")
            with guard("setting a broken spool file aside"):
                path.replace(aside)
            file.close()
            return None
        return _File(path, file, spans)

    def _files(self, *suffixes: str) -> list[tuple[str, int]]:
        try:
            with os.scandir(self._folder) as entries:
                return sorted(
                    (entry.name, entry.stat().st_size)
                    for entry in entries
                    # Only regular files: opening a pipe, for example, would block.
                    if entry.name.endswith(suffixes) and entry.is_file(follow_symlinks=False)
                )
        except OSError:
            return []

    def _sweep(self) -> None:
        """Removes incomplete files of processes that died while writing."""
        for name, _ in self._files(".tmp"):
            path = self._folder / name
            with guard("clearing the spool"):
                if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                    path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class _File:
    """A file that is being delivered; it is removed once all its spans are settled."""

    def __init__(self, path: Path, file: Any, spans: list[ReadableSpan]) -> None:
        self._path, self._file = path, file
        self._left = len(spans)
        self.spans = spans

    def done(self, spans: int) -> None:
        self._left -= spans
        if self._left <= 0:
            self._path.unlink(missing_ok=True)
            self._file.close()

    def release(self) -> None:
        self._file.close()
