"""`python -m local.provider`: start the simulator and keep it up until a signal."""

import argparse
import asyncio
import signal
from pathlib import Path

from local.provider.options import DEFAULT_KEY, Options, Setup
from local.provider.server import Ready, serve


def parse(arguments: list[str] | None = None) -> tuple[Setup, Path | None]:
    """The setup that the command line asks for, and where to write the ready file."""
    parser = argparse.ArgumentParser(prog="python -m local.provider", description=__doc__)
    parser.add_argument("--api-port", type=int, default=0, help="0: a free one")
    parser.add_argument("--cdn-port", type=int, default=0, help="0: a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--key", action="append", help=f"API key, repeatable ({DEFAULT_KEY})")
    parser.add_argument("--time-scale", type=float, default=0.1, help="1: real durations")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--prices", choices=("max", "a", "b"), default="max")
    parser.add_argument("--ready-file", type=Path, help="gets the line that is also printed")
    given = parser.parse_args(arguments)
    setup = Setup(
        host=given.host,
        api_port=given.api_port,
        cdn_port=given.cdn_port,
        keys=tuple(given.key or [DEFAULT_KEY]),
        seed=given.seed,
        options=Options(time_scale=given.time_scale, prices=given.prices),
    )
    return setup, given.ready_file


async def run(setup: Setup, ready_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def announce(ready: Ready) -> None:
        line = ready.model_dump_json()
        if ready_file:
            # Whoever waits for the file must never read half of it.
            partial = ready_file.with_name(f"{ready_file.name}.partial")
            partial.write_text(f"{line}\n")
            partial.replace(ready_file)
        print(line, flush=True)

    await serve(setup, announce, stop)


if __name__ == "__main__":
    asyncio.run(run(*parse()))
