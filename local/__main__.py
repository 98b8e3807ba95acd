"""`python -m local run` and `python -m local up`: what make run and make up call."""

import argparse
import fcntl
import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local import demo, paths
from local.errors import LocalError
from local.options import Options, read
from local.processes import stop_on_signals
from local.stack import running

TAIL_LINES = 15
LOOK_EVERY_SECONDS = 1.0


def main() -> int:
    """Run the command; 0, or 1 with one sentence that says why and where to look."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=("run", "up"))
    command = parser.parse_args().command
    stop_on_signals()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # also into a pipe
    try:
        run() if command == "run" else up()
    except LocalError as error:
        tell(command, error)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
        return 0 if command == "up" else 130
    return 0


def run() -> None:
    """Start the stack, make a picture by each door, stop."""
    options = read(Options, os.environ)
    picture = read(demo.Picture, os.environ)
    print("Starting the local stack:")
    with running(options, say=print) as stack:
        demo.run(stack, picture, is_real=options.provider == "wavespeed")


def up() -> None:
    """Keep the stack up until it is interrupted, with its addresses in .local/stack.json."""
    options = read(Options, os.environ)
    with only_one():
        paths.STACK_FILE.unlink(missing_ok=True)  # of a stack that was killed
        print("Starting the local stack:")
        with running(options, say=print) as stack:
            try:
                stack.stack.write(paths.STACK_FILE)
                print(stack.stack.model_dump_json(indent=2))
                print(f"Studio: {stack.stack.api_url}/ (its key: api_key)")
                print(f"Up; the same is in {paths.STACK_FILE}. Ctrl-C stops it. Logs: {stack.logs}")
                while True:
                    stack.require_alive()
                    time.sleep(LOOK_EVERY_SECONDS)
            finally:
                paths.STACK_FILE.unlink(missing_ok=True)


@contextmanager
def only_one() -> Iterator[None]:
    """Hold this clone's lock, or say which process holds it; it falls with its holder."""
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


def tell(command: str, error: LocalError) -> None:
    """The reason in one sentence, the end of the log, and where the log is."""
    sys.stdout.flush()
    print(f"\nmake {command} failed: {error}", file=sys.stderr)
    if error.log is None:
        return
    if error.log.is_file():
        for line in error.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]:
            print(f"  | {line}", file=sys.stderr)
    print(f"log: {error.log}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
