"""A collector whose disk is small enough to be filled."""

import shlex
import shutil
import subprocess
from pathlib import Path

from tests.backends import missing
from tests.collector.running import Collector


class SmallDisk:
    """A collector whose queue lies on a file system of 24 MB, in a mount namespace of its own.

    Needs no privileges where the kernel lets users have namespaces, and leaves no mount behind.
    """

    def __init__(self, otelcol: Path, folder: Path) -> None:
        unshare = ["unshare", "--user", "--map-root-user", "--mount"]
        if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
            missing("a mount namespace of one's own", "run as root, or set kernel.unprivileged_userns_clone to 1")
        self.queue = folder / "disk"
        self.queue.mkdir()
        self.binary = folder / "otelcol-on-small-disk"
        self.binary.write_text(
            "#!/bin/sh\n"
            f'exec {shlex.join(unshare)} sh -c \'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"\''
            f' {shlex.quote(str(self.queue))} {shlex.quote(str(otelcol))} "$@"\n'
        )
        self.binary.chmod(0o755)

    def inside(self, collector: Collector) -> Path:
        """The queue's folder as the collector sees it."""
        return Path(f"/proc/{collector.pid}/root{self.queue}")
