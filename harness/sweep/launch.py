"""Starts a worker that cannot outlive its supervisor: ``launch.py PARENT_PID COMMAND...``.

On Linux the kernel is told to kill this process when its parent dies, and the command then takes its place.
A process of its own does this, since Python code between fork and exec is not safe in a program with threads.
Only the standard library is used, so that it starts quickly.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the command; exit with 1 if the parent is gone already."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
