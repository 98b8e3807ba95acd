"""Output files: created at the first request by a thread pool, then cached."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path

from simulator.outputs import make
from simulator.predictions import Output, Prediction


class OutputFiles:
    """The files of outputs that have been requested at least once."""

    def __init__(self, folder: Path, pool: Executor, seed: int) -> None:
        self._folder, self._pool, self._seed = folder, pool, seed
        self._files: dict[str, asyncio.Future[Path]] = {}

    async def file(self, prediction: Prediction, output: Output) -> Path:
        """Return the path of an output's file. Concurrent calls create the file once."""
        future = self._files.get(output.path)
        if future is None:
            target = self._folder / Path(output.path).name
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(self._pool, make, prediction, output, self._seed, target)
            self._files[output.path] = future
        return await asyncio.shield(future)
