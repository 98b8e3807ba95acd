"""Use cases: one file per operation, written in terms of the ports."""
