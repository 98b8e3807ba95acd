"""Run as a script: ties this process's life to its parent's, then becomes the given command.

A program of its own, because code between fork and exec is unsafe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def exit_with_parent(parent: int) -> None:
    """Ask Linux for a SIGTERM when the parent dies; other systems have no such thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the request was in place
        sys.exit(1)


if __name__ == "__main__":
    exit_with_parent(int(sys.argv[1]))
    os.execvpe(sys.argv[2], sys.argv[2:], os.environ)  # noqa: S606 - no shell is wanted
