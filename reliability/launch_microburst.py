"""Run as a script by a Python that has microburst: its own program, made repeatable.

It draws from Python's global generator and knows no seed; here every new set of rules begins at it.
"""

import logging
import random
import sys
from importlib import import_module
from typing import Any

if __name__ == "__main__":
    seed = int(sys.argv[1])
    cli: Any = import_module("microburst.cli")
    engine: Any = import_module("microburst.rules").RuleEngine
    set_rules = engine.set_rules

    def set_from_the_seed(self: Any, data: list[dict[str, Any]]) -> Any:
        """Replace the rules, and draw as at the start."""
        random.seed(seed)
        return set_rules(self, data)

    engine.set_rules = set_from_the_seed
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # a line for each request
    sys.exit(cli.main(sys.argv[2:]))
