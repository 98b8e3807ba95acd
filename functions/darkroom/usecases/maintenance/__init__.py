"""Use cases that run on a schedule, and statistics."""
