"""Run every benchmark; the exit code is 1 if a promise is broken."""

import sys

from benchmarks import finalize_memory, polling

polling.main()
sys.exit(finalize_memory.main())
