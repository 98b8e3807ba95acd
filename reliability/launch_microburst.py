"""Script that starts microburst with a seed, so that its random draws are repeatable.

microburst draws from Python's global generator and has no seed option. Here each new set of rules
resets the generator to the seed.
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

    def set_seeded_rules(self: Any, data: list[dict[str, Any]]) -> Any:
        """Reset the generator to the seed, then replace the rules."""
        random.seed(seed)
        return set_rules(self, data)

    engine.set_rules = set_seeded_rules
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # one line per request otherwise
    sys.exit(cli.main(sys.argv[2:]))
