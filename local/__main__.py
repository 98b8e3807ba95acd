"""`python -m local run` and `python -m local up`: the commands of `make run` and `make up`."""

import argparse
import fcntl
import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from darkroom_cli.text import escape
from local import demo, paths
from local.errors import LocalError
from local.options import Options, read
from local.processes import stop_on_signals
from local.stack import running

TAIL_LINES = 15
ALIVE_CHECK_SECONDS = 1.0


def main() -> int:
    """Run the command and return its exit code; 1 comes with the reason and the log file."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=("run", "up"))
    command = parser.parse_args().command
    stop_on_signals()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # for pipes
    try:
        run() if command == "run" else up()
    except LocalError as error:
        print_error(command, error)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
        return 0 if command == "up" else 130
    return 0


def run() -> None:
    """Start the stack, run the demo and stop."""
    options = read(Options, os.environ)
    image = read(demo.DemoImage, os.environ)
    print("Starting the local stack:")
    with running(options, say=print) as stack:
        demo.run(stack, image, is_real=options.provider == "wavespeed")


def up() -> None:
    """Run the stack until an interrupt, with its addresses in .local/stack.json."""
    options = read(Options, os.environ)
    with stack_lock():
        paths.STACK_FILE.unlink(missing_ok=True)  # left by a killed stack
        print("Starting the local stack:")
        with running(options, say=print) as stack:
            try:
                stack.stack.write(paths.STACK_FILE)
                print(stack.stack.model_dump_json(indent=2))
                print(f"Studio: {stack.stack.api_url}/#key={stack.stack.api_key}")
                print(f"Stack is up: {paths.STACK_FILE}, logs in {stack.logs}. Ctrl-C stops it.")
                while True:
                    stack.require_alive()
                    time.sleep(ALIVE_CHECK_SECONDS)
            finally:
                paths.STACK_FILE.unlink(missing_ok=True)


@contextmanager
def stack_lock() -> Iterator[None]:
    """Hold the lock of this clone; the end of the process releases it.

    Raises LocalError with the process id of a stack that is already up.
    """
    paths.STATE.mkdir(exist_ok=True)
    with paths.STACK_LOCK.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LocalError(
                f"a stack is already up in this clone (process {lock.read().strip()});"
                f" its addresses are in {paths.STACK_FILE}"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def print_error(command: str, error: LocalError) -> None:
    """Print the reason, the end of the log and the path of the log."""
    sys.stdout.flush()
    print(f"\nmake {command} failed: {escape(str(error))}", file=sys.stderr)
    if error.log is None:
        return
    if error.log.is_file():
        for line in error.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]:
            print(f"  | {escape(line)}", file=sys.stderr)
    print(f"log: {error.log}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
