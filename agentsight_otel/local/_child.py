"""The process that is the server. Run as a script, with the home folder and a pipe's descriptor as arguments.

``SYSTEM START LISTEN`` opens the ordinary HTTP and TCP servers of the ClickHouse inside chdb-core. The last statement
then blocks on reading the pipe, whose other end the parent holds: when the parent closes it, or dies in whatever way,
the query ends and the server with it. The extension file is loaded without ``import chdb``, which would open an
engine of its own first.
"""

import importlib.machinery
import importlib.util
import os
import sys


def main() -> None:
    """Serves until the pipe is closed."""
    home, descriptor = sys.argv[1], int(sys.argv[2])
    candidates = (os.path.join(folder, "chdb", "_chdb.abi3.so") for folder in sys.path)  # noqa: PTH118
    extension = next(path for path in candidates if os.path.exists(path))  # noqa: PTH110
    loader = importlib.machinery.ExtensionFileLoader("_chdb", extension)
    spec = importlib.util.spec_from_file_location("_chdb", extension, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    os.chdir(home)  # config.xml is read from the working directory
    # Errors go to stderr; none is raised.
    module.query(
        "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP;"
        " SELECT getServerPort('http_port'), getServerPort('tcp_port')"
        " INTO OUTFILE 'ports.tsv' TRUNCATE FORMAT TSV;"
        f" SELECT count() FROM file('/dev/fd/{descriptor}', 'LineAsString', 's String')",
        "TabSeparated",
        path=os.path.join(home, "data"),  # noqa: PTH118
    )
    os._exit(0)  # skips interpreter teardown beside native threads


if __name__ == "__main__":
    main()
