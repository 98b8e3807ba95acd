"""`python -m simulator`: run the simulator until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
from pathlib import Path

from simulator.options import DEFAULT_KEY, Options, Setup
from simulator.server import Ready, serve


def parse(arguments: list[str] | None = None) -> tuple[Setup, Path | None]:
    """Return the setup and the path of the ready file, if any."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--api-port", type=int, default=0, help="0: a free port")
    parser.add_argument("--cdn-port", type=int, default=0, help="0: a free port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--key", action="append", help=f"API key, repeatable ({DEFAULT_KEY})")
    parser.add_argument(
        "--time-scale", type=float, default=0.1, help="1: the durations of the real provider"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--prices", choices=("max", "a", "b"), default="max")
    parser.add_argument(
        "--ready-file", type=Path, help="file for the addresses, which are also printed"
    )
    options = parser.parse_args(arguments)
    setup = Setup(
        host=options.host,
        api_port=options.api_port,
        cdn_port=options.cdn_port,
        keys=tuple(options.key or [DEFAULT_KEY]),
        seed=options.seed,
        options=Options(time_scale=options.time_scale, prices=options.prices),
    )
    return setup, options.ready_file


async def run(setup: Setup, ready_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def publish(ready: Ready) -> None:
        line = ready.model_dump_json()
        if ready_file:
            # The rename is atomic: a reader never gets a partial file.
            partial = ready_file.with_name(f"{ready_file.name}.partial")
            partial.write_text(f"{line}\n")
            partial.replace(ready_file)
        print(line, flush=True)

    await serve(setup, publish, stop)


if __name__ == "__main__":
    asyncio.run(run(*parse()))
