"""Files of outputs: made when first asked for, by a small pool of threads, and kept."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path

from local.provider.outputs import make
from local.provider.predictions import Output, Prediction


class Gallery:
    """The outputs that have been looked at."""

    def __init__(self, folder: Path, pool: Executor, seed: int) -> None:
        self._folder, self._pool, self._seed = folder, pool, seed
        self._files: dict[str, asyncio.Future[Path]] = {}

    async def file(self, prediction: Prediction, output: Output) -> Path:
        """The file of an output; many may ask at once, it is made once."""
        made = self._files.get(output.path)
        if made is None:
            target = self._folder / Path(output.path).name
            loop = asyncio.get_running_loop()
            made = loop.run_in_executor(self._pool, make, prediction, output, self._seed, target)
            self._files[output.path] = made
        return await asyncio.shield(made)
