"""Runs a program that ends with its parent. Run as a script, with a pipe's descriptor and the program's command line.

When the other end of the pipe is closed, or its owner ends for any reason, the program gets SIGTERM, and SIGKILL where
it does not end. On Linux the program gets SIGTERM, too, when this process itself is killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

_END_S = 15.0
_SET_PARENT_DEATH_SIGNAL = 1


def main() -> None:
    """Runs the program until it ends or the pipe is closed."""
    pipe = int(sys.argv[1])
    before_start = _end_with_parent if sys.platform == "linux" else None
    program = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, preexec_fn=before_start)

    def end() -> None:
        while os.read(pipe, 1):
            pass
        program.terminate()
        try:
            program.wait(_END_S)
        except subprocess.TimeoutExpired:
            program.kill()

    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    threading.Thread(target=end, daemon=True).start()
    sys.exit(program.wait())


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


if __name__ == "__main__":
    main()
