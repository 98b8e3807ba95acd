"""Use cases of a batch."""
