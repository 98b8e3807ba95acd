"""Script: request a SIGTERM at the parent's death, then exec the command in the arguments.

A separate script, because code between fork and exec is unsafe in a multi-threaded process.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def exit_with_parent(parent: int) -> None:
    """Request a SIGTERM when the parent dies. Only Linux supports this."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent died before the request
        sys.exit(1)


if __name__ == "__main__":
    exit_with_parent(int(sys.argv[1]))
    os.execvpe(sys.argv[2], sys.argv[2:], os.environ)  # noqa: S606 - no shell
